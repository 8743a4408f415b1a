"""Attacks by clients, and far ends, that speak HTTP/2: http_two_attacks.py HTTP_TOOL

What two readers could understand in two ways must not arrive; floods must end,
and nobody who does not read may make memory grow."""

import os
import select
import signal
import socket
import ssl
import struct
import threading
import time

import frames
from cases import expect, finish
from two_world import CA, HEAP, SECRET, Echo, Tool, here, serve_one, server_context

# KiB that the tool may grow by: per stream, and by a flood. A sanitizer gives
# nothing back.
STREAM, MOST = (1024, 64 * 1024) if HEAP else (1 << 20, 1 << 20)
ENOUGH = 200000  # frames of a flood: more are no other case


def pseudo(client, method="GET", path="/first", scheme="https", authority=None):
    return [(":method", method), (":scheme", scheme), (":authority", authority or client.authority), (":path", path)]


def smuggled(client):
    """Heads, whether a body follows, and that body."""
    good = pseudo(client)
    evil = b"GET /evil HTTP/1.1\r\nHost: " + client.authority.encode() + b"\r\n\r\n"
    return {
        "a line end in a value": (good + [("x", "a\r\nx-evil: 1")], None),
        "a bare line feed": (good + [("x", "a\nx-evil: 1")], None),
        "a bare return": (good + [("x", "a\rx-evil: 1")], None),
        "a zero byte": (good + [("x", "a\0b")], None),
        "a whole request in a value": (good + [("x", b"a\r\n\r\n" + evil)], None),
        "a line end in a name": (good + [("x\r\nevil", "1")], None),
        "a colon in a name": (good + [("x: evil", "1")], None),
        "a name with a space": (good + [("x evil", "1")], None),
        "a name in capitals": (good + [("X-Evil", "1")], None),
        "an empty name": (good + [("", "1")], None),
        "a space before a value": (good + [("x", " 1")], None),
        "a line end in the path": (pseudo(client, path="/evil HTTP/1.1\r\nx: y"), None),
        "a space in the path": (pseudo(client, path="/evil HTTP/1.0"), None),
        "a fragment": (pseudo(client, path="/evil#x"), None),
        "no slash": (pseudo(client, path="evil"), None),
        "an address as path": (pseudo(client, path="https://other.example/evil"), None),
        "an empty path": (pseudo(client, path=""), None),
        "a line end in the method": (pseudo(client, method="GET /evil HTTP/1.1\r\nx: y\r\n\r\nGET"), None),
        "a space in the method": (pseudo(client, method="GET /evil"), None),
        "an empty method": (pseudo(client, method=""), None),
        "a tunnel": ([(":method", "CONNECT"), (":authority", client.authority)], None),
        "a tunnel with a path": (pseudo(client, method="CONNECT"), None),
        "an extended tunnel": (pseudo(client, method="CONNECT") + [(":protocol", "websocket")], None),
        "another scheme": (pseudo(client, scheme="http"), None),
        "a line end in the scheme": (pseudo(client, scheme="https\r\nx: y"), None),
        "a line end in the authority": (pseudo(client, authority=client.authority + "\r\nx: y"), None),
        "a user in the authority": (pseudo(client, authority="far.example@other.example"), None),
        "another authority": (pseudo(client, authority="other.example"), None),
        "a port that is another": (pseudo(client, authority="far.example:1"), None),
        "two hosts": (good + [("host", "other.example")], None),
        "two hosts, the good one behind": (pseudo(client, authority="other.example") + [("host", client.authority)], None),
        "host twice": (good[:2] + good[3:] + [("host", client.authority), ("host", "other.example")], None),
        "no host": (good[:2] + good[3:], None),
        "no path": (good[:3], None),
        "no method": (good[1:], None),
        "no scheme": (good[:1] + good[2:], None),
        "a method twice": (good + [(":method", "POST")], None),
        "a path twice": (good[:3] + [(":path", "/other"), (":path", "/evil")], None),
        "an unknown pseudo-header": (good + [(":evil", "1")], None),
        "a status": (good + [(":status", "200")], None),
        "a pseudo-header behind": (good[:3] + [("x", "y"), (":path", "/evil")], None),
        "transfer-encoding": (good + [("transfer-encoding", "chunked")], b"0\r\n\r\n" + evil),
        "connection": (good + [("connection", "x-key")], None),
        "keep-alive": (good + [("keep-alive", "1")], None),
        "proxy-connection": (good + [("proxy-connection", "close")], None),
        "upgrade": (good + [("upgrade", "h2c")], None),
        "te": (good + [("te", "gzip")], None),
        "te with more": (good + [("te", "trailers, chunked")], None),
        "a length that is too small": (good + [("content-length", "0")], evil),
        "too small by some": (good + [("content-length", "5")], b"hello" + evil),
        "a length, twice": (good + [("content-length", "5"), ("content-length", "50")], b"hello"),
        "a length that is a list": (good + [("content-length", "5, 5")], b"hello"),
        "a length with a sign": (good + [("content-length", "+5")], b"hello"),
        "a length that overflows": (good + [("content-length", "18446744073709551621")], b"hello"),
        "a length without a body": (good + [("content-length", "5")], None),
        "a head that is too long": (good + [(f"x-{i}", "y" * 1000) for i in range(70)], None),
        "too many headers": (good + [(f"x-{i}", "y") for i in range(200)], None),
    }


def in_pieces(client, block, end):
    """A head of any length."""
    stream, client.next = client.next, client.next + 2
    client.answers[stream] = frames.Answer()
    first, block = block[:16000], block[16000:]
    flags = frames.END_STREAM if end else 0
    client.send(frames.HEADERS, flags | (0 if block else frames.END_HEADERS), stream, first)
    while block:
        part, block = block[:16000], block[16000:]
        client.send(frames.CONTINUATION, 0 if block else frames.END_HEADERS, stream, part)
    return stream


def smuggling():
    tool = Tool(serve_one(), *SECRET)
    client = tool.connect()
    names = list(smuggled(client))
    for name in names:
        if client.closed or client.goaway:
            client = tool.connect()
        fields, body = smuggled(client)[name]
        try:
            stream = in_pieces(client, frames.block(fields), body is None)
            if body is not None:
                client.data(stream, body, True)
            answer = client.wait(stream)
        except (OSError, EOFError):
            client.until_closed()
            answer = frames.Answer()
        if body is None:
            expect(name, bool(answer.reset) or (answer.status or 0) >= 400 or client.closed or bool(client.goaway), True)
            expect(f"{name}: does not arrive", "/first" in Echo.got, False)
        Echo.got.clear()
    client = tool.connect()
    stream = client.ask("POST", "/short", [("content-length", "9")], b"part", end=False)
    client.data(stream, b"", True)
    expect("a body that is too short", client.wait(stream).reset, frames.PROTOCOL)
    for what, fields in (("pseudo-headers", [(":path", "/evil")]), ("a length", [("content-length", "1")]),
                         ("a line end", [("x", "a\r\n\r\nGET /evil HTTP/1.1\r\n")]), ("too much", [("x", "y" * 9000)]),
                         ("a host", [("host", "other.example")]), ("the same host", [("host", client.authority)]),
                         ("an authority", [(":authority", "other.example")]), ("a method", [(":method", "GET")]),
                         ("a framing", [("transfer-encoding", "chunked")]), ("a connection", [("connection", "x")])):
        client = tool.connect()
        stream = client.ask("POST", "/behind", [], b"body", end=False)
        client.head(fields, True, stream)
        expect(f"behind a body: {what}", bool(client.wait(stream).reset) or client.closed, True)
    trailers(tool)
    expect("after all that", tool.connect().get("GET", "/good").status, 200)
    expect("none of it arrived", [p for p in Echo.whole if "evil" in p or p in ("/short", "/behind")], [])
    expect("nor what was hidden in it", Echo.odd, [])
    expect("it is reported", tool.has("refused the request is ambiguous: "), True)
    tool.end()


def trailers(tool):
    """What belongs in a head, behind a body."""
    for name in ("authorization", "cookie", "content_length", "x-forwarded-host", "x-http-method-override", "te", "range"):
        client = tool.connect()
        stream = client.ask("POST", "/behind", [], b"body", end=False)
        client.head([(name, "trailers")], True, stream)
        answer = client.wait(stream)
        expect(f"behind a body: {name}", bool(answer.reset) or (answer.status or 0) >= 400 or client.closed, True)


def foreign_trailers():
    foreign = "sk-other-fake-123456789-abcdef"
    far = Tool(serve_one(), "secret", "other", "sk-other-real-123456789-abcdef", foreign, "0", "", "0")
    for length in [], [("content-length", "4")]:
        client = far.connect()
        stream = client.ask("POST", "/placeholder", length, b"body", end=False)
        client.head([("x-api-key", foreign)], True, stream)
        answer = client.wait(stream)
        expect(f"another host's placeholder behind a body, {length}: that is seen, or does not go on",
               foreign.encode() not in answer.body or far.wait("exfiltration"), True)
        expect(f"another host's placeholder behind a body, {length}: its value is not put there",
               b"sk-other-real" in answer.body, False)
    expect("it was seen once, where it went on", far.count("exfiltration"), 1)
    far.end()


def flood(what, send, calm=True, begin=None):
    """Send as long as the other side takes it: it must not for long."""
    before, floods = tool.memory(), tool.count("refused HTTP/2")
    client = tool.connect()
    state = begin(client) if begin else None
    sent = 0
    try:
        while sent < ENOUGH and not client.goaway and not client.closed:
            sent += send(client, state, sent)
            while not client.closed and (client.buffer or client.sock.pending() or
                                         select.select([client.sock], [], [], 0)[0]):
                client.step()
    except (OSError, EOFError):
        client.until_closed()
    expect(f"{what}: an end", sent < ENOUGH, True)
    if calm:
        # Who goes on sending may miss the word to him.
        told = client.goaway and client.goaway[0] in (frames.CALM, frames.PROTOCOL)
        expect(f"{what}: a word", bool(told or tool.wait("refused HTTP/2", floods + 1)), True)
    expect(f"{what}: memory", tool.memory() - before < MOST, True)
    expect(f"{what}: others are served", other.get("GET", "/good").status, 200)
    client.sock.close()


def burst(*of):
    """Many at once, as fast as they go."""
    data = b"".join(frames.frame(*one) for one in of)

    def send(client, state, sent):
        client.sock.sendall(data * 100)
        return 100 * len(of)
    return send


def rapid_reset(client, state, sent):
    head = frames.block(pseudo(client, path="/good"))
    data = b""
    for _ in range(20):
        data += frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, client.next, head)
        data += frames.frame(frames.RESET, 0, client.next, struct.pack(">I", frames.CANCEL))
        client.next += 2
    client.sock.sendall(data)
    return 20


def bad_requests(client, state, sent):
    head = frames.block(pseudo(client, path="/evil") + [("connection", "x")])
    client.send(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, client.next, head)
    client.next += 2
    return 1


def too_many(client, state, sent):
    head = frames.block(pseudo(client, method="POST", path="/slow"))
    client.send(frames.HEADERS, frames.END_HEADERS, client.next, head)
    client.next += 2
    return 1


def begin_head(client):
    client.send(frames.HEADERS, 0, 1, frames.block(pseudo(client, path="/evil")))


def bomb(client, state, sent):
    """One entry of the table, named again and again."""
    if not sent:
        client.send(frames.HEADERS, 0, 1, frames.block(pseudo(client)) + b"\x40" + frames.literal("x")
                    + frames.literal("y" * 3900))
    client.send(frames.CONTINUATION, 0, 1, b"\xbe" * 16000)
    return 1


def window_of(client):
    stream = client.ask("POST", "/slow", [], b"x", end=False)
    return stream


def floods():
    flood("pings", burst((frames.PING, 0, 0, b"12345678")))
    flood("settings", burst((frames.SETTINGS, 0, 0)))
    flood("acknowledged settings", burst((frames.SETTINGS, frames.ACK, 0)), calm=False)
    flood("windows", burst((frames.WINDOW, 0, 0, struct.pack(">I", 1))))
    flood("priorities", burst((frames.PRIORITY, 0, 1, struct.pack(">IB", 3, 1))))
    flood("unknown frames", burst((0x77, 0, 0, b"x")))
    flood("empty data", burst((frames.DATA, 0, 1, b"")), begin=window_of)
    flood("padded data", burst((frames.DATA, frames.PADDED, 1, b"\x04\0\0\0\0")), begin=window_of)
    flood("rapid resets", rapid_reset)
    flood("bad requests", bad_requests)
    flood("streams beyond the limit", too_many, calm=False)
    flood("a head without an end", lambda c, s, n: c.send(frames.CONTINUATION, 0, 1, b"") or 1, begin=begin_head)
    flood("a long one", lambda c, s, n: c.send(frames.CONTINUATION, 0, 1, frames.block([("x", "y" * 8000)])) or 1,
          begin=begin_head)
    flood("a bomb", bomb)


def count_streams():
    client = tool.connect()
    ids = [client.ask("POST", "/wait", [], b"x", end=False) for _ in range(40)]
    client.send(frames.PING, 0, 0, b"12345678")
    while sum(client.answers[i].reset == frames.REFUSED for i in ids) < 8 and client.step():
        pass
    expect("more streams than there may be", [client.answers[i].reset for i in ids], [None] * 32 + [frames.REFUSED] * 8)
    client.sock.close()


def stands_still(count, least):
    """What it comes to: more than `least`, and the same at 20 looks in a second."""
    end, last, looks = time.monotonic() + 60, count(), 0
    while (looks < 20 or last <= least) and time.monotonic() < end:
        time.sleep(0.05)
        now = count()
        last, looks = now, looks + 1 if now == last else 0
    return last


def slow_reader():
    """Windows as large as can be, and nothing is read: not even what is sent."""
    before = tool.memory()
    clients = []
    for _ in range(2):
        client = tool.connect(settings=struct.pack(">HI", 4, 0x7fffffff))
        client.send(frames.WINDOW, 0, 0, struct.pack(">I", 0x7fffffff - 65535))
        for _ in range(30):
            client.ask("GET", "/big/100000000")
        clients.append(client)
    # And one that gives no window, but reads.
    client = tool.connect(settings=struct.pack(">HI", 4, 0))
    for _ in range(30):
        client.ask("GET", "/big/100000000")
    clients.append(client)
    tool.wait("asked GET /big/", 90)
    expect("nobody reads: memory", stands_still(tool.memory, before) - before < 3 * 30 * STREAM, True)
    expect("nobody reads: others are served", other.get("GET", "/good").status, 200)
    for client in clients:
        client.sock.close()


def slow_far_end():
    """A server that takes nothing: the client is stopped."""
    listener, held = socket.create_server(("127.0.0.1", 0)), []
    context = server_context()

    def accept():
        while True:
            sock = listener.accept()[0]
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            held.append(context.wrap_socket(sock, server_side=True))

    threading.Thread(target=accept, daemon=True).start()
    far = Tool(listener.getsockname()[1], *SECRET)
    client = far.connect()
    client.sock.settimeout(3)
    sent = 0
    stream = client.ask("POST", "/up", [], b"", end=False)
    try:
        while sent < 100 << 20:
            client.data(stream, b"x" * 16384)
            sent += 16384
            while client.may_send(stream) <= 0 and client.step():
                pass
            if client.closed:
                break
    except TimeoutError:
        pass
    expect("a far end that does not read stops the client", sent < 32 << 20, True)
    far.end()


def far_floods():
    """The far end may not do it, either."""
    def flood_of(data, most=ENOUGH):
        def serve(request, part, end):
            if request.head[":path"] != "/flood":
                request.answer([], True)
                return
            for _ in range(most):
                request.connection.sock.sendall(data(request) if callable(data) else data)
            raise EOFError
        return serve

    cases = {
        "pings": frames.frame(frames.PING, 0, 0, b"12345678") * 100,
        "settings": frames.frame(frames.SETTINGS, 0, 0) * 100,
        "interim answers": lambda r: frames.frame(frames.HEADERS, frames.END_HEADERS, r.stream,
                                                  frames.block([(":status", "103")])) * 100,
    }
    for what, data in cases.items():
        port, connections = frames.listen(server_context(), flood_of(data))
        far = Tool(port, *SECRET)
        client = far.connect()
        before = far.memory()
        answer = client.get("GET", "/flood")
        expect(f"far end's {what}", answer.status == 502 or answer.reset is not None, True)
        expect(f"far end's {what}: memory", far.memory() - before < MOST, True)
        expect(f"far end's {what}: the next request", client.get("GET", "/next").status, 200)
        far.end()


def endless_hints():
    """A server of HTTP/1.1 whose answer never begins, and a client that does not
    read; when it reads, nothing is missing."""
    for version in ("h2", "http/1.1"):
        tool = Tool(serve_one(), *SECRET)
        Echo.go_on.clear()
        before = tool.memory()
        if version == "h2":
            client = tool.connect()
            stream = client.ask("GET", "/hints")
        else:
            context = ssl.create_default_context(cafile=CA)
            client = context.wrap_socket(socket.create_connection(("127.0.0.1", tool.port), timeout=60),
                                         server_hostname="far.example")
            client.sendall(b"GET /hints HTTP/1.1\r\nHost: far.example:%d\r\nConnection: close\r\n\r\n" % tool.upstream)
        sent = stands_still(lambda: Echo.hints, 100)
        expect(f"{version}: hints without an end stand still", sent > 100, True)
        expect(f"{version}: hints without an end: memory", tool.memory() - before < 4 * STREAM, True)
        expect(f"{version}: others are served", tool.connect().get("GET", "/good").status, 200)
        Echo.go_on.set()
        if version == "h2":
            answer = client.wait(stream)
            expect("h2: all of them, and the answer", (len(answer.interim), answer.status), (Echo.hints, 200))
        else:
            text = b""
            while part := client.recv(65536):
                text += part
            expect("http/1.1: all of them, and the answer", (text.count(b"HTTP/1.1 103 "), text.count(b"HTTP/1.1 200 ")),
                   (Echo.hints, 1))
        tool.end()


class Late:
    """What the server below waits for, and what it has come to."""
    hello, go, answered = (threading.Semaphore(0) for _ in range(3))


def serve_late():
    """A server of HTTP/1.1 that answers a ClientHello when it is told to."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = server_context()

    def shake(connection):
        connection.recv(1, socket.MSG_PEEK)
        Late.hello.release()
        Late.go.acquire()
        sock = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        sock.setblocking(False)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            Late.answered.release()
        sock.setblocking(True)
        try:
            sock.do_handshake()
        except OSError:
            pass

    def accept():
        while True:
            threading.Thread(target=shake, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def answer_late():
    Late.go.release()
    expect("the far end answers", Late.answered.acquire(timeout=60), True)


def leave(tool, first, reset):
    client = tool.connect()
    expect("the far end is asked", Late.hello.acquire(timeout=60), True)
    tool.stop()
    if first == "far end":
        answer_late()
    if reset:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()
    if first == "client":
        answer_late()
    os.kill(tool.process.pid, signal.SIGCONT)


def gone_meanwhile():
    """A client that goes in the moment in which the far end turns out to speak HTTP/1.1: both are there at once."""
    tool = Tool(serve_late(), *SECRET)
    ended = 0
    for _ in range(30):
        for first in ("client", "far end"):
            for reset in (False, True):
                leave(tool, first, reset)
                ended += 1
                expect(f"gone meanwhile, {first} first, reset {reset}", tool.wait("ended", ended), True)
    tool.end()


smuggling()
foreign_trailers()
gone_meanwhile()
tool = Tool(serve_one(), *SECRET)
other = tool.connect()
floods()
count_streams()
slow_reader()
tool.end()
slow_far_end()
endless_hints()
far_floods()
here.cleanup()
finish()
