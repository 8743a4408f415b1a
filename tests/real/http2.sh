# Clients of HTTP/2, to a host that speaks it, and whose requests are looked into:
# they fall back to HTTP/1.1 by themselves, or are served in HTTP/2.
for tool in node curl openssl; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/http2.XXXXXX") || exit 99
server='' failed=0 tried=
trap 'kill $server; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; sed 's/^/  | /' "$work/out"; failed=1; }
mkdir "$work/p" && cd "$work/p" || exit 99
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key.pem" \
	-out "$work/cert.pem" -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null || exit 99
cat >"$work/server.mjs" <<'N'
import fs from "node:fs"
import http2 from "node:http2"
const server = http2.createSecureServer({
	key: fs.readFileSync(process.argv[2] + "/key.pem"), cert: fs.readFileSync(process.argv[2] + "/cert.pem"),
	allowHTTP1: true,
}, (request, answer) => {
	fs.writeFileSync(process.argv[2] + "/got", request.headers["x-api-key"] ?? "")
	answer.end(`spoke ${request.httpVersion}\n`)
})
server.listen(0, "127.0.0.1", () => fs.writeFileSync(process.argv[2] + "/port", String(server.address().port)))
N
cat >two.mjs <<'N'
import fs from "node:fs"
import http2 from "node:http2"
const client = http2.connect(process.argv[2], {ca: fs.readFileSync(process.env.SSL_CERT_FILE)})
client.on("error", error => console.log("error", error.code))
client.on("goaway", (code, last, data) => console.log("goaway", code, data.toString()))
const request = client.request({":path": "/two", "x-api-key": process.env.API_KEY})
request.on("error", error => console.log("error", error.code, error.message))
request.on("data", data => process.stdout.write(data))
request.on("end", () => client.close())
N
cat >two.py <<'P'
import os, ssl, sys, httpx
with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])) as client:
    print(client.get(sys.argv[1] + "/py", headers={"X-Api-Key": os.environ["API_KEY"]}).text)
P
cat >two.go <<'G'
package main

import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "net/http"; "os")

func main() {
	roots := x509.NewCertPool()
	pem, _ := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	roots.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	request, _ := http.NewRequest("GET", os.Args[1]+"/go", nil)
	request.Header.Set("X-Api-Key", os.Getenv("API_KEY"))
	answer, err := client.Do(request)
	if err != nil { fmt.Println(err); os.Exit(1) }
	text, _ := io.ReadAll(answer.Body)
	fmt.Print(string(text))
}
G
node "$work/server.mjs" "$work" & server=$!
until [ -s "$work/port" ]; do kill -0 $server || exit 99; sleep 0.02; done
port=$(cat "$work/port") url=https://localhost:$(cat "$work/port")
API_KEY=sk-ant-api03-0123456789abcdef0123456789 SSL_CERT_FILE=$work/cert.pem
HOME=$work XDG_STATE_HOME=$work/state
export API_KEY SSL_CERT_FILE HOME XDG_STATE_HOME

bare() { "$@" >"$work/out" 2>&1; }
looked_into() {
	timeout 60 "$INTERPOSE" -q --only -C "$work/p" -e 'allow read,exec /**' -e 'allow write /dev/null' \
		-e 'allow env *' -e "allow connect localhost:$port 127.0.0.1:$port" \
		-e "secret key from env API_KEY to localhost:$port" "$@" >"$work/out" 2>&1
}
passed_on() { # without such lines
	timeout 60 "$INTERPOSE" -q --only -C "$work/p" -e 'allow read,exec /**' -e 'allow write /dev/null' \
		-e 'allow env *' -e "allow connect localhost:$port 127.0.0.1:$port" "$@" >"$work/out" 2>&1
}
falls_back() { # NAME PROGRAM…
	name=$1
	shift
	tried="$tried $name"
	bare "$@"
	grep -q "spoke 2.0" "$work/out" || fail "$name, bare"
	looked_into "$@"
	grep -q "spoke 1.1" "$work/out" || fail "$name does not fall back"
	[ "$(cat "$work/got")" = "$API_KEY" ] || fail "$name: the key does not arrive"
	passed_on "$@"
	grep -q "spoke 2.0" "$work/out" || fail "$name, with \`connect\` alone"
}
curled() { # OPTION: the key is the program's own, whatever it is
	# shellcheck disable=SC2016 # of the program's shell
	set -- sh -c 'curl -sS '"$1"' -H "X-Api-Key: $API_KEY" --cacert "$SSL_CERT_FILE" "$0/curl"' "$url"
	falls_back "curl-$tried_as" "$@"
}
tried_as=http2 && curled --http2
# It offers both all the same.
tried_as=prior && curled --http2-prior-knowledge
if GOCACHE=$work/gocache go build -o two-go two.go 2>"$work/out"; then
	falls_back go ./two-go "$url"
fi
if python3 -c 'import httpx, h2' 2>/dev/null; then
	falls_back httpx python3 two.py "$url"
fi
# Those that speak nothing else are served in it.
insists() { # NAME PROGRAM…
	name=$1
	shift
	tried="$tried $name"
	: >"$work/got"
	bare "$@"
	grep -q "spoke 2.0" "$work/out" || fail "$name, bare"
	looked_into "$@"
	grep -q "spoke 2.0" "$work/out" || fail "$name has no answer in HTTP/2"
	[ "$(cat "$work/got")" = "$API_KEY" ] || fail "$name: the key does not arrive"
}
insists node-http2 node two.mjs "$url"
passed_on node two.mjs "$url"
grep -q "spoke 2.0" "$work/out" || fail "node's http2, with \`connect\` alone"
echo "tried:$tried"
exit $failed
