# Run by mmdebstrap as its last step: makes the file system of the new root $1 in the file $LABCTL_DISK, an open
# descriptor, since this may run in a user namespace that could not open the file by its path.
set -eu
root=$1
rm -f "$root/boot/vmlinuz" "$root/boot/initrd"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/tmp/* "$root"/var/tmp/*
# A bind mount shows the root without what is mounted in it
mount --bind "$root" "$root/mnt"
code=0
mkfs.ext4 -q -F -L labctl-root -m 1 -E lazy_itable_init=0,lazy_journal_init=0 -d "$root/mnt" "$LABCTL_DISK" || code=$?
umount "$root/mnt"
exit $code
