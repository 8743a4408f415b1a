"""Real clients over HTTPS, bare and supervised: https.py INTERPOSE [CLIENT…]

Runs inside tests/net/enter. A server of our own has one page, a git repository,
and a registry each for npm, pip, cargo and go. Every client does its work twice
as usual, with the variables that name certificates, and under interpose once
more with no variables at all: whatever TLS library it has must then find the
session's authority by itself.
"""

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import zipfile

INTERPOSE, WANTED = sys.argv[1], sys.argv[2:]
PORT = 8443
HOST = f"good.test:{PORT}"
URL = f"https://{HOST}"
VALUE = "sk-ant-api03-" + os.urandom(18).hex()
HERE = os.path.realpath(os.getcwd())
REPOSITORIES = HERE + "/repositories"
failed = passed = skipped = 0


def targz(files):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return out.getvalue()


def pages():
    found = {"/hello": b"hello from far away\n", "/big": b"0123456789abcdef" * 65536}
    package = {"name": "demo", "version": "1.0.0", "main": "index.js"}
    tarball = targz({"package/package.json": json.dumps(package), "package/index.js": "module.exports = 'npm demo';\n"})
    found["/npm/demo-1.0.0.tgz"] = tarball
    dist = {"tarball": URL + "/npm/demo-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()}
    found["/npm/demo"] = json.dumps({"name": "demo", "dist-tags": {"latest": "1.0.0"},
                                     "versions": {"1.0.0": {**package, "dist": dist}}}).encode()
    info = "demo-1.0.0.dist-info/"
    wheel = zipped({"demo.py": "print('pip demo')\n",
                    info + "METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0.0\n",
                    info + "WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                    info + "RECORD": f"demo.py,,\n{info}METADATA,,\n{info}WHEEL,,\n{info}RECORD,,\n"})
    found["/simple/demo/"] = b'<!DOCTYPE html><a href="/files/demo-1.0.0-py3-none-any.whl">demo</a>'
    found["/files/demo-1.0.0-py3-none-any.whl"] = wheel
    crate = targz({"demo-1.0.0/Cargo.toml": '[package]\nname = "demo"\nversion = "1.0.0"\n',
                   "demo-1.0.0/src/lib.rs": "pub fn demo() {}\n"})
    found["/cargo/config.json"] = json.dumps({"dl": URL + "/crates/{crate}-{version}.crate"}).encode()
    found["/cargo/de/mo/demo"] = json.dumps({"name": "demo", "vers": "1.0.0", "deps": [], "features": {},
                                             "cksum": hashlib.sha256(crate).hexdigest(), "yanked": False}).encode()
    found["/crates/demo-1.0.0.crate"] = crate
    mod = "module example.test/demo\n\ngo 1.17\n"
    found["/go/example.test/demo/@v/list"] = b"v1.0.0\n"
    found["/go/example.test/demo/@v/v1.0.0.info"] = b'{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}'
    found["/go/example.test/demo/@v/v1.0.0.mod"] = mod.encode()
    found["/go/example.test/demo/@v/v1.0.0.zip"] = zipped({
        "example.test/demo@v1.0.0/go.mod": mod,
        "example.test/demo@v1.0.0/demo.go": 'package demo\n\nconst Said = "go demo"\n'})
    return found


PAGES = pages()


class Far(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = []  # keys

    def log_message(self, *args):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def git(self, path, query, body):
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": REPOSITORIES, "GIT_HTTP_EXPORT_ALL": "1",
                       "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "REMOTE_USER": "me",
                       "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        ran = subprocess.run(["git", "-c", "safe.directory=*", "http-backend"], input=body, capture_output=True,
                             env=environment)
        head, _, rest = ran.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = [value for name, value in fields if name == "Status"]
        self.answer(int(status[0].split()[0]) if status else 200, rest, [f for f in fields if f[0] != "Status"])

    def socket(self):
        """RFC 6455: what comes in a frame goes back in one."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            size = head[1] & 127
            if size == 126:
                size = int.from_bytes(self.rfile.read(2), "big")
            elif size == 127:
                size = int.from_bytes(self.rfile.read(8), "big")
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
            length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
            self.wfile.write(head[:1] + length + data)
            if head[0] & 15 == 8:
                return

    def do_GET(self):
        body = self.body()
        path, _, query = urllib.parse.unquote(self.path).partition("?")
        if "X-Api-Key" in self.headers:
            Far.got.append(self.headers["X-Api-Key"])
        if path.startswith("/git/"):
            self.git(path[4:], query, body)
        elif path == "/socket":
            self.socket()
        elif path == "/echo":
            self.answer(200, body)
        elif path in PAGES:
            self.answer(200, PAGES[path], [("Content-Type", "application/json" if "npm" in path else "text/html")])
        else:
            self.answer(404, b"no such page\n")

    do_POST = do_HEAD = do_GET


def serve():
    server = http.server.ThreadingHTTPServer(("203.0.113.10", PORT), Far)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE + "/far.pem", HERE + "/far.key")
    context.set_alpn_protocols(["http/1.1"])
    # Each connection's handshake in its own thread.
    def wrap(request, address):
        try:
            server.finish_request(context.wrap_socket(request, server_side=True), address)
        except OSError:
            pass
        finally:
            server.shutdown_request(request)
    server.process_request_thread = wrap
    threading.Thread(target=server.serve_forever, daemon=True).start()


CERTIFICATES = ("SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO REQUESTS_CA_BUNDLE PIP_CERT NODE_EXTRA_CA_CERTS "
                "CARGO_HTTP_CAINFO DENO_CERT npm_config_cafile").split()


def run(way, name, script, trust):
    """The script's output in a home and a project of its own."""
    home = f"{HERE}/{name}.{way}"
    project = home + "/project"
    os.makedirs(project)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
                   "XDG_STATE_HOME": home + "/state", "API_KEY": VALUE, "URL": URL,
                   "GOFLAGS": "-mod=mod", "GOPROXY": URL + "/go", "GONOSUMDB": "*", "GOTOOLCHAIN": "local"}
    for name in ("NODE_PATH", "CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT", "GOROOT", "JAVA_HOME"):
        if name in os.environ:
            environment[name] = os.environ[name]
    rustup = os.path.expanduser("~/.rustup")
    if os.path.isdir(rustup):
        environment.setdefault("RUSTUP_HOME", rustup)
    environment["CARGO_HOME"] = home + "/cargo"
    for variable in CERTIFICATES:
        environment[variable] = HERE + "/ca.pem"
    if way != "bare" and not trust:
        script = "unset " + " ".join(CERTIFICATES) + "\n" + script
    command = ["bash", "-euc", script]
    if way != "bare":
        rules = ["allow read,exec /**", f"allow read,write,exec {home}/**", f"allow read,write {HERE}/gocache/**", f"allow connect {HOST}", "allow env *",
                 "allow read,write /dev/null /dev/tty /dev/shm/** /tmp/**", "allow listen 127.0.0.1:*",
                 f"secret key from env API_KEY to {HOST}", f"deny http GET {HOST}/forbidden"]
        command = [INTERPOSE, "-q", "--only", "-C", project,
                   *[word for rule in rules for word in ("-e", rule)], *command]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=project, timeout=240,
                         stdin=subprocess.DEVNULL)
    return ran.returncode, ran.stdout, ran.stderr


def client(name, script, needs=None, variables=False):
    """`variables`: it has certificates of its own, and must be told by them."""
    global failed, passed, skipped
    if WANTED and name not in WANTED:
        return
    missing = [tool for tool in (needs or name).split() if not shutil.which(tool)]
    if missing:
        skipped += 1
        print(f"skipped: {name}: no {missing[0]}")
        return
    # One of another user, that finds nothing of its own here, is none.
    if name == "cargo":
        told = subprocess.run(["cargo", "--version"], capture_output=True, check=False, text=True)
        if told.returncode or [int(part) for part in told.stdout.split()[1].split(".")[:2]] < [1, 68]:
            skipped += 1
            print("skipped: cargo: it does not run here, or is older than registries by HTTP (1.68)")
            return
    begin = time.monotonic()
    want = run("bare", name, script, True)
    ways = {"told": True} if variables else {"told": True, "untold": False}
    if want[0]:
        failed += 1
        print(f"FAILED: {name}, bare: {want}")
        return
    for way, trust in ways.items():
        got = run(way, name, script, trust)
        if got[:2] == want[:2]:
            passed += 1
        else:
            failed += 1
            print(f"FAILED: {name} {way}: {got}\nbare: {want}")
    print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)


def certificates():
    """An authority, and a certificate of the server's that it signed."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=HERE)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    openssl("req", *key, "-keyout", "far.key", "-out", "far.csr", "-subj", "/CN=good.test")
    with open(HERE + "/extensions", "w") as out:
        out.write("subjectAltName=DNS:good.test\n")
    openssl("x509", "-req", "-in", "far.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "far.pem")


def repository():
    os.makedirs(REPOSITORIES)
    for command in (["git", "init", "-q", "--bare", REPOSITORIES + "/r.git"],
                    ["git", "-C", REPOSITORIES + "/r.git", "config", "http.receivepack", "true"],
                    ["git", "-C", REPOSITORIES + "/r.git", "config", "receive.denyNonFastForwards", "false"]):
        subprocess.run(command, check=True)


GO = """
cat >main.go <<'END'
package main

import ("fmt"; "io"; "net/http"; "os"; "example.test/demo")

func main() {
	answer, err := http.Get(os.Getenv("URL") + "/hello")
	if err != nil { fmt.Println(err); os.Exit(1) }
	text, _ := io.ReadAll(answer.Body)
	fmt.Print(string(text), demo.Said)
}
END
printf 'module m\\n\\ngo 1.17\\n\\nrequire example.test/demo v1.0.0\\n' >go.mod
export GOFLAGS=-mod=mod GOCACHE=%s/gocache
go run . 2>/dev/null || go run .
""" % HERE

JAVA = """
cat >Get.java <<'END'
public class Get {
	public static void main(String[] words) throws Exception {
		System.out.print(new String(new java.net.URL(words[0]).openStream().readAllBytes()));
	}
}
END
trust=
[ -z "${SSL_CERT_FILE:-}" ] || [ "$SSL_CERT_FILE" != %s/ca.pem ] || {
	keytool -importcert -noprompt -keystore store -storepass changeit -file "$SSL_CERT_FILE" >keytool.log 2>&1 || cat keytool.log
	trust="-Djavax.net.ssl.trustStore=store -Djavax.net.ssl.trustStorePassword=changeit"
}
java $trust Get.java "$URL/hello"
""" % HERE

NODE = """
cat >get.mjs <<'END'
const answer = await fetch(process.env.URL + "/hello");
console.log(answer.status, await answer.text());
const echo = await fetch(process.env.URL + "/echo", {method: "POST", body: "x".repeat(300000)});
console.log((await echo.text()).length);
END
node get.mjs
"""

PYTHON = """
cat >get.py <<'END'
import os, urllib.request
print(urllib.request.urlopen(os.environ["URL"] + "/hello").read())
print(len(urllib.request.urlopen(os.environ["URL"] + "/big").read()))
END
python3 get.py
"""

SOCKET = """
cat >socket.cjs <<'END'
const Socket = globalThis.WebSocket ?? require("ws")
const socket = new Socket(process.env.URL.replace("https", "wss") + "/socket",
	{headers: {"X-Api-Key": process.env.API_KEY}})
const texts = ["one", "x".repeat(3000), "three"]
socket.onopen = () => texts.forEach(text => socket.send(text))
let count = 0
socket.onmessage = message => {
	console.log(message.data.length)
	if (++count === texts.length) socket.close()
}
socket.onclose = event => console.log("closed", event.wasClean)
socket.onerror = event => console.log("error", event.message)
END
%s socket.cjs
"""

REQUESTS = """
python3 -c 'import os, requests
with requests.Session() as session:
    print(session.get(os.environ["URL"] + "/hello").text)
    print(session.post(os.environ["URL"] + "/echo", data=(b"chunk" for _ in range(100))).text)'
"""

GIT = """
git config --global user.name me; git config --global user.email me@example.test
git clone -q "$URL/git/r.git" r 2>/dev/null; cd r
echo "$RANDOM" >file; git add file; git commit -qm one
git push -q --force origin HEAD:refs/heads/main
cd ..; git clone -q -b main "$URL/git/r.git" again; cmp r/file again/file && echo pushed
"""

CARGO = """
mkdir -p src; echo 'fn main() { demo::demo(); println!("cargo demo"); }' >src/main.rs
printf '[package]\\nname = "p"\\nversion = "0.1.0"\\nedition = "2018"\\n[dependencies]\\ndemo = { version = "1", registry = "local" }\\n' >Cargo.toml
mkdir .cargo; printf '[registries.local]\\nindex = "sparse+%s/cargo/"\\n' "$URL" >.cargo/config.toml
cargo run -q
"""

certificates()
serve()
repository()
client("curl", 'curl -sS "$URL/hello"; curl -sS -d @- "$URL/echo" <<<"sent"; curl -sS "$URL/big" | sha256sum')
client("wget", 'wget -q -O - ${SSL_CERT_FILE:+--ca-certificate=$SSL_CERT_FILE} "$URL/hello"')
client("openssl", 'openssl s_client -quiet -verify_return_error -servername good.test -connect ${URL#https://} '
       '<<<$\'GET /hello HTTP/1.1\\r\\nHost: \'"${URL#https://}"$\'\\r\\nConnection: close\\r\\n\\r\' 2>/dev/null '
       '| tail -n 1')
client("python3", PYTHON)
if subprocess.run([sys.executable, "-c", "import requests"], capture_output=True).returncode == 0:
    client("requests", REQUESTS, "python3", True)
else:
    skipped += 1
    print("skipped: requests: it is not installed")
client("git", GIT)
client("node", NODE, variables=True)
client("bun", NODE.replace("node get", "bun run get"), variables=True)
client("deno", NODE.replace("node get", "DENO_DIR=deno DENO_NO_UPDATE_CHECK=1 deno run -q -A get"), variables=True)
client("bun-socket", SOCKET % "bun run", "bun", True)
client("websocat", 'printf "one\n%03000d\nthree\n" 7 | websocat -n --max-messages-rev 3 "${URL/https/wss}/socket" '
       '-H="X-Api-Key: $API_KEY" >out; cat out; [ "$(wc -l <out)" -eq 3 ]')
if subprocess.run(["node", "-e", 'require("ws")'], capture_output=True, check=False).returncode == 0:
    client("ws", SOCKET % "node", "node", True)
else:
    skipped += 1
    print("skipped: ws: NODE_PATH has none")
client("npm", 'npm install --loglevel=error --no-audit --no-fund --registry "$URL/npm/" demo >/dev/null; '
       'node -p \'require("demo")\'', "npm node", True)
client("pip", 'python3 -m pip install -q --disable-pip-version-check --no-deps --target here --index-url '
       '"$URL/simple/" demo 2>/dev/null; PYTHONPATH=here python3 -m demo', "python3", True)
client("cargo", CARGO, "cargo cc")
client("go", GO)
client("java", JAVA, "java keytool")

# What the policy refuses, and the key.
code, out, error = run("supervised", "refused", 'curl -sS -o /dev/null -w "%{http_code} " "$URL/forbidden"; '
                       'curl -sS -H "X-Api-Key: $API_KEY" "$URL/hello" >/dev/null; echo "$API_KEY"', True)
if out.startswith("403 ") and VALUE not in out + error and Far.got and set(Far.got) == {VALUE}:
    passed += 1
else:
    failed += 1
    print(f"FAILED: refused and swapped: {code} {out} {error} {Far.got}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed != 0)
