#!/bin/sh
# Hosts by name: what is allowed is reached, as a program that has the network to
# itself would, and nothing of the rest leaves: counted at the far end.
set -u
if [ -z "${WORLD:-}" ]; then
	src=$(cd "${srcdir:-.}" && pwd)
	INTERPOSE=${INTERPOSE:-$PWD/interpose}
	export INTERPOSE
	exec "$src/tests/net/enter" "$src/tests/e2e/net.sh" "$src"
fi
src=$1
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state
export HOME XDG_STATE_HOME
mkdir -p "$HOME/p"
failed=0 number=0

fail() { echo "FAILED: $*"; failed=1; }

# try NAME EXPECTED RULE… -- PROGRAM…: its output is to contain EXPECTED.
try() {
	name=$1 expected=$2
	shift 2
	number=$((number + 1))
	rules=
	for word; do
		shift
		[ "$word" = -- ] && break
		rules="$rules
$word"
	done
	printf 'include base\nallow read %s/cert.pem\nallow read %s/tests/net/**\n%s\n' "$WORLD" "$src" "$rules" \
		>"$WORLD/policy"
	timeout 30 "$INTERPOSE" -q --only -p "$WORLD/policy" -C "$HOME/p" \
		-e 'allow exec,read /**' "$@" >"$WORLD/out" 2>&1
	grep -qF -- "$expected" "$WORLD/out" ||
		{ fail "$name: no \`$expected\` in:"; sed 's/^/  | /' "$WORLD/out"; }
}

arrived() { # FILE TEXT NAME
	grep -qF -- "$2" "$WORLD/$1" || fail "$3: \`$2\` did not arrive"
}
silent() { # FILE TEXT NAME
	if grep -qF -- "$2" "$WORLD/$1"; then fail "$3: \`$2\` arrived"; fi
}
client="python3 $src/tests/net/client.py"

# shellcheck disable=SC2086 # words of a command
{
good='allow connect good.test:443 good.test:80'
try "TLS by name" "hello good.test" "$good" -- $client tls good.test 443 /a
try "without waiting" "hello good.test" "$good" -- $client nonblocking good.test 443 /b
try "HTTP by name" "hello good.test" "$good" -- $client http good.test 80 /c
try "keep-alive" "hello good.test 5" "$good" -- $client keepalive good.test good.test /d
try "upgrade" "echoed" "$good" -- $client upgrade good.test
try "the peer's address" "203.0.113.10 443" "$good" -- $client peer good.test 443
try "refused by the far end" "ECONNREFUSED" "allow connect good.test:*" -- $client nonblocking good.test 444 /
try "refused while it waits" "ECONNREFUSED" "allow connect good.test:*" -- $client tls good.test 444 /
try "one dead address of two" "hello two.test" "allow connect two.test:443" -- $client tls two.test 443 /e
try "a server that speaks first" "220 welcome" "allow connect good.test:7777" -- $client first good.test 7777
try "a word, and no more" "got b'heard'" "allow connect good.test:4437" -- $client word good.test 4437 ruok
try "a word that goes nowhere" "reset" "allow connect good.test:4437" -- $client word good.test 4437 "evil / HTTP/1.1"
try "a word where there is to be a name" "reset" "$good" -- $client word good.test 80 evil
left="allow read $WORLD/left"
try "a client that goes unanswered" "the far end saw it" "allow connect good.test:4435" "$left" -- $client leave good.test 4435 "$WORLD/left"
try "one that resets" "the far end saw it" "allow connect good.test:4436" "$left" -- $client reset good.test 4436 "$WORLD/left"
try "one that leaves its upgrade" "the far end saw it" "allow connect good.test:4438" "$left" -- $client leave-upgrade good.test 4438 "$WORLD/left"
try "wildcards" "hello a.wild.test" "allow connect *.wild.test:443" -- $client tls a.wild.test 443 /f
try "8 MiB" "8388608 bytes" "$good" -- $client bytes good.test 8388608
try "UDP by name" "heard" "allow connect udp:good.test:9999" -- $client udp good.test 9999 6f6b
for path in /a /b; do arrived far "good.test good.test $path" "$path"; done
if [ -e /proc/net/if_inet6 ]; then
	try "IPv6" "hello six.test" "allow connect six.test:8443" -- $client tls six.test 8443 /six
fi

# Resolvers, each in its way.
try "UDP, not connected" "203.0.113.10 from 198.51.100.53" "$good" -- $client ask good.test unconnected
try "UDP, connected" "203.0.113.10 from 198.51.100.53" "$good" -- $client ask good.test connected
try "recvmsg" "203.0.113.10 from 198.51.100.53" "$good" -- $client ask good.test recvmsg
try "TCP" "203.0.113.10 from 198.51.100.53" "$good" -- $client ask good.test tcp
try "TCP, bound first" "203.0.113.10 from 198.51.100.53" "$good" -- $client ask good.test tcp-bound
try "TCP, bound first, and a rule" "EACCES" "$good" "deny listen *:*" -- $client ask good.test tcp-bound
try "a name in capitals" "203.0.113.10" "$good" -- $client ask GooD.TesT connected
try "localhost" "127.0.0.1" "$good" -- $client ask localhost connected
try "another kind of record" "no address" "$good" -- $client ask good.test txt

# Names that no rule could allow: nothing is sent.
: >"$WORLD/dns"
try "unknown" "NXDOMAIN" "$good" -- $client ask secret.evil.test connected
try "labels as payload" "NXDOMAIN" "$good" -- $client ask c2VjcmV0.good.test connected
try "a suffix more" "NXDOMAIN" "$good" -- $client ask good.test.evil.test connected
try "a NUL in a label" "NXDOMAIN" "$good" "allow connect *.test:443" -- $client ask-nul x good.test
try "no rule at all" "NXDOMAIN" "deny connect good.test" -- $client ask good.test connected
[ ! -s "$WORLD/dns" ] || { fail "questions left:"; cat "$WORLD/dns"; }

# Names that lead inside.
for name in meta lan lo mixed; do
	: >"$WORLD/out"
	try "$name" "done" "allow connect *.bad.test:*" -- $client inside $name.bad.test
	grep -qE '169\.254|10\.0\.0\.5|127\.0\.0\.1|::1|fd00' "$WORLD/out" &&
		fail "$name.bad.test leads inside"
done
try "an address that is named too" "10.0.0.5" "allow connect *.bad.test:* 10.0.0.5:443" -- $client ask lan.bad.test connected

# What is allowed to one name is not to another on the same address.
: >"$WORLD/far"
try "another server name" "reset" "$good" -- $client as good.test 443 other.test /evil-sni
try "another Host" "reset" "$good" -- $client host good.test other.test /evil-host
try "another Host, second request" "reset" "$good" -- $client keepalive good.test other.test /evil-second
try "no server name" "reset" "$good" -- $client as good.test 443 - /evil-none
try "by address" "ECONNREFUSED" "$good" -- $client tls 203.0.113.10 443 /evil-address
try "another port" "ECONNREFUSED" "$good" -- $client nonblocking good.test 8443 /evil-port
try "CONNECT" "reset" "$good" -- $client raw good.test 80 "CONNECT evil.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n"
try "a proxy's form" "reset" "$good" -- $client raw good.test 80 "GET http://evil.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"
try "two Hosts" "reset" "$good" -- $client raw good.test 80 "GET /evil HTTP/1.1\r\nHost: good.test\r\nHost: evil.test\r\n\r\n"
try "two lengths" "reset" "$good" -- $client raw good.test 80 "POST /evil HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
try "a bare line feed" "reset" "$good" -- $client raw good.test 80 "GET /evil HTTP/1.1\nHost: good.test\n\n"
try "HTTP/2 in the clear" "reset" "$good" -- $client raw good.test 80 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
try "another protocol" "reset" "$good" -- $client raw good.test 443 "evil bytes that are no TLS"
try "a denied name by its address" "reset" "allow connect *:443" "deny connect other.test" -- $client as 203.0.113.10 443 other.test /evil-denied
try "beside it" "hello good.test" "allow connect *:443" "deny connect other.test" -- $client tls good.test 443 /fine
silent far evil "somewhere"
silent far RAW "raw bytes"

# UDP: QUIC, and what is sent without connecting.
: >"$WORLD/udp"
try "QUIC" "ECONNREFUSED" "$good" -- $client udp good.test 443 6576696c
try "name servers of one's own" "ECONNREFUSED" "$good" -- $client udp good.test 54 6576696c
[ ! -s "$WORLD/udp" ] || { fail "datagrams left:"; cat "$WORLD/udp"; }

# The log has the names.
try "the log" "hello" "$good" -- $client tls good.test 443 /log
"$INTERPOSE" log --net 2>/dev/null | grep -q 'good.test:443' || fail "no name in the log"
"$INTERPOSE" log --json 2>/dev/null | grep '"event":"close"' |
	grep '"subject":"good.test:443"' | grep -q '"bytes_out":[1-9][0-9]*,"bytes_in":[1-9]' ||
	fail "no bytes in the log"
# One whose program goes on when it ends.
try "a connection that is left open" "hello" "$good" -- sh -c "$client keepalive good.test good.test /d & wait"
"$INTERPOSE" log verify >/dev/null || fail "the log is not whole"

}
# A dry run proposes hosts by name, and what it proposes serves the next run.
run_tls() { timeout 30 "$INTERPOSE" -q "$@" $client tls good.test 443 /learned; }
try_learned() {
	run_tls --dry-run="$WORLD/new" -C "$HOME/p" >"$WORLD/out" 2>&1 ||
		{ fail "a dry run"; cat "$WORLD/out"; }
	grep -q '^allow connect *good\.test:443' "$WORLD/new" ||
		{ fail "no host is proposed"; cat "$WORLD/new"; }
	grep -q 'udp:\|203\.0' "$WORLD/new" && { fail "addresses are proposed"; cat "$WORLD/new"; }
	run_tls --only -e 'include base' -p "$WORLD/new" -C "$HOME/p" \
		-e 'allow exec,read /**' >"$WORLD/out" 2>&1
	grep -q "hello good.test" "$WORLD/out" || { fail "what was proposed"; cat "$WORLD/out"; }
}
try_learned

if command -v curl >/dev/null; then
	curl=$(readlink -f "$(command -v curl)")
	# Granted to one program: it has the host, the others have not even its name.
	: >"$WORLD/dns"
	for by in "by $curl" "under $curl"; do
		try "not $by" "-2" "allow connect good.test:443 $by" -- $client tls good.test 443 /other-program
	done
	[ ! -s "$WORLD/dns" ] || fail "a name left that another program may use"
	silent far /other-program "a host of another program"
	# Not by what it became since it asked: the socket is another's.
	try "not by what comes after" "NXDOMAIN" "allow connect *.good.test:443 by $curl" -- $client inherited c2VjcmV0.good.test "$curl"
	[ ! -s "$WORLD/dns" ] || fail "a name left by way of another program"
	for by in "by $curl" "under $curl"; do
		try "$by" "hello good.test" "allow connect good.test:443 $by" -- curl -sS --cacert "$WORLD/cert.pem" https://good.test/curl
	done
	try "denied to one" "not resolve host" "allow connect good.test:443" "deny connect good.test:443 by $curl" -- curl -sS --cacert "$WORLD/cert.pem" https://good.test/by-denied
	try "and not to others" "hello good.test" "allow connect good.test:443" "deny connect good.test:443 by $curl" -- $client tls good.test 443 /beside
	# Requests likewise.
	try "a request of one program" "hello good.test" 'allow connect good.test:80' "allow http GET good.test:80/** by $curl" -- curl -sS http://good.test/by-curl
	try "not of another" "does not allow" 'allow connect good.test:80' "allow http GET good.test:80/** by $curl" -- $client raw good.test 80 "GET /by-other HTTP/1.1\r\nHost: good.test\r\n\r\n"
	arrived far /by-curl "a request of one program"
	silent far /by-denied "a host of other programs"
	silent far /by-other "a request of another program"
	try "curl" "hello good.test" 'allow connect good.test:443' -- curl -sS --cacert "$WORLD/cert.pem" https://good.test/curl
fi
echo "$number tries"
[ $failed -eq 0 ]
