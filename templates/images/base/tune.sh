# Run by mmdebstrap's shell once all packages are in, before the files and lines of the recipe; $1 is the new root.
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

in_root systemctl enable -q systemd-networkd.service systemd-resolved.service
# Timers that wake a lab for nothing
in_root systemctl mask -q apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
# What costs each boot time, one process after the other on an emulated CPU, for what a guest lacks: LVM snapshots,
# crash dumps, a TPM, a console that no one sees, a journal on disk, partitions to grow before cloud-init does, kernel
# file systems for debugging. FUSE, loop and the like still load when they are used.
in_root systemctl mask -q e2scrub_reap.service systemd-pstore.service systemd-pcrphase.service \
    systemd-pcrphase-sysinit.service getty@tty1.service systemd-journal-flush.service systemd-repart.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-update-utmp-runlevel.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    modprobe@drm.service modprobe@configfs.service modprobe@fuse.service
# Its modules run in the final stage (50_labctl.cfg): a stage less is a start of Python less
in_root systemctl mask -q cloud-config.service
echo "$LABCTL_HOSTNAME" >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
