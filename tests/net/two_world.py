"""What tests of HTTP/2 share: the tool, certificates, and a server of HTTP/1.1."""

import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading

import frames
from cases import certificate, expect

TOOL = sys.argv[1]
VALUE, HOLDER = "sk-ant-real+/real+real-123456", "sk-ant-fake+/fake+fake-654321"
SECRET = ["secret", "anthropic", VALUE, HOLDER, "0", "", "1"]
# A sanitizer sees into no heap but its own.
with open(TOOL, "rb") as program:
    HEAP = [] if b"__asan_init" in program.read() else ["heap"]
here = tempfile.TemporaryDirectory()
CA = f"{here.name}/ca.pem"
GOOD = certificate(here.name, "far.example")
serving = [GOOD]  # the certificate of servers


def use(path):
    serving[0] = path


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(serving[0] + ".pem", serving[0] + ".key")
    return context


class Tool:
    def __init__(self, port, *words, trust=GOOD):
        self.process = subprocess.Popen(
            [TOOL, "far.example", str(port), *HEAP, "tls", "ca", CA, "trust", trust + ".pem", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port, self.upstream = int(self.process.stdout.readline().split()[1]), port
        self.lines = []
        self.ended = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.ended:
                self.lines.append(line.rstrip("\n"))
                self.ended.notify_all()

    def wait(self, start, count=1):
        with self.ended:
            return self.ended.wait_for(lambda: self.count(start) >= count, 60)

    def count(self, start):
        return sum(line.startswith(start) for line in self.lines)

    def has(self, start):
        return self.count(start) > 0

    def stop(self):
        """Until SIGCONT; it does nothing any more when this returns."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def connect(self, **more):
        return frames.connect(self.port, "far.example", CA, self.upstream, **more)

    def end(self):
        self.process.stdin.close()
        expect("the tool's end", self.process.wait(60), 0)
        return self.lines


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    go_on = threading.Event()
    hints = 0  # interim answers
    got, whole, odd = [], [], []  # paths, of whole requests, and what was hidden in some

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise EOFError
            return body
        body = b""
        while size := int(self.rfile.readline(), 16):
            part = self.rfile.read(size)
            body += part
            self.rfile.readline()
        self.trailers = []
        while line := self.rfile.readline().strip():
            self.trailers.append(line.decode())
        return body

    def raw(self, text):
        self.wfile.write(text.encode())
        self.close_connection = True

    def do_GET(self):
        Echo.got.append(self.path)
        self.trailers = []
        if {"x-evil", "x: evil"} & {name.lower() for name in self.headers}:
            Echo.odd.append(self.headers.items())
        body = self.body()
        Echo.whole.append(self.path)
        if self.path == "/hints":
            Echo.hints = 0
            while not Echo.go_on.is_set():
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </%s>\r\n\r\n" % (b"x" * 1000))
                Echo.hints += 1
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "X-Hop")
            self.send_header("X-Hop", "1")
            self.end_headers()
            for text in ("data: one\n\n", None, "data: " + VALUE[:9], VALUE[9:] + "\n\n"):
                if text is None:
                    Echo.go_on.wait(60)
                else:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text.encode()))
            self.wfile.write(f"0\r\nX-Trailer: {VALUE}\r\nConnection: x\r\n\r\n".encode())
        elif self.path == "/until-close":
            self.raw(f"HTTP/1.1 200 OK\r\n\r\n{VALUE} until the end")
        elif self.path == "/cut":
            self.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        elif self.path == "/cut-chunks":
            self.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        elif self.path == "/none":
            self.raw("")
        elif self.path == "/gone":
            self.send_response(204)
            self.end_headers()
        elif self.path.startswith("/big/"):
            size = int(self.path[5:])
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            block = b"0123456789abcdef" * 4096
            while size:
                self.wfile.write(block[:size])
                size -= len(block[:size])
        else:
            answer = json.dumps({"headers": self.headers.items(), "path": self.path, "method": self.command,
                                 "body": len(body), "trailers": self.trailers, "start": body[:100].decode("latin1")}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("X-Echo", self.headers.get("X-Api-Key", ""))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, *args):
        pass

    def finish_request(self, request, address):
        request.settimeout(60)
        context = self.context
        with context.wrap_socket(request, server_side=True) as sock:
            super().finish_request(sock, address)


def serve_one():
    server = Quiet(("127.0.0.1", 0), Echo)
    server.context = server_context()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
