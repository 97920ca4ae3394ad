# Run by mmdebstrap as its last step: makes the file system of the new root $1 in the file $LABCTL_DISK, an open
# descriptor, since this may run in a user namespace that could not open the file by its path; it begins at byte
# $LABCTL_OFFSET and has $LABCTL_SIZE bytes.
set -eu
root=$1
rm -f "$root/boot/manifest" "$root/etc/apt/apt.conf.d/00mmdebstrap"
[ "$LABCTL_BOOTABLE" = yes ] || rm -f "$root/boot/vmlinuz" "$root/boot/initrd"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/var/tmp/*
# mmdebstrap keeps services from starting in the new root; in a guest they shall
if printf '#!/bin/sh\nexit 101\n' | cmp -s - "$root/usr/sbin/policy-rc.d"; then
    rm "$root/usr/sbin/policy-rc.d"
fi
if [ -e "$root/sbin/start-stop-daemon.REAL" ]; then
    mv "$root/sbin/start-stop-daemon.REAL" "$root/sbin/start-stop-daemon"
fi
# A bind mount shows the root without what is mounted in it. What lies in /tmp is hidden rather than removed: mmdebstrap's
# configuration of apt is there, and without it its apt would clean the host's lists.
mount --bind "$root" "$root/mnt"
mount -t tmpfs -o mode=1777 tmpfs "$root/mnt/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/mnt/run"
code=0
mkfs.ext4 -q -F -L labctl-root -m 1 -E "lazy_itable_init=0,lazy_journal_init=0,offset=$LABCTL_OFFSET" \
    -d "$root/mnt" "$LABCTL_DISK" "$((LABCTL_SIZE / 1024))k" || code=$?
umount "$root/mnt/tmp" "$root/mnt/run" "$root/mnt"
exit $code
