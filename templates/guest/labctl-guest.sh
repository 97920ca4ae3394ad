#!/bin/sh
# The guest's script: it talks with labctl on the host over the virtio-serial port org.labctl.guest.0.
#
# It is written for POSIX sh with ip, base64, sed, grep, tr, cat, cmp, dd, head, mkfifo, mktemp, readlink, setsid, sleep
# and sync, which even minimal images have. It needs no network. A boothook in the seed starts it at each boot, with
# keys.sh before it, and writes /run/labctl/seed, which has the lines of keys.sh and lines `nic MAC BASE64` as below.
# A later labctl can start a newer version of the script, which ends this one.
#
# Both directions of the port are lines of ASCII. The host sends words, with payloads in base64:
#
#   hello                                   report the state now, and at each change until the host hangs up
#   hosts BASE64                            replace labctl's block in /etc/hosts; an empty payload removes it
#   nic MAC BASE64                          configure this NIC by the lines `mtu N`, `address IP/PREFIX`, `dhcp` and
#                                           `route CIDR|default VIA`. This survives reboots; no lines: forget the NIC
#   clock EPOCH_S                           set the clock, after a resume
#   run ID BASE64 [stdin]                   run this text in sh as root; its stdin is empty without the word `stdin`
#   stdin ID COUNT                          COUNT bytes of base64 follow: a piece of the command's stdin; 0 ends stdin.
#                                           The host waits for the acknowledgement before it sends anything else
#   more ID STREAM                          send the next piece of this output: the one before is dealt with
#   kill ID                                 end the command with all its processes
#
# and gets one JSON object on each line:
#
#   {"event":"state","boot_id":"...","version":2,"stage":"init|config|final|done","uptime_s":12,
#    "addresses":[{"mac":"...","ip":"10.0.0.2/24"}],
#    "status": cloud-init's status.json or null, "result": its result.json or null, verbatim,
#    "log": the end of its output where there are errors, else null}
#   {"event":"ack","command":"nic","target":"52:54:00:...","ok":true,"detail":"..."}
#   {"event":"output","id":"...","stream":"stdout|stderr","data":"BASE64"}
#   {"event":"stdin","id":"..."}            the command can take a piece of its stdin
#   {"event":"exit","id":"...","code":0}    after all of its output; a code above 128 means a signal, as in sh
#
# Version 1 reports no version, and has no `run`, `stdin`, `more` and `kill`. It has `check`, which a newer script is
# started by. Commands that run end when the host hangs up.
#
# A change is written to the disk before it is acknowledged, so it survives a reset or a crash of the host.
#
# Only one process can open the port. So this script opens it once, as fd 3, for all its processes. While no host
# listens, a write blocks and a read ends at once: hence the loop at the end, and the writer process, which can be killed
# in a write.
# After a reconnect, the first line may be the rest of an older line: readers skip lines that are no JSON.

version=2 # as VERSION in labctl/guest/protocol.py
port_name=org.labctl.guest.0
run=/run/labctl-guest
seed=/run/labctl/seed
kept=/var/lib/labctl
nics=$kept/nics
cloud=/run/cloud-init
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

uptime_s() { read -r seconds _ </proc/uptime && echo "${seconds%.*}"; }

# Writes stdin as a JSON string; all characters but printable ASCII and newlines become `?`.
json_string() {
    printf '"%s"' "$(tr '\t' ' ' | tr -c '\n -~' '?' | sed 's/\\/\\\\/g; s/"/\\"/g; s/$/\\n/' | tr -d '\n' | sed 's/\(\\n\)*$//')"
}

# A word that needs no escapes, as most, takes no process: they are slow on an emulated CPU.
quote() { # TEXT; sets $quoted to it as a JSON string
    case $1 in
    *[!a-zA-Z0-9:._-]*) quoted=$(printf %s "$1" | json_string) ;;
    *) quoted="\"$1\"" ;;
    esac
}

# --- to the host ---------------------------------------------------------------------------------------------

# Long lines are not written atomically, so each goes through a file, and one writer alone writes to the port.
send() {
    message=$(mktemp "$run/message.XXXXXX") && printf '%s\n' "$1" >"$message" && echo "$message" >&4
}

# Sends by way of a file that is used again and again: the host has got the message before.
send_by() { # FILE TEXT
    printf '%s\n' "$2" >"$1" && echo "$1" >&4
}

write_messages() {
    while read -r message <&4; do
        line=
        case $message in
        *.stdout | *.stderr) line=$(cat "$message") ;; # `read` takes a byte at a time: too slow for what is long
        *) IFS= read -r line <"$message" ;;
        esac
        case $message in "$run"/message.*) rm -f "$message" ;; esac
        # printf is a builtin: killing this process ends its write. A child would go on writing.
        printf '%s\n' "$line" >&3
    done
}

ack() { # COMMAND TARGET OK DETAIL
    quote "$1"
    reply="\"command\":$quoted"
    quote "$2"
    reply="$reply,\"target\":$quoted,\"ok\":$3"
    quote "$4"
    send "{\"event\":\"ack\",$reply,\"detail\":$quoted}"
}

# --- state ---------------------------------------------------------------------------------------------------
# The state is read several times a second, also on a slow emulated CPU: so these functions use builtins where possible.

read_document() { # FILE; sets $document to cloud-init's JSON, which is ASCII, on one line
    document=
    if [ -r "$1" ]; then while read -r line || [ -n "$line" ]; do document="$document$line "; done <"$1"; fi
    document=${document:-null}
}

set_stage() {
    case $status in
    *'"stage": "modules-config"'*) stage=config ;;
    *'"stage": "modules-final"'*) stage=final ;;
    *) stage=init ;;
    esac
    # the stage is done only when people can log in, too
    if [ "$result" != null ] || [ -e $cloud/disabled ]; then if [ -e $run/settled ]; then stage="done"; else stage=final; fi; fi
}

addresses() {
    separator=
    ip -o addr show scope global | while read -r _ nic _ address _; do
        read -r mac 2>/dev/null <"/sys/class/net/$nic/address" || continue
        printf '%s{"mac":"%s","ip":"%s"}' "$separator" "$mac" "$address"
        separator=,
    done
}

read_stage() { # sets $status, $result and $stage
    read_document $cloud/status.json && status=$document
    read_document $cloud/result.json && result=$document
    set_stage
}

observe() { # sets $state, too
    read_stage
    case $status$result in
    *'"errors": ['[!]]*) log=$(tail -n 20 /var/log/cloud-init-output.log 2>/dev/null | tail -c 4000 | json_string) ;;
    *) log=null ;;
    esac
    state="\"stage\":\"$stage\",\"addresses\":[$(addresses)],\"status\":$status,\"result\":$result,\"log\":$log"
}

watch_state() {
    read -r boot_id </proc/sys/kernel/random/boot_id
    last=
    while :; do
        observe
        [ "$state" = "$last" ] || send "{\"event\":\"state\",\"boot_id\":\"$boot_id\",\"version\":$version,\"uptime_s\":$(uptime_s),$state}"
        last=$state
        if [ "$stage" = "done" ]; then sleep 1; else sleep 0.3; fi # when done, only addresses still change
    done
}

# --- commands ------------------------------------------------------------------------------------------------

set_hosts() { # BASE64
    block=$(printf %s "$1" | base64 -d) || return 1
    [ -e /etc/hosts ] || : >/etc/hosts
    cp -p /etc/hosts /etc/hosts.labctl &&
        sed '/^# labctl: begin$/,/^# labctl: end$/d' /etc/hosts >/etc/hosts.labctl &&
        { [ -z "$block" ] || printf '# labctl: begin\n%s\n# labctl: end\n' "$block" >>/etc/hosts.labctl; } &&
        mv /etc/hosts.labctl /etc/hosts || return 1
    mkdir -p -m 700 $kept && printf '%s\n' "$1" >$kept/hosts && sync /etc/hosts $kept/hosts || return 1
    if command -v restorecon >/dev/null; then restorecon /etc/hosts; fi
}

nic_with_mac() {
    for nic in /sys/class/net/*; do
        # a bridge or VLAN on top of the NIC has the same MAC, but no device
        [ -e "$nic/device" ] && [ "$(cat "$nic/address")" = "$1" ] && echo "${nic##*/}" && return
    done
    return 1
}

wait_for_nic() {
    tries=50
    until nic_with_mac "$1"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.2
    done
}

facts() { sed -n "s/^$1 //p" "$2"; } # KEY FILE

apply_nic() { # MAC FILE OLD-FILE; says what failed
    nic=$(wait_for_nic "$1") || { echo "no NIC has this MAC"; return 1; }
    # NetworkManager starts DHCP on each new NIC
    if [ -n "$(facts address "$2")" ] && command -v nmcli >/dev/null; then nmcli device set "$nic" managed no >/dev/null 2>&1; fi
    ip link set dev "$nic" up || return 1
    for mtu in $(facts mtu "$2"); do ip link set dev "$nic" mtu "$mtu" || return 1; done
    # addresses of a DHCP client stay
    grep -qx dhcp "$2" || ip -o addr show dev "$nic" scope global | grep -v ' dynamic' | while read -r _ _ _ address _; do
        facts address "$2" | grep -qxF "$address" || ip addr del "$address" dev "$nic"
    done
    if grep -qx dhcp "$2"; then start_dhcp "$nic"; fi
    for address in $(facts address "$2"); do
        ip -o addr show dev "$nic" | grep -qF " $address " || ip addr add "$address" dev "$nic" || return 1
    done
    facts route "$3" 2>/dev/null | while read -r to via; do
        grep -qxF "route $to $via" "$2" || ip "$(family "$via")" route del "$to" via "$via" dev "$nic"
    done
    facts route "$2" >"$run/routes.$nic"
    while read -r to via; do
        ip "$(family "$via")" route replace "$to" via "$via" dev "$nic" || return 1
    done <"$run/routes.$nic"
}

start_dhcp() { # NIC; nothing is done where the distribution has given it an address
    [ -z "$(ip -o -4 addr show dev "$1" scope global)" ] || return 0
    if command -v networkctl >/dev/null && systemctl -q is-active systemd-networkd; then
        mkdir -p /run/systemd/network
        printf '[Match]\nName=%s\n[Network]\nDHCP=ipv4\n' "$1" >"/run/systemd/network/10-labctl-$1.network"
        networkctl reload
    elif command -v nmcli >/dev/null; then
        nmcli device set "$1" managed yes && nmcli -w 0 device connect "$1"
    elif command -v dhclient >/dev/null; then
        dhclient -nw "$1" 3>&- 4>&-
    else
        udhcpc -b -i "$1" -x "hostname:$(hostname)" 3>&- 4>&-
    fi >/dev/null 2>&1
}

family() { case $1 in *:*) echo -6 ;; *) echo -4 ;; esac; }

set_nic() { # MAC BASE64
    mac=$(printf %s "$1" | tr A-F a-f)
    case $mac in *[!0-9a-f:]*) echo "not a MAC"; return 1 ;; esac
    mkdir -p $nics
    [ -n "$2" ] || { rm -f "$nics/$mac" && sync $nics; return; }
    printf %s "$2" | base64 -d >"$nics/$mac.new" || return 1
    [ -e "$nics/$mac" ] || : >"$nics/$mac"
    apply_nic "$mac" "$nics/$mac.new" "$nics/$mac" && mv "$nics/$mac.new" "$nics/$mac" && sync "$nics/$mac"
}

# The configuration of the seed applies from its first boot on; later commands over the port override it. A new seed
# overrides both, since it is newer: it was written while this guest did not run. On the very first boot, cloud-init
# configures the NICs.
take_seed() {
    [ -r $seed ] && ! cmp -s $seed $kept/seed || return 0
    first=yes
    [ ! -e /var/lib/cloud/instance/boot-finished ] || first=no
    rm -rf $nics
    mkdir -p -m 700 $kept
    (umask 077 && grep -v '^nic ' $seed >$kept/keys)
    if [ $first = no ]; then
        mkdir -p $nics
        sed -n 's/^nic //p' $seed | while read -r mac lines; do
            printf %s "$lines" | base64 -d >"$nics/$mac"
        done
    fi
    sync # the files from the seed are on the disk before the copy that says that the seed has been applied
    (umask 077 && cat $seed >$kept/seed)
}

reapply_nics() {
    [ -e $nics ] || return 0
    for file in "$nics"/*; do
        case $file in *.new | *\*) continue ;; esac
        apply_nic "${file##*/}" "$file" "$file"
    done
}

settle() { # runs at each boot, and waits until cloud-init has created users and configured NICs
    take_seed
    tries=120
    while read_stage && [ "$stage" = init ] && [ $tries -gt 0 ]; do
        tries=$((tries - 1))
        sleep 1
    done
    [ ! -r $kept/keys ] || apply_keys $kept/keys
    reapply_nics
    # cloud-init's manage_etc_hosts replaces /etc/hosts at each boot
    [ ! -s $kept/hosts ] || grep -qs '^# labctl: begin$' /etc/hosts || set_hosts "$(cat $kept/hosts)"
    : >$run/settled
}

# --- running commands ----------------------------------------------------------------------------------------
# Each running command has a folder with its named pipes. At most one piece of each stream is held in memory.

piece_bytes=65536 # what a pipe holds

start_run() { # ID BASE64 STDIN
    job=$run/job.$session.$1
    mkdir "$job" && (cd "$job" && mkfifo stdin taken.stdin stdout taken.stdout stderr taken.stderr) || return
    input=/dev/null feeder=
    if [ "$3" = stdin ]; then
        input=$job/stdin
        feed "$1" &
        feeder=$!
    fi
    relay "$1" stdout <"$job/stdout" &
    relay "$1" stderr <"$job/stderr" &
    # in its own session, so that it can be ended with all its child processes
    setsid sh -c "$(printf %s "$2" | base64 -d)" <"$input" >"$job/stdout" 2>"$job/stderr" 3>&- 4>&- &
    leader=$!
    echo $leader >"$job/pid"
    [ -e "$run/session.$session" ] || stop_run "$job"
    wait $leader
    code=$?
    [ -z "$feeder" ] || kill $feeder 2>/dev/null
    wait # until the host has all output
    # Before the message: a host that gets it may rely on that. Again if something was written there meanwhile.
    while [ -d "$job" ]; do rm -rf "$job" "$run/piece.$session.$1"; done 2>/dev/null
    send "{\"event\":\"exit\",\"id\":\"$1\",\"code\":$code}"
}

# Sends the output in pieces, each after the host has dealt with the one before.
relay() { # ID STREAM
    exec 5<>"$job/taken.$2"
    while dd bs=$piece_bytes count=1 2>/dev/null >"$job/piece.$2" && [ -s "$job/piece.$2" ]; do
        send_by "$job/message.$2" "{\"event\":\"output\",\"id\":\"$1\",\"stream\":\"$2\",\"data\":\"$(base64 <"$job/piece.$2" | tr -d '\n')\"}" || return
        [ ! -e "$job/over" ] && read -r _ <&5 && [ ! -e "$job/over" ] || return
    done
}

# Asks the host for pieces of stdin, each after the command has read the one before.
feed() { # ID
    exec 5<>"$job/taken.stdin" 6>"$job/stdin"
    while send_by "$job/message.stdin" "{\"event\":\"stdin\",\"id\":\"$1\"}" && read -r _ <&5 && [ -s "$run/piece.$session.$1" ]; do
        base64 -d <"$run/piece.$session.$1" >&6 || return
    done
}

# head may read more bytes than COUNT, so the host sends nothing else before the acknowledgement.
take_piece() { # ID COUNT
    # Not into the command's folder: it goes when the command ends, and what nobody reads here would count as commands.
    head -c "$2" <&3 >"$run/piece.$session.$1"
    send_by $run/taken "{\"event\":\"ack\",\"command\":\"stdin\",\"target\":\"$1\",\"ok\":true,\"detail\":\"\"}"
    if [ -d "$run/job.$session.$1" ]; then go_on "$run/job.$session.$1" stdin; else rm -f "$run/piece.$session.$1"; fi
}

go_on() { # FOLDER STREAM
    [ ! -p "$1/taken.$2" ] || echo 1<>"$1/taken.$2" # with <> the open never blocks, even if the reader has ended
} 2>/dev/null

stop_run() { # FOLDER
    [ ! -d "$1" ] || echo >"$1/over" # the host takes no more of its output
    go_on "$1" stdout
    go_on "$1" stderr
    read -r pid <"$1/pid" || return
    kill -s TERM -- "-$pid"
    sleep 1
    [ ! -d "$1" ] || kill -s KILL -- "-$pid"
} 2>/dev/null

# --- a host's connection -------------------------------------------------------------------------------------

session=0
writer=
watcher=

end_session() {
    # shellcheck disable=SC2086 # no process is no argument
    [ -z "$writer" ] || kill $writer $watcher 2>/dev/null
    writer='' watcher=''
    rm -f $run/session.* $run/message.* $run/piece.*
    for job in "$run"/job.*; do [ ! -d "$job" ] || stop_run "$job" & done
}

begin_session() {
    session=$((session + 1))
    : >"$run/session.$session"
    # a new pipe, so that this host gets no messages for the last one
    rm -f $run/pipe && mkfifo $run/pipe && exec 4<>$run/pipe
    write_messages &
    writer=$!
}

handle() { # COMMAND WORDS...
    command=$1
    case $command in
    hello) [ -z "$watcher" ] || kill "$watcher"; watch_state & watcher=$! ;;
    hosts) if detail=$(set_hosts "$2" 2>&1); then ack hosts "" true ""; else ack hosts "" false "$detail"; fi ;;
    nic) (if detail=$(set_nic "$2" "$3" 2>&1); then ack nic "$2" true ""; else ack nic "$2" false "$detail"; fi) & ;;
    clock) if detail=$(date -s "@${2%.*}" 2>&1); then ack clock "" true ""; else ack clock "" false "$detail"; fi ;;
    run) start_run "$2" "$3" "$4" & ;;
    stdin) take_piece "$2" "$3" ;;
    more) go_on "$run/job.$session.$2" "$3" ;;
    kill) stop_run "$run/job.$session.$2" & ;;
    *) ack "$command" "" false "unknown command" ;;
    esac
}

find_port() {
    [ -e /dev/virtio-ports/$port_name ] && echo /dev/virtio-ports/$port_name && return
    for port in /sys/class/virtio-ports/*; do
        [ "$(cat "$port/name" 2>/dev/null)" = $port_name ] && echo "/dev/${port##*/}" && return
    done
    return 1
}

# Kills an older version of this script with its children: the processes that have the port open.
end_holders() {
    real=$(readlink -f "$port")
    for holder in /proc/[0-9]*/fd/3; do
        [ "$(readlink "$holder")" != "$real" ] || { pid=${holder#/proc/} && kill -s KILL "${pid%%/*}"; }
    done 2>/dev/null
    sleep 0.2
}

rm -rf $run
mkdir -m 700 $run
settle >/dev/null 2>&1 &
until port=$(find_port); do sleep 1; done
# Without `command`, a failing exec would end this shell. The port is opened once only: what the host sends between two
# opens would be lost.
until command exec 3<>"$port"; do end_holders; done
while :; do
    while IFS=' ' read -r a b c d <&3; do
        [ -n "$writer" ] || begin_session
        handle "$a" "$b" "$c" "$d"
    done
    [ -z "$writer" ] || end_session
    sleep 0.3
done
