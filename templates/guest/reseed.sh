# Mixes random bytes of the host, which come by stdin, into the kernel's pool, and lets the kernel's generator begin anew
# from that. Else two guests that go on from one saved memory would give out the same numbers. root runs it.
#
# Exits with 3 where nothing here can ask the kernel to begin anew: it does so by itself within a minute.

cat >/dev/urandom || exit 1
case $(uname -m) in ppc*) reseed=0x20005207 ;; *) reseed=0x5207 ;; esac # RNDRESEEDCRNG in linux/random.h
python3 -ISc "import fcntl; fcntl.ioctl(open('/dev/urandom', 'wb'), $reseed)" 2>/dev/null ||
    perl -e "open my \$pool, '>', '/dev/urandom' or exit 1; ioctl(\$pool, $reseed, 0) or exit 1" 2>/dev/null ||
    exit 3
