# Run by mmdebstrap's shell after all that the recipe wants; $1 is the new root.
set -eu
root=$1
newest() { (cd "$root/boot" && printf '%s\n' "$1"-* | sort -V | tail -n 1); }

# What has to be each guest's own
rm -f "$root"/etc/ssh/ssh_host_*_key*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
# The name server of the host served until now
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# shellcheck disable=SC2016 # dpkg's own fields
chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package}=${Version}\n' |
    sed -n 's/^installed //p' >"$root/boot/manifest"
# Under names without a version: beside the image for a direct boot, else where GRUB looks for what Debian's own links
# give, which follow the kernel's updates
if [ "$LABCTL_BOOTABLE" = no ]; then
    cp "$root/boot/$(newest vmlinuz)" "$root/boot/vmlinuz"
    cp "$root/boot/$(newest initrd.img)" "$root/boot/initrd"
elif [ ! -e "$root/vmlinuz" ] && [ ! -e "$root/boot/vmlinuz" ]; then
    ln -s "$(newest vmlinuz)" "$root/boot/vmlinuz"
    ln -s "$(newest initrd.img)" "$root/boot/initrd.img"
fi
# The packages' own set-up is done: systemd need not do it again at the first boot (ConditionNeedsUpdate)
touch "$root/etc/.updated" "$root/var/.updated"
