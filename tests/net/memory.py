"""Where a secret is in the memory of what holds it: memory.py HTTP_TOOL

While requests that carry one are on their way, in memory that no core dump has,
and that is locked; once they are over and the secrets are given up, nowhere:
all memory of the process is looked through.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import frames
from aws_sign import signature
from cases import certificate, expect, finish

TOOL = sys.argv[1]
PAGE = os.sysconf("SC_PAGE_SIZE")
SCOPE = "20260101/us-east-1/service/aws4_request"
EMPTY = hashlib.sha256(b"").hexdigest()
here = tempfile.TemporaryDirectory()


def made(prefix):
    return (prefix + os.urandom(30).hex())[:60]  # one length, for bodies


HEADER, BODY, REFRESH = made("sk-ant-"), made("body-"), made("refresh-")
ACCESS, NEW_ACCESS, NEW_REFRESH = made("access-"), made("access-"), made("refresh-")
AWS_ID, AWS_KEY = "AKIA" + os.urandom(8).hex().upper(), made("aws")
HOLDERS = {name: made("holder-") for name in ("header", "body", "refresh", "access")}
HOLDER_ID, HOLDER_KEY = "AKIA" + os.urandom(8).hex().upper(), made("aws")


def derived(key):
    """The keys that a signature is made of, none of which is to be left."""
    made_of = ("AWS4" + key).encode()
    for part in SCOPE.split("/"):
        made_of = hmac.new(made_of, part.encode(), "sha256").digest()
        yield made_of


def in_base64(text, before):
    """The middle of it, whatever stands around it."""
    code = base64.b64encode((before + text).encode())
    return code[4 * (len(before) // 3 + 1):-8]


NEEDLES = {
    "the header's": HEADER.encode(), "in base64": in_base64(HEADER, "user:"), "the body's": BODY.encode(),
    "the refresh token": REFRESH.encode(), "the access token": ACCESS.encode(),
    "the new access token": NEW_ACCESS.encode(), "the new refresh token": NEW_REFRESH.encode(),
    "the AWS id": AWS_ID.encode(), "the AWS key": AWS_KEY.encode(),
} | {f"key {i} of a signature": key for i, key in enumerate(derived(AWS_KEY))}


class Far(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = {}
    held, go_on = threading.Event(), threading.Event()

    def log_message(self, *args):
        pass

    def do_POST(self):
        if self.path == "/held":
            Far.held.set()
            Far.go_on.wait(60)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Far.got[self.path] = dict(self.headers), body
        answer = {"seen": self.headers.get("X-Api-Key", "")}
        if self.path == "/token":
            answer = {"access_token": NEW_ACCESS, "refresh_token": NEW_REFRESH}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST


def serve(cert):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far)
    server.daemon_threads = True
    server.handle_error = lambda *args: None
    # So much at a time, that what is sent waits in the other's buffers.
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert + ".pem", cert + ".key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def mappings(process):
    """(first, last, flags) of each."""
    found = None
    for line in open(f"/proc/{process}/smaps"):
        word = line.split()[0]
        if "-" in word and not word.endswith(":"):
            found = [int(x, 16) for x in word.split("-")]
        elif word == "VmFlags:":
            yield *found, line.split()[1:]


def pieces(process, first, last):
    """What of a mapping is in memory: (address, bytes)."""
    with open(f"/proc/{process}/pagemap", "rb") as map_file, open(f"/proc/{process}/mem", "rb", 0) as memory:
        map_file.seek(first // PAGE * 8)
        entries = memoryview(map_file.read((last - first) // PAGE * 8)).cast("Q")
        at = 0
        while at < len(entries):
            end = at
            while end < len(entries) and entries[end] >> 62:  # present, or swapped out
                end += 1
            if end > at:
                memory.seek(first + at * PAGE)
                yield first + at * PAGE, memory.read((end - at) * PAGE)
            at = max(end, at + 1)


def state(process):
    return open(f"/proc/{process}/stat").read().rpartition(")")[2].split()


def search(process):
    """The names of what is found, each with the flags of where it is. The process is
    stopped for so long: one mapping is not to be read with the flags of another."""
    os.kill(process, signal.SIGSTOP)
    end = time.monotonic() + 60
    while state(process)[0] != "T":
        assert time.monotonic() < end, state(process)
        time.sleep(0.001)
    try:
        return stopped_search(process)
    finally:
        os.kill(process, signal.SIGCONT)


def stopped_search(process):
    found = set()
    for first, last, flags in mappings(process):
        if "rd" not in flags or "io" in flags or "pf" in flags:
            continue
        for _, data in pieces(process, first, last):
            for name, needle in NEEDLES.items():
                if needle in data:
                    found.add((name, "dd" in flags, "lo" in flags))
    return found


class Tool:
    def __init__(self, port, trust, limit):
        words = ["heap", "tls", "ca", f"{here.name}/ca.pem", "trust", trust]
        for name, value, holder, place, renewed in (
                ("header", HEADER, HOLDERS["header"], 0, None), ("body", BODY, HOLDERS["body"], 5, None),
                ("refresh", REFRESH, HOLDERS["refresh"], 5, "refresh_token"),
                ("access", ACCESS, HOLDERS["access"], 0, "access_token"), ("id", AWS_ID, HOLDER_ID, 6, None),
                ("key", AWS_KEY, HOLDER_KEY, 7, None)):
            words += ["secret", name, value, holder, str(place), "", "1"] + (["renewed", renewed] if renewed else [])
        self.upstream = port
        self.process = subprocess.Popen(
            [TOOL, "far.example", str(port), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, limit) if limit else None)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self):
        context = ssl.create_default_context(cafile=f"{here.name}/ca.pem")
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return context.wrap_socket(connection, server_hostname="far.example")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, start):
        for line in self.process.stdout:
            if line.startswith(start):
                return line
        return None


def ask(connection, port, path, body=b"", **headers):
    fields = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: far.example:{port}\r\n{fields}"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, rest = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(65536)
    return rest


def signed(port, **more):
    date, host = "20260101T000000Z", f"far.example:{port}"
    names = "host;x-amz-content-sha256;x-amz-date"
    fields = [("host", host), ("x-amz-content-sha256", EMPTY), ("x-amz-date", date)]
    code = signature(HOLDER_KEY, "POST", "/signed", fields, names, date, SCOPE, EMPTY)
    return {"X-Amz-Date": date, "X-Amz-Content-Sha256": EMPTY,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={HOLDER_ID}/{SCOPE}, "
                             f"SignedHeaders={names}, Signature={code}"} | more


def requests(tool):
    port = tool.upstream
    with tool.connect() as connection:
        text = ask(connection, port, "/header", X_Api_Key=HOLDERS["header"])
        expect("it went", Far.got["/header"][0]["X-Api-Key"], HEADER)
        expect("it came back as the placeholder", json.loads(text)["seen"], HOLDERS["header"])
        basic = base64.b64encode(f"user:{HOLDERS['header']}".encode()).decode()
        ask(connection, port, "/basic", Authorization="Basic " + basic)
        expect("in base64", base64.b64decode(Far.got["/basic"][0]["Authorization"][6:]), f"user:{HEADER}".encode())
        ask(connection, port, "/body", f"a {HOLDERS['body']} b".encode())
        expect("in the body", Far.got["/body"][1], f"a {BODY} b".encode())
        ask(connection, port, "/signed", **signed(port))
        expect("signed", AWS_ID in Far.got["/signed"][0]["Authorization"], True)
        text = ask(connection, port, "/token", HOLDERS["refresh"].encode())
        expect("the refresh token went", Far.got["/token"][1], REFRESH.encode())
        expect("its answer has placeholders", json.loads(text),
               {"access_token": HOLDERS["access"], "refresh_token": HOLDERS["refresh"]})
        ask(connection, port, "/renewed", Authorization="Bearer " + HOLDERS["access"])
        expect("the new one went", Far.got["/renewed"][0]["Authorization"], "Bearer " + NEW_ACCESS)


def search_until_still(tool, locked, by):
    """While a request is on its way: until its buffers are full, and a search is over
    in which it did nothing. Who waits for the far end uses no time."""
    found, last, tries = set(), None, 0
    while last != progress(tool) and tries < 30:
        last, tries = progress(tool), tries + 1
        found |= search(tool.process.pid)
    expect(f"{by}it waits without using time", tries < 30, True)
    expect(f"{by}it is found while it is on its way", any(name == "the body's" for name, _, _ in found), True)
    expect(f"{by}in nothing that a core dump has", {name for name, dumped_not, _ in found if not dumped_not}, set())
    if locked:
        expect(f"{by}in nothing that is not locked", {name for name, _, is_locked in found if not is_locked}, set())


def while_held(tool, locked):
    """A request that the far end does not take."""
    Far.held.clear(), Far.go_on.clear()
    body = (HOLDERS["body"] + " ").encode() * 400000

    def send():
        with tool.connect() as connection:
            ask(connection, tool.upstream, "/held", body, X_Api_Key=HOLDERS["header"])

    sender = threading.Thread(target=send)
    sender.start()
    expect("it is on its way", Far.held.wait(60), True)
    search_until_still(tool, locked, "")
    Far.go_on.set()
    sender.join(60)
    expect("it went, whole", Far.got["/held"][1].count(BODY.encode()), 400000)


def progress(tool):
    """How much time it has had."""
    return state(tool.process.pid)[11:13]


def all_of(cert, port, limit, locked):
    tool = Tool(port, cert + ".pem", limit)
    process = tool.process.pid
    names = {name for name, _, _ in search(process)}
    expect("what is held is found", {"the header's", "the AWS key"} <= names, True)
    requests(tool)
    while_held(tool, locked)
    tool.hear("ended"), tool.hear("ended")
    found = search(process)
    expect("after them, in no other memory", {one for one in found if one[1:] != (True, True)}, set())
    expect("and of a signature's keys nothing", {name for name, _, _ in found if "signature" in name}, set())
    tool.say("forget")
    tool.hear("forgotten")
    expect("forgotten, they are nowhere", search(process), set())
    tool.process.stdin.close()
    expect("the tool's end", tool.process.wait(), 0)


def serve_two(request, part, end):
    if request.head[":path"] == "/held" and not part:
        Far.held.set()
        Far.go_on.wait(60)
    if end:
        Far.got[request.head[":path"]] = request.head, request.body
        request.answer([("x-seen", request.head.get("x-api-key", ""))])
        request.send(request.head.get("x-api-key", "").encode(), False)
        request.trail([("x-end", request.head.get("x-api-key", ""))])


def by_two(cert):
    """The same where both sides speak HTTP/2: heads are compressed, and kept, there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert + ".pem", cert + ".key")
    port, _ = frames.listen(context, serve_two)
    tool = Tool(port, cert + ".pem", None)
    process = tool.process.pid
    client = frames.connect(tool.port, "far.example", f"{here.name}/ca.pem", port)
    for path in ("/two", "/again"):
        answer = client.get("POST", path, [("x-api-key", HOLDERS["header"])], f"a {HOLDERS['body']} b".encode())
        expect("by HTTP/2: it went", (Far.got[path][0]["x-api-key"], Far.got[path][1]), (HEADER, f"a {BODY} b".encode()))
        expect("and came back as the placeholder", (answer.head["x-seen"], answer.body, answer.trailers),
               (HOLDERS["header"], HOLDERS["header"].encode(), {"x-end": HOLDERS["header"]}))
    expect("by HTTP/2: nothing is kept elsewhere", {one for one in search(process) if one[1:] != (True, True)}, set())
    Far.held.clear(), Far.go_on.clear()
    body = (HOLDERS["body"] + " ").encode() * 30000
    sender = threading.Thread(target=client.get, args=("POST", "/held", [("x-api-key", HOLDERS["header"])], body))
    sender.start()
    expect("by HTTP/2: it is on its way", Far.held.wait(60), True)
    search_until_still(tool, locked, "by HTTP/2: ")
    Far.go_on.set()
    sender.join(60)
    expect("by HTTP/2: it went, whole", Far.got["/held"][1].count(BODY.encode()), 30000)
    client.sock.close()
    tool.hear("ended")
    tool.say("forget")
    tool.hear("forgotten")
    expect("by HTTP/2: forgotten, they are nowhere", search(process), set())
    tool.process.stdin.close()
    expect("the tool's end", tool.process.wait(), 0)


far = certificate(here.name, "far.example")
port = serve(far)
most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
locked = most == resource.RLIM_INFINITY or most >= 8 << 20
all_of(far, port, None, locked)
by_two(far)
# With a limit that leaves nothing for buffers all works, and they are wiped. The
# secrets themselves take what they need of it in any case (root has no limit).
all_of(far, port, (768 * 1024, 768 * 1024), False)
here.cleanup()
finish()
