#!/bin/sh
# Run by mmdebstrap as its last step: makes the file system of the new root $1 in the file open as descriptor $2, which
# works also where this runs in a user namespace that could not open it by its path.
set -eu
root=$1
rm -f "$root/boot/vmlinuz" "$root/boot/initrd"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/tmp/* "$root"/var/tmp/*
# A bind mount shows the root without what is mounted in it
mount --bind "$root" "$root/mnt"
code=0
mkfs.ext4 -q -F -L labctl-root -m 1 -E lazy_itable_init=0,lazy_journal_init=0 -d "$root/mnt" "/proc/self/fd/$2" || code=$?
umount "$root/mnt"
exit $code
