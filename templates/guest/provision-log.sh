# What a step's log needs, for root's POSIX sh. The caller has set $log, the step's $title, and $most: bytes of the log.

# Begins a step's entry. Of a log that is longer than $most bytes the last half is kept.
begin_entry() {
    [ -d /var/log ] || mkdir -p /var/log
    if [ -f $log ] && [ "$(wc -c <$log)" -gt $most ]; then
        tail -c $((most / 2)) $log >$log.new && mv $log.new $log
    fi
    [ ! -h $log ] || rm -f $log
    printf '=== %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$title" >>$log
}
