# Mixes random bytes of the host, which are the first line of stdin in hex, into the kernel's pool, and lets the kernel's
# generator begin anew from that. Else two guests that go on from one saved memory would give out the same numbers. root
# runs it. More of a script may follow, which begins with the next line of stdin.
#
# Sets $unable to 3 where nothing here can ask the kernel to begin anew: it does so by itself within a minute.

read -r random && echo "$random" >/dev/urandom || exit 1
unable=0
case $(uname -m) in ppc*) reseed=0x20005207 ;; *) reseed=0x5207 ;; esac # RNDRESEEDCRNG in linux/random.h
python3 -ISc "import fcntl; fcntl.ioctl(open('/dev/urandom', 'wb'), $reseed)" </dev/null 2>/dev/null ||
    perl -e "open my \$pool, '>', '/dev/urandom' or exit 1; ioctl(\$pool, $reseed, 0) or exit 1" </dev/null 2>/dev/null ||
    unable=3
