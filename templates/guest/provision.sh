# Runs a script as $user by $program, and appends what it says to $log under $title, by what provision-log.sh defines.
# It is POSIX sh, run by root.
#
# The environment and the script come by stdin, since everybody in the guest can read a program's arguments.
# What the script leaves running may keep its output open: then that is waited for no longer than two seconds.
# Each program costs some ten milliseconds in an emulated guest, so few are started.

folder=$(mktemp -d /tmp/labctl.XXXXXX) || exit 125
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' TERM INT HUP
umask 077
cat >"$folder/all" || exit 125
read -r lines <"$folder/all"
sed -n "2,$((lines + 1))p" "$folder/all" >"$folder/env"
tail -n +$((lines + 2)) "$folder/all" >"$folder/script"
mkfifo "$folder/out" || exit 125
if [ "$user" != root ]; then
    id "$user" >/dev/null 2>&1 || { echo "there is no user $user in the guest" >&2; exit 125; }
    rm -f "$folder/all"
    chown -R "$user" "$folder" || exit 125
fi

begin_entry
tee -a $log <"$folder/out" &
tee=$!
run=". '$folder/env'; rm -f '$folder/env'; cd \"\$HOME\" 2>/dev/null; $program '$folder/script'"
if [ "$user" = root ]; then
    sh -c "$run" >"$folder/out" 2>&1 </dev/null
else
    su -s /bin/sh "$user" -c "$run" >"$folder/out" 2>&1 </dev/null
fi
code=$?
(sleep 2; kill $tee) >/dev/null 2>&1 &
clock=$!
{ wait $tee; } 2>/dev/null # or the shell says that it was ended
kill $clock 2>/dev/null
exit $code
