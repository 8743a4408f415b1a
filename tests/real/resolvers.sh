# Resolvers as they are: glibc, musl (static), Go, c-ares by way of node, dig. An
# allowed name is found and reached; of another nothing leaves.
set -u
if [ -z "${WORLD:-}" ]; then
	src=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd -P)
	GOCACHE=$(go env GOCACHE 2>/dev/null)
	export GOCACHE
	exec "$src/net/enter" sh "$src/real/resolvers.sh"
fi
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_RUNTIME_DIR=$WORLD/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -p "$HOME/p" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
cd "$HOME/p" || exit 99
failed=0 tried=

cat >reach.c <<'C'
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	char text[100] = "GET /musl HTTP/1.1\r\nHost: good.test\r\n\r\n";
	int error = getaddrinfo(argv[argc - 1], "80", &hints, &list), fd;
	if (error)
		return puts(gai_strerror(error)), 1;
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (connect(fd, list->ai_addr, list->ai_addrlen))
		return perror("connect"), 1;
	if (write(fd, text, strlen(text)) < 0 || read(fd, text, 99) < 12)
		return perror("read"), 1;
	text[12] = 0;
	return puts(text), 0;
}
C
cat >reach.go <<'G'
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get("http://" + os.Args[1] + "/go")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(answer.Status)
}
G
cat >reach.mjs <<'N'
import dns from "node:dns/promises"
const name = process.argv[2]
try {
	console.log((await dns.resolve4(name)).join(), (await dns.lookup(name)).address)
	console.log((await fetch(`http://${name}/node`)).status)
} catch (error) {
	console.log(error.code ?? error.cause?.code)
	process.exit(1)
}
N

session() {
	timeout 60 "$INTERPOSE" -q --only --ask deny -e 'include base' -e 'allow exec,read /**' \
		-e 'allow connect good.test:80 udp:192.0.2.1:1' "$@" >out 2>&1
}
# try NAME EXPECTED PROGRAM…: with an allowed name behind, and with another.
try() {
	name=$1 expected=$2
	shift 2
	tried="$tried $name"
	session "$@" good.test
	grep -q "$expected" out || { echo "FAILED: $name: no \`$expected\` in:"; cat out; failed=1; }
	: >"$WORLD/dns"
	session "$@" "$name.evil.test"
	grep -q "$expected" out && { echo "FAILED: $name reaches another name"; failed=1; }
	[ ! -s "$WORLD/dns" ] || { echo "FAILED: $name: a name left:"; cat "$WORLD/dns"; failed=1; }
}

try glibc 203.0.113.10 getent ahosts
if command -v musl-gcc >/dev/null && musl-gcc -static -o reach reach.c; then
	try musl 200 ./reach
fi
if command -v go >/dev/null && CGO_ENABLED=0 go build -o reach-go reach.go 2>out; then
	try go '200 OK' ./reach-go
fi
if command -v node >/dev/null; then
	try c-ares 200 node reach.mjs
fi
if command -v dig >/dev/null; then
	try dig 203.0.113.10 dig +short +tries=1
	# It binds its socket first.
	try dig-tcp 203.0.113.10 dig +tcp +short +tries=1
	try dig-stub 203.0.113.10 dig +short @127.0.0.53
fi
if command -v bun >/dev/null; then
	try bun 200 bun reach.mjs
fi
# The stub of systemd-resolved, as a library finds it in resolv.conf.
echo "nameserver 127.0.0.53" >"$WORLD/resolv.conf"
session getent ahosts good.test
grep -q 203.0.113.10 out || { echo "FAILED: by way of 127.0.0.53"; cat out; failed=1; }
echo "tried:$tried"
exit $failed
