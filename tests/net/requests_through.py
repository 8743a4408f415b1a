"""Requests through a connection that is looked into: requests_through.py HTTP_TOOL

A server of our own answers with what it was sent; clients speak to http_tool,
which leads to it. Each case says what must arrive, or must not.
"""

import base64
import hashlib
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from cases import certificate, expect, finish

TOOL = sys.argv[1]
VALUE = "sk-ant-real+/real+real-123456"
HOLDER = "sk-ant-fake+/fake+fake-654321"
here = tempfile.TemporaryDirectory()


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = []  # paths that arrived
    seen = {}, b""  # headers and body of the last one
    go_on = threading.Event()

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline().strip():
                        pass
                    return body
                body += self.rfile.read(size)
                self.rfile.readline()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        Echo.got.append(self.path)
        body = self.body()
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.chunk(b"data: one\n\n")
            Echo.go_on.wait(20)
            self.chunk(b"data: " + VALUE[:9].encode())
            self.chunk(VALUE[9:].encode() + b"\n\n")
            self.wfile.write(b"0\r\nX-Trailer: " + VALUE.encode() + b"\r\n\r\n")
            return
        if self.path == "/until-close":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + VALUE.encode() + b" until the end")
            self.close_connection = True
            return
        if self.path == "/raw":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return
        if self.path == "/part":
            asked = self.headers.get("Range")
            first, last = map(int, asked[6:].split("-")) if asked else (0, len(VALUE) - 1)
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            self.wfile.write(VALUE[first:last + 1].encode())
            return
        if self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
            return
        if self.path == "/gzip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")
            return
        if self.path == "/smuggle":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            return
        if self.path == "/two":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
            Echo.seen = {}, self.rfile.read1(100)
            self.close_connection = True
            return
        if self.path.startswith("/upgrade"):
            Echo.seen = dict(self.headers), body
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n")
            if self.path == "/upgrade-deflated":
                self.wfile.write(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
            self.wfile.write(b"\r\n")
            if self.path == "/upgrade-telling":
                self.wfile.write(b"\x81" + bytes([len(VALUE)]) + VALUE.encode())
            while True:
                data = self.rfile.read1(100)
                if not data:
                    break
                self.wfile.write(data.upper())
            self.close_connection = True
            return
        if self.path.startswith("/big/"):
            size = int(self.path[5:])
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            block = b"0123456789abcdef" * 4096
            while size:
                part = block[:size]
                self.wfile.write(part)
                size -= len(part)
            return
        Echo.seen = dict(self.headers), body
        answer = json.dumps({"headers": dict(self.headers), "path": self.path, "body": body.decode("latin1")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Echo", self.headers.get("X-Api-Key", ""))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_POST = do_PUT = do_HEAD = do_GET


def serve(cert=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # a client that is cut off
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert + ".pem", cert + ".key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Tool:
    def __init__(self, name, port, *words):
        self.name = name
        self.process = subprocess.Popen([TOOL, name, str(port), *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.upstream = port

    def end(self):
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        expect(f"{self.name}: the tool's end", self.process.wait(), 0)
        return lines


SECRET = ["secret", "anthropic", VALUE, HOLDER, "0", "", "1"]


def connect(tool, ca=None, name=None):
    connection = http.client.HTTPConnection(tool.name, tool.upstream, timeout=20)
    connection.sock = socket.create_connection(("127.0.0.1", tool.port), timeout=20)
    if ca:
        context = ssl.create_default_context(cafile=ca)
        if hasattr(ssl, "VERIFY_X509_STRICT"):
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        connection.sock = context.wrap_socket(connection.sock, server_hostname=name or tool.name)
    return connection


def raw(tool, data):
    """Send bytes, and read until the end."""
    with socket.create_connection(("127.0.0.1", tool.port), timeout=20) as sock:
        sock.sendall(data)
        got = b""
        try:
            while part := sock.recv(65536):
                got += part
        except ConnectionResetError:
            got += b"RESET"
    return got


def ask(connection, method, path, body=None, headers={}, **more):
    connection.request(method, path, body, headers, **more)
    answer = connection.getresponse()
    return answer, answer.read()


def check_swaps(connection, what):
    answer, text = ask(connection, "POST", "/a?b=" + HOLDER, HOLDER, {"X-Api-Key": HOLDER, "X-Other": HOLDER})
    sent, body = Echo.seen
    expect(f"{what}: the key arrives", sent["X-Api-Key"], VALUE)
    expect(f"{what}: elsewhere it does not", (sent["X-Other"], body), (HOLDER, HOLDER.encode()))
    expect(f"{what}: no encoding is asked for", sent["Accept-Encoding"], "identity")
    expect(f"{what}: it does not come back", VALUE.encode() in text or VALUE in str(answer.headers), False)
    expect(f"{what}: in its place", answer.headers["X-Echo"], HOLDER)
    expect(f"{what}: in the body, too", json.loads(text)["headers"]["X-Api-Key"], HOLDER)


def check_parts(connection, what):
    """A value that is asked for in two pieces."""
    half = len(VALUE) // 2
    for part in f"0-{half - 1}", f"{half}-{len(VALUE) - 1}":
        answer, text = ask(connection, "GET", "/part", None, {"Range": f"bytes={part}", "If-Range": '"x"'})
        expect(f"{what}: bytes {part}", (answer.status, text), (200, HOLDER.encode()))


def check_stream(connection, what):
    Echo.go_on.clear()
    connection.request("GET", "/events")
    answer = connection.getresponse()
    expect(f"{what}: the first event comes before the second", answer.readline(), b"data: one\n")
    Echo.go_on.set()
    expect(f"{what}: a cut secret", answer.read(), b"\ndata: " + HOLDER.encode() + b"\n\n")


def check_bodies(connection, what):
    def pieces():
        for i in range(100):
            yield b"piece %d " % i
    answer, text = ask(connection, "PUT", "/c", pieces(), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    expect(f"{what}: chunks", Echo.seen[1].count(b"piece"), 100)
    big = os.urandom(3 << 20)
    ask(connection, "PUT", "/d", big)
    expect(f"{what}: a long body", Echo.seen[1] == big, True)
    answer, text = ask(connection, "GET", "/big/20000000")
    expect(f"{what}: a long answer", len(text), 20000000)
    answer, text = ask(connection, "HEAD", "/e")
    expect(f"{what}: HEAD", (answer.status, text), (200, b""))
    answer, text = ask(connection, "POST", "/f", "go on", {"Expect": "100-continue"})
    expect(f"{what}: 100-continue", answer.status, 200)


def plain():
    port = serve()
    tool = Tool("far.example", port, "deny", "/admin", *SECRET)
    connection = connect(tool)
    check_swaps(connection, "plain")
    check_parts(connection, "plain")
    check_stream(connection, "plain")
    check_bodies(connection, "plain")
    head = b"Host: far.example:%d\r\n" % port
    for path in (b"/admin", b"//admin", b"/%61dmin", b"/x%2Fadmin"):
        got = raw(tool, b"GET %s HTTP/1.1\r\n%s\r\n" % (path, head))
        expect(f"denied {path}", got[:12], b"HTTP/1.1 403")
    for why, data in (
            ("Host", b"GET /h HTTP/1.1\r\nHost: other.example\r\n\r\n"),
            ("port of Host", b"GET /h HTTP/1.1\r\nHost: far.example:1\r\n\r\n"),
            ("CL and TE", b"POST /h HTTP/1.1\r\n" + head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("bare LF", b"GET /h HTTP/1.1\n" + head + b"\n"),
            ("another path in a header", b"GET /h HTTP/1.1\r\n" + head + b"X-Original-URL: /admin\r\n\r\n"),
            ("another path in another header", b"GET /h HTTP/1.1\r\n" + head + b"x-rewrite-url: /admin\r\n\r\n"),
            ("another path, as gateways spell it", b"GET /h HTTP/1.1\r\n" + head + b"X_Original-URL: /admin\r\n\r\n"),
            ("two other methods", b"POST /h HTTP/1.1\r\n" + head + b"X-HTTP-Method: GET\r\nX-Method-Override: PUT\r\n\r\n"),
            ("another method that is none", b"POST /h HTTP/1.1\r\n" + head + b"X-HTTP-Method: P UT\r\n\r\n"),
            ("a body before another protocol", b"POST /h HTTP/1.1\r\n" + head + b"Connection: upgrade\r\nUpgrade: echo\r\nContent-Length: 4\r\n\r\nbody"),
            ("chunks before another protocol", b"POST /h HTTP/1.1\r\n" + head + b"Connection: upgrade\r\nUpgrade: echo\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ("dots", b"GET /a/../h HTTP/1.1\r\n" + head + b"\r\n"),
            ("chunks", b"POST /bad HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n"),
            ("a trailer that is a Host", b"POST /bad HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n0\r\nHost: other.example\r\n\r\n"),
            ("a trailer that is a method", b"POST /bad HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nX_HTTP-Method: PUT\r\n\r\n"),
            ("too long", b"GET /h HTTP/1.1\r\n" + b"X: y\r\n" * 20000)):
        got = raw(tool, data)
        expect(f"refused: {why}", got[9:10] == b"4" or got.endswith(b"RESET"), True)
    # A second request in the same bytes is decided about, too.
    got = raw(tool, b"GET /one HTTP/1.1\r\n%s\r\nGET /admin HTTP/1.1\r\n%s\r\n" % (head, head))
    expect("pipelined", (got.count(b"HTTP/1.1 200"), got.count(b"HTTP/1.1 403")), (1, 1))
    expect("only what was allowed arrives", [p for p in Echo.got if "admin" in p or "h" == p[1:]], [])
    expect("until the end", raw(tool, b"GET /until-close HTTP/1.1\r\n%s\r\n" % head).split(b"\r\n\r\n")[1],
           HOLDER.encode() + b" until the end")
    expect("a cut answer is seen to be cut", raw(tool, b"GET /cut HTTP/1.1\r\n%s\r\n" % head).endswith(b"RESET"), True)
    expect("an ambiguous answer", raw(tool, b"GET /smuggle HTTP/1.1\r\n%s\r\n" % head)[9:12], b"502")
    expect("encoded, with a secret", raw(tool, b"GET /gzip HTTP/1.1\r\n%sX-Api-Key: %s\r\n\r\n" % (head, HOLDER.encode()))[9:12], b"502")
    expect("encoded, without", raw(tool, b"GET /gzip HTTP/1.1\r\n%sConnection: close\r\n\r\n" % head)[9:12], b"200")
    with socket.create_connection(("127.0.0.1", tool.port), timeout=20) as sock:
        sock.sendall(b"GET /upgrade HTTP/1.1\r\n%sConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst" % head)
        got = b""
        while not got.endswith(b"FIRST"):
            got += sock.recv(1000)
        sock.sendall(b"second")
        expect("an upgrade", sock.recv(1000), b"SECOND")
    sockets(tool, head)
    two(tool, head)
    lines = tool.end()
    expect("HTTP/2 is reported", any(l.startswith("refused the client speaks HTTP/2") for l in lines), True)
    expect("all is asked about", "asked POST /a" in lines and "asked GET /admin" in lines, True)
    expect("no alert", [l for l in lines if l.startswith("exfiltration")], [])


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
REQUIRED = b"\0\0\0\x04\0\0\0\0\0", b"\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0dinterpose: the client speaks HTTP/2"


def is_refusal(got):
    """SETTINGS, and GOAWAY with HTTP_1_1_REQUIRED and a reason."""
    return got.startswith(REQUIRED[0]) and got[len(REQUIRED[0]) + 3:].startswith(REQUIRED[1])


def two(tool, head):
    """Into another HTTP nothing goes on: requests would not be seen in it."""
    for value in (b"h2c", b"H2C", b"websocket, h2c", b"h2c;q=1", b"foo h2c", b"HTTP/2.0", b"TLS/1.2, HTTP/1.1"):
        got = raw(tool, b"GET /g HTTP/1.1\r\n%sConnection: upgrade, http2-settings, close\r\nUpgrade: %s\r\n"
                  b"HTTP2-Settings: AAMAAABk\r\n\r\n" % (head, value))
        expect(f"upgrade to {value}: served as HTTP/1.1", got[:12], b"HTTP/1.1 200")
        expect(f"upgrade to {value}: not passed on", {"Upgrade", "HTTP2-Settings"} & set(Echo.seen[0]), set())
    got = raw(tool, b"GET /g HTTP/1.1\r\n%sConnection: upgrade, close\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n" % head)
    expect("one of two headers", (got[:12], "Upgrade" in Echo.seen[0]), (b"HTTP/1.1 200", False))
    Echo.seen = {}, b""
    got = raw(tool, b"GET /two HTTP/1.1\r\n%sConnection: upgrade\r\nUpgrade: websocket\r\n\r\n%s" % (head, PREFACE))
    expect("an answer that goes on in HTTP/2", (got[:12], Echo.seen[1]), (b"HTTP/1.1 502", b""))
    expect("HTTP/2 from the first byte", is_refusal(raw(tool, PREFACE)), True)
    expect("and after a request", raw(tool, b"GET /g HTTP/1.1\r\n%s\r\n%s" % (head, PREFACE))[-200:].count(b"HTTP/1.1 400"), 1)


def methods():
    """That which a header names is one that servers may take."""
    port = serve()
    tool = Tool("far.example", port, "deny", "DELETE ")
    head = b"Host: far.example:%d\r\n" % port
    for name in (b"X-HTTP-Method-Override", b"x-http-method", b"X-Method-Override", b"X_HTTP_Method_Override"):
        got = raw(tool, b"POST /here HTTP/1.1\r\n%s%s: delete\r\n\r\n" % (head, name))
        expect(f"another method in {name}: it is asked about, too", got[:12], b"HTTP/1.1 403")
    got = raw(tool, b"POST /there HTTP/1.1\r\n%sConnection: close\r\nX-HTTP-Method: PUT\r\n\r\n" % head)
    expect("another method that may be", got[:12], b"HTTP/1.1 200")
    lines = tool.end()
    expect("a method in a header is asked about",
           [l in lines for l in ("asked POST /there", "asked PUT /there", "asked DELETE /here")], [True] * 3)
    expect("and what was denied does not arrive", "/here" in Echo.got, False)


def other_forms():
    """The secret comes back as servers write it."""
    port = serve()
    for name, value, holder in (("short", VALUE, HOLDER), 
                                ("long", "ghp_/" + base64.b64encode(hashlib.sha512(b"real").digest()).decode(),
                                 "ghp_+" + base64.b64encode(hashlib.sha512(b"fake").digest()).decode())):
        tool = Tool("far.example", port, "secret", "x", value, holder, "0", "", "1")
        connection = connect(tool)
        for user in ("", "u", "me", "you"):
            basic = "Basic " + base64.b64encode(f"{user}:{holder}".encode()).decode()
            answer, text = ask(connection, "GET", "/basic", headers={"Authorization": basic})
            real = base64.b64encode(f"{user}:{value}".encode()).decode()
            expect(f"{name}: {user}: the key arrives", Echo.seen[0]["Authorization"], "Basic " + real)
            back = base64.b64decode(json.loads(text)["headers"]["Authorization"][6:])
            expect(f"{name}: {user}: and does not come back", (value[-40:].encode() in back, holder[-40:-1].encode() in back),
                   (False, True))
        for what, form in (("JSON", value.replace("/", "\\/")), ("%XX", urllib.parse.quote(value, safe=""))):
            answer, text = ask(connection, "POST", "/raw", form)
            expect(f"{name}: in {what}", (text != form.encode(), len(text), form[-30:].encode() in text), (True, len(form), False))
        tool.end()


def sockets(tool, head):
    """Messages of a WebSocket that could hold the secret can be read."""
    asking = (b"GET %%s HTTP/1.1\r\n%sConnection: upgrade\r\nUpgrade: websocket\r\nX-Api-Key: %s\r\n"
              b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n" % (head, HOLDER.encode()))
    with socket.create_connection(("127.0.0.1", tool.port), timeout=20) as sock:
        sock.sendall(asking % b"/upgrade-telling")
        got = b""
        while HOLDER.encode() not in got and VALUE.encode() not in got:
            got += sock.recv(1000)
    expect("a message that tells the secret", got.partition(b"\r\n\r\n")[2], b"\x81" + bytes([len(HOLDER)]) + HOLDER.encode())
    expect("compressed ones are not asked for", (Echo.seen[0]["X-Api-Key"], Echo.seen[0].get("Sec-WebSocket-Extensions")),
           (VALUE, None))
    expect("and are refused", raw(tool, asking % b"/upgrade-deflated")[9:12], b"502")


def tls():
    good = certificate(here.name, "far.example")
    port = serve(good)
    ca = f"{here.name}/ca.pem"
    tool = Tool("far.example", port, "tls", "ca", ca, "trust", good + ".pem", *SECRET)
    connection = connect(tool, ca)
    check_swaps(connection, "tls")
    check_stream(connection, "tls")
    check_bodies(connection, "tls")
    for what, name in (("another name", "other.example"),):
        try:
            connect(tool, ca, name)
            expect(f"TLS with {what}", "connected", "refused")
        except ssl.SSLError:
            expect(f"TLS with {what}", "refused", "refused")
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", tool.port)) as sock, \
            context.wrap_socket(sock, server_hostname="far.example") as sock:
        expect("the protocol", sock.selected_alpn_protocol(), "http/1.1")
    # By its own word it speaks HTTP/1.1.
    with socket.create_connection(("127.0.0.1", tool.port), timeout=20) as sock, \
            context.wrap_socket(sock, server_hostname="far.example") as sock:
        sock.sendall(PREFACE)
        got = b""
        while part := sock.recv(1000):
            got += part
        expect("who speaks HTTP/2 all the same is told", is_refusal(got), True)
    tool.end()
    # Python's servers go on without a protocol.
    far = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-alpn", "h2", "-cert", good + ".pem",
                            "-key", good + ".key"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    port = next(int(line.rsplit(":", 1)[1]) for line in far.stdout if line.startswith("ACCEPT"))
    tool = Tool("far.example", port, "tls", "ca", ca, "trust", good + ".pem", *SECRET)
    answer, text = ask(connect(tool, ca), "GET", "/never", None, {"X-Api-Key": HOLDER})
    expect("a far end that speaks HTTP/2 alone", (answer.status, b"does not speak HTTP/1.1" in text,
                                                  b"`secret` lines" in text), (502, True, True))
    expect("it is reported", any(l.startswith("refused far.example does not speak HTTP/1.1") for l in tool.end()), True)
    far.kill(), far.communicate()
    # A far end that is not who it should be.
    other = certificate(here.name, "other.example")
    for what, cert, trust in (("unknown", other, good), ("another's", other, other)):
        tool = Tool("far.example", serve(cert), "tls", "ca", ca, "trust", trust + ".pem", *SECRET)
        answer, text = ask(connect(tool, ca), "GET", "/never", None, {"X-Api-Key": HOLDER})
        expect(f"{what} certificate", (answer.status, b"certificate" in text), (502, True))
        expect(f"{what} certificate is reported", any(l.startswith("refused the certificate") for l in tool.end()), True)
    expect("nothing was asked of it", "/never" in Echo.got, False)


def places():
    port = serve()
    tool = Tool("far.example", port, "secret", "b", VALUE, HOLDER, "5", "", "1")
    connection = connect(tool)
    ask(connection, "POST", "/", "a=" + HOLDER + "&b", {"X-Api-Key": HOLDER})
    expect("in the body, where the rule says so", Echo.seen[1], ("a=" + VALUE + "&b").encode())
    expect("and only there", Echo.seen[0]["X-Api-Key"], HOLDER)
    tool.end()
    tool = Tool("other.example", port, *SECRET[:-1], "0")
    connection = connect(tool)
    ask(connection, "POST", "/", "x", {"X-Api-Key": HOLDER})
    expect("another host gets the placeholder", Echo.seen[0]["X-Api-Key"], HOLDER)
    ask(connection, "POST", "/", "nothing", {})
    ask(connection, "POST", "/", HOLDER.encode().hex(), {})
    ask(connection, "POST", "/", HOLDER.encode().hex().upper(), {})
    ask(connection, "GET", "/" + HOLDER.replace("+", "%2b"))
    ask(connection, "GET", "/" + "".join("%%%02X" % c for c in HOLDER.encode()))
    forms = []
    for before in ("", "a", "ab"):  # where in a group of three it begins
        forms.append(base64.b64encode((before + HOLDER + " and more").encode()))
        forms.append(base64.urlsafe_b64encode((before + HOLDER + " and more").encode()).rstrip(b"="))
    for form in forms:
        ask(connection, "POST", "/", form)
        ask(connection, "GET", "/?q=" + urllib.parse.quote(form, safe=""))
    lines = [l for l in tool.end() if l.startswith("exfiltration")]
    expect("and it is told, in every form", lines, ["exfiltration anthropic"] * (5 + 2 * len(forms)))


plain()
methods()
other_forms()
tls()
places()
here.cleanup()
finish()
