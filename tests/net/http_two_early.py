"""Exchanges of HTTP/2 that do not end where both sides have said all:
http_two_early.py HTTP_TOOL

Answers that come before the request is whole, requests that the far end never
had, and data with padding."""

import json
import os
import socket
import struct
import threading
import time

import frames
from cases import expect, finish
from two_world import SECRET, Tool, here, serve_one, server_context

BODY = b"the whole answer " * 8000


def upload(client, path, more):
    """A request that is still being sent when its answer is there."""
    stream = client.ask("POST", path, [], b"x" * 1000, end=False)
    answer = client.answers[stream]
    while more and not answer.over and not client.closed:
        if client.may_send(stream):
            client.data(stream, b"x" * min(client.may_send(stream), 10000))
        else:
            client.step()
    return client.wait(stream)


def serve_early(request, part, end):
    """What follows the first data is not wanted, or taken late."""
    connection, path = request.connection, request.head[":path"]
    if path == "/unwanted" and part and not request.trailers:
        request.trailers = True
        request.answer([])
        request.send(BODY, True)
        connection.send(frames.RESET, 0, request.stream, struct.pack(">I", 0))
    elif path == "/late" and part and not request.trailers:
        request.trailers = True
        connection.window = False
        request.answer([])
        request.send(b"taken", True)
    elif path == "/at-once":
        if not part and not end:
            connection.window = False
            request.answer([])
            request.send(b"taken", True)
    elif path == "/refused" and end:
        connection.send(frames.RESET, 0, request.stream, struct.pack(">I", frames.REFUSED))
    elif path == "/goaway" and end:
        connection.send(frames.GOAWAY, 0, 0, struct.pack(">II", request.stream - 2, 0))
    elif path == "/drop":
        raise EOFError
    elif end:
        request.answer([])
        request.send(json.dumps(len(request.body)).encode(), True)


def open_window(connection):
    for request in connection.requests.values():
        connection.send(frames.WINDOW, 0, 0, struct.pack(">I", 1 << 20))
        connection.send(frames.WINDOW, 0, request.stream, struct.pack(">I", 1 << 20))


def until(what, holds):
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    expect(what, bool(holds()), True)


def early_two():
    port, connections = frames.listen(server_context(), serve_early)
    tool = Tool(port, "hold", "/asked", *SECRET)
    client = tool.connect()
    for more in (False, True):
        for _ in range(20):
            answer = upload(client, "/unwanted", more)
            expect("an early answer is whole", (answer.status, answer.body == BODY), (200, True))
            while answer.reset is None and client.step():
                pass
            expect("and the rest is not wanted", answer.reset, 0)
    expect("the connection goes on", client.get("POST", "/next", [], b"five!").body, b"5")
    for what in ("the client goes on", "the client goes"):
        client = tool.connect()
        expect(what, client.get("POST", "/next", [], b"five!").body, b"5")
        answer = client.get("POST", "/late", [], b"y" * 150000)
        expect("what is taken late", (answer.status, answer.body, answer.reset), (200, b"taken", None))
        far = connections[-1]
        late = list(far.requests.values())[-1]
        expect("is yet on its way", len(late.body) < 150000, True)
        if what == "the client goes":
            client.sock.shutdown(socket.SHUT_WR)
        else:
            expect("and others go on", client.get("GET", "/next").body, b"0")
        open_window(far)
        until("and arrives", lambda late=late: len(late.body) == 150000)
        expect("without a reset", late.reset, None)
        if what == "the client goes":
            until("then the connection ends", lambda: tool.count("ended "))
    # Three fit in the far end's window, as many as there are streams wait, and
    # what is more is given up.
    client = tool.connect()
    answers = [client.get("POST", "/at-once", [], b"y" * 20000) for _ in range(40)]
    expect("forty answers", {(answer.status, answer.body) for answer in answers}, {(200, b"taken")})
    until("what is too much is given up", lambda: sum(
        request.reset == frames.CANCEL for request in connections[-1].requests.values()) == 5)
    client.sock.close()
    tool.end()


def refused():
    port, connections = frames.listen(server_context(), serve_early)
    tool = Tool(port, "hold", "/asked", *SECRET)
    client = tool.connect()
    for path in ("/refused", "/goaway"):
        answer = client.get("GET", path)
        expect(f"{path}: may be sent again", (answer.status, answer.reset), (None, frames.REFUSED))
        expect(f"{path}: others are served", client.get("GET", "/next").body, b"0")
    asked = [client.ask("POST", "/asked", [], b"body") for _ in range(3)]
    expect("they were asked about", tool.wait("asked POST /asked", 3), True)
    expect("the far end goes", client.get("GET", "/drop").status, 502)
    expect("what it never had may be sent again", [client.wait(s).reset for s in asked], [frames.REFUSED] * 3)
    expect("that was not wrong", client.get("GET", "/next").status, 200)
    expect("nothing of it arrived", [r for c in connections for r in c.requests.values() if r.head[":path"] == "/asked"], [])
    tool.end()


class One(threading.Thread):
    """A server of HTTP/1.1 that answers when the head is there."""

    def __init__(self, close):
        super().__init__(daemon=True)
        self.close, self.go_on, self.got = close, threading.Event(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.context = server_context()
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, sock):
        with self.context.wrap_socket(sock, server_side=True) as sock:
            data, sizes = b"", [0]
            while b"\r\n\r\n" not in data:
                part = sock.recv(4096)
                if not part:
                    return
                data += part
            sizes[0] = len(data.partition(b"\r\n\r\n")[2])
            self.got.append(sizes)
            sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n%s\r\n%s" % (
                len(BODY), b"Connection: close\r\n" if self.close else b"", BODY))
            if self.close:
                # As servers do: what comes all the same is thrown away.
                with socket.socket(fileno=os.dup(sock.fileno())) as plain:
                    try:
                        sock.unwrap()
                    except OSError:
                        while plain.recv(65536):
                            pass
                return
            self.go_on.wait(60)
            while part := sock.recv(65536):
                sizes[0] += len(part)


def early_one():
    far = One(True)
    tool = Tool(far.listener.getsockname()[1], *SECRET)
    client = tool.connect()
    for more in (False, True):
        answer = upload(client, "/unwanted", more)
        expect("HTTP/1.1: an early answer is whole", (answer.status, answer.body == BODY), (413, True))
        while answer.reset is None and client.step():
            pass
        expect("HTTP/1.1: the rest is not wanted", answer.reset, 0)
    tool.end()
    far = One(False)
    tool = Tool(far.listener.getsockname()[1], *SECRET)
    client = tool.connect()
    size = 300000
    answer = client.get("POST", "/late", [("content-length", str(size))], b"y" * size)
    expect("HTTP/1.1: an early answer", (answer.status, answer.body == BODY, answer.reset), (413, True, None))
    client.sock.close()
    far.go_on.set()
    until("HTTP/1.1: what is taken late arrives", lambda: far.got and far.got[0] == [size])
    tool.end()


def denied():
    tool = Tool(serve_one(), "deny", "/admin", *SECRET)
    client = tool.connect()
    answer = upload(client, "/admin", True)
    expect("a refusal comes whole", (answer.status, b"interpose: " in answer.body), (403, True))
    while answer.reset is None and client.step():
        pass
    expect("and the rest is not wanted", answer.reset, 0)
    tool.end()


def padded():
    """Each frame has more padding than data; its window is given back."""
    tool = Tool(serve_one(), *SECRET)
    client = tool.connect()
    stream = client.ask("POST", "/padded", [], b"", end=False)
    whole, sent = 800000, 0
    while sent < whole and not client.closed and not client.answers[stream].over:
        if client.may_send(stream) < 456:
            client.step()
            continue
        client.room[0] -= 456
        client.room[stream] -= 456
        client.send(frames.DATA, frames.PADDED, stream, b"\xff" + b"z" * 200 + b"\0" * 255)
        sent += 200
    client.send(frames.DATA, frames.PADDED | frames.END_STREAM, stream, b"\x03\0\0\0")
    answer = client.wait(stream)
    expect("padded data", json.loads(answer.body or b"{}").get("body"), whole)
    expect("is no flood", client.goaway, None)
    tool.end()


early_two()
refused()
early_one()
denied()
padded()
here.cleanup()
finish()
