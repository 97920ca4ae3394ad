# Run by mmdebstrap's shell once all packages are in; $1 is the new root.
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

in_root systemctl enable -q systemd-networkd.service systemd-resolved.service
# Timers that wake a lab for nothing, and units that cost each boot time: LVM snapshots, crash dumps, a console that
# no one sees, kernel file systems for debugging.
in_root systemctl mask -q apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-pstore.service getty@tty1.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount
echo debian >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# What has to be each guest's own
rm -f "$root"/etc/ssh/ssh_host_*_key*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"

# The kernel that boots it directly, under names without a version
cp "$root"/boot/vmlinuz-* "$root/boot/vmlinuz"
cp "$root"/boot/initrd.img-* "$root/boot/initrd"
