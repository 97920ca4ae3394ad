# Root runs this in a guest whose disk becomes an image. It removes the machine's own keys and identity, so that each VM
# from the image gets new ones. cloud-init then treats the next boot as the first boot of a new instance.
set -u
if command -v cloud-init >/dev/null; then cloud-init clean --logs --seed || exit 1; fi
rm -rf /var/lib/cloud /var/lib/labctl /etc/sudoers.d/90-cloud-init-users /etc/sudoers.d/90-labctl
sed -i '/^# labctl: begin$/,/^# labctl: end$/d' /etc/hosts
# keys: the host's keys, and the authorized keys of users
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /etc/dropbear/*_host_key
for home in /root /home/*; do
    rm -f "$home/.ssh/authorized_keys" "$home/.ssh/known_hosts" "$home/.bash_history" "$home/.ash_history"
done
# identity: with an empty machine-id, systemd treats the next boot as the first one
[ ! -e /etc/machine-id ] || : >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
rm -f /var/lib/dhcp/* /var/lib/NetworkManager/*.lease /etc/netplan/50-cloud-init.yaml
rm -f /etc/udev/rules.d/70-persistent-net.rules
# logs and caches
rm -rf /tmp/* /var/tmp/* /var/log/journal/*
find /var/log -type f 2>/dev/null | while read -r log; do : >"$log"; done
if command -v apt-get >/dev/null; then apt-get clean; fi
sync
