# Sets up the login and the host key of a file of keys. This is part of the guest's script; it is also sent to a guest
# that is to use new keys. The file has the lines
#
#   login USER yes|no KEY            KEY is a line of authorized_keys; yes: the user may run everything by sudo
#   host-key BASE64 PUBLIC           the ed25519 key pair in OpenSSH's formats, the private key in base64
#
# This works whatever the user's cloud-config says, and even if cloud-init fails.

apply_keys() { # FILE
    while read -r word first second rest; do
        case $word in
        login) ensure_login "$first" "$second" "$rest" </dev/null ;;
        host-key) ensure_host_key "$first" "$second $rest" </dev/null ;;
        esac
    done <"$1"
}

home_of() { sed -n "s/^$1:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*/\1/p" /etc/passwd; }

ensure_login() { # USER SUDO KEY
    if [ -z "$(home_of "$1")" ]; then
        if command -v useradd >/dev/null; then useradd -m -s /bin/bash "$1"; else adduser -D -s /bin/sh "$1"; fi || return 1
    fi
    if [ "$2" = yes ] && [ -d /etc/sudoers.d ] && [ ! -e /etc/sudoers.d/90-labctl ]; then
        (umask 337 && echo "$1 ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/90-labctl)
    fi
    home=$(home_of "$1")
    grep -qsxF "$3" "$home/.ssh/authorized_keys" && return
    mkdir -p "$home" # if cloud-init's write_files has created it, it belongs to root
    [ "$(stat -c %u "$home")" != 0 ] || chown "$1" "$home"
    mkdir -p "$home/.ssh" && echo "$3" >>"$home/.ssh/authorized_keys" || return 1
    chmod 700 "$home/.ssh" && chmod 600 "$home/.ssh/authorized_keys" && chown -R "$1" "$home/.ssh"
    sync "$home/.ssh/authorized_keys"
    if command -v restorecon >/dev/null; then restorecon -R "$home/.ssh"; fi
}

ensure_host_key() { # BASE64 PUBLIC
    [ -d /etc/ssh ] || return 0
    type='' body=''
    read -r type body _ 2>/dev/null </etc/ssh/ssh_host_ed25519_key.pub
    case "$2 " in "$type $body "*) [ -z "$body" ] || return 0 ;; esac
    (umask 077 && printf %s "$1" | base64 -d >/etc/ssh/ssh_host_ed25519_key) || return 1
    # the public key comes last: if it exists at the next boot, the private key is complete
    sync /etc/ssh/ssh_host_ed25519_key
    echo "$2" >/etc/ssh/ssh_host_ed25519_key.pub && sync /etc/ssh/ssh_host_ed25519_key.pub
    systemctl restart ssh || systemctl restart sshd || service ssh restart || service sshd restart
}
