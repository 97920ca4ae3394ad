# Tries a `ready` condition again and again. Fails when the time is up, and then says what was wrong the last time.

kind=$1 value=$2 timeout_s=$3 interval_s=$4

uptime_s() { read -r seconds _ </proc/uptime && echo "${seconds%.*}"; }

holds() { # SECONDS
    case $kind in
    tcp) grep -qE ":$(printf %04X "$value") [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null || { echo "nothing listens on port $value"; return 1; } ;;
    exec) timeout "$1" sh -c "$value" </dev/null 2>&1 ;;
    http)
        # wget's own option -T crashes some versions of busybox
        if command -v curl >/dev/null; then timeout 10 curl -fsS -o /dev/null -- "$value" 2>&1
        elif command -v wget >/dev/null; then timeout 10 wget -q -O /dev/null -- "$value" 2>&1
        else timeout 10 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$value" 2>&1; fi
        ;;
    esac
}

end=$(($(uptime_s) + timeout_s))
while :; do
    left=$((end - $(uptime_s)))
    [ $left -gt 0 ] || left=1
    said=$(holds $left) && exit 0
    [ "$(uptime_s)" -lt $end ] || break
    sleep "$interval_s"
done
printf %s "$said" | tail -n 5
exit 1
