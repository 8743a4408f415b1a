#!/bin/sh
# The attacks of network.py and what it includes, in a network of its own: bare, what
# they carry arrives at hosts and sockets that may not have it; under rules, nothing does.
set -u
if [ -z "${WORLD:-}" ]; then
	src=$(cd "$(dirname "$0")/../.." && pwd)
	INTERPOSE=${INTERPOSE:-$PWD/interpose}
	export INTERPOSE
	exec "$src/tests/net/enter" "$src/tests/escape/network.sh" "$src"
fi
src=$1
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_RUNTIME_DIR=$WORLD/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -p "$HOME/p" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
script=$src/tests/escape/network.py
failed=0 sinks=
trap 'kill $sinks' EXIT

fail() { echo "FAILED: $*"; failed=1; }

# The sockets of a desktop, where nobody else sees them.
resolv=$(readlink -f /etc/resolv.conf)
mount -t tmpfs none /run || { echo "SKIP: no /run of one's own"; exit 77; }
case $resolv in
/run/*) mkdir -p "$(dirname "$resolv")" && cp "$WORLD/resolv.conf" "$resolv" ;;
esac
python3 "$script" sinks &
sinks=$!
while ! [ -e "$WORLD/sinks" ]; do
	kill -0 $sinks || { echo "the sockets were not made"; exit 99; }
	sleep 0.02
done

clear() { for name in dns far udp raw unix; do : >"$WORLD/$name"; done; }

# Which marks of the attacks of a run arrived: their names.
arrived() {
	cat "$WORLD/dns" "$WORLD/far" "$WORLD/udp" "$WORLD/raw" "$WORLD/unix" |
		python3 -c '
import sys
got = sys.stdin.buffer.read()
for line in open(sys.argv[1]):
    name, mark = line.split()[:2]
    if mark.encode() in got or mark.encode().hex().encode() in got:
        print(name)' "$WORLD/said"
}

clear
python3 "$script" attack >"$WORLD/said" 2>&1
cp "$WORLD/said" "$WORLD/bare-said"
arrived >"$WORLD/bare"
python3 "$script" names | grep -vxFf "$WORLD/bare" >"$WORLD/cannot"
# What a machine may lack: protocols, and leave to use them.
if grep -vxE 'mptcp|vsock|ping|icmp-raw|fast-open|v4-mapped|labels-behind-a-question|leads-to-.*(nat64|link)' "$WORLD/cannot"; then
	fail "bare, these attacks (above) did not arrive"
	sed 's/^/  | /' "$WORLD/bare-said"
fi

session() { # RULE… -- ATTACK…
	rules=
	while [ "$1" != -- ]; do
		rules="$rules
$1"
		shift
	done
	shift
	clear
	printf 'include base\n%s\n' "$rules" >"$WORLD/policy"
	SSL_CERT_FILE=$WORLD/cert.pem timeout 120 "$INTERPOSE" -q --only \
		-p "$WORLD/policy" -C "$HOME/p" -e 'allow exec,read /**' -e 'allow env WORLD' \
		python3 "$script" attack "$@" >"$WORLD/said" 2>&1 ||
		fail "the attacks ended: $?"
	arrived >"$WORLD/held"
	if [ -s "$WORLD/held" ]; then
		fail "these arrived:"
		cat "$WORLD/held"
		grep -Ff "$WORLD/held" "$WORLD/said"
	fi
}

session 'allow connect good.test:80,443,4433,4434,7780 udp:good.test:9999' \
	'allow connect *.wild.test:443 *.bad.test:80' \
	'allow http GET *.wild.test/**' 'deny http GET *.wild.test/secret/**' --
count=$(grep -c . "$WORLD/said")
[ "$count" -eq "$(python3 "$script" names | grep -c .)" ] ||
	{ fail "not all were tried"; cat "$WORLD/said"; }
# What may pass did, or nothing would be shown.
for fine in ' good.test /fine' ' good.test /small' 'seen.wild.test seen.wild.test /first' \
	'good.test good.test /again' 'good.test good.test /ticket' 'seen.wild.test seen.wild.test /greased' \
	' alias.bad.test /aliased'; do
	grep -qF -- "$fine" "$WORLD/far" || { fail "$fine: not served"; cat "$WORLD/said"; }
done
grep -q 66696e65 "$WORLD/udp" || fail "the first datagram did not arrive"

# A list that is empty allows nothing.
session -- by-address-without-a-proxy labels labels-over-tcp quic \
	real-tls-to-a-neighbour host-of-another leads-to-metadata rebinding
for name in dns far udp raw; do
	[ ! -s "$WORLD/$name" ] || { fail "something left with no rule"; cat "$WORLD/$name"; }
done

echo "$count attacks; bare, these cannot be made here: $(tr '\n' ' ' <"$WORLD/cannot")"
[ $failed -eq 0 ]
