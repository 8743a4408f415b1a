"""Clients that speak HTTP/2 and nothing else, through what looks into them:
http_two.py HTTP_TOOL

Servers of our own answer with what they were sent, in HTTP/1.1 and in HTTP/2."""

import collections
import json
import os
import struct

import frames
from cases import certificate, expect, finish
from two_world import HOLDER, SECRET, VALUE, Echo, Tool, here, serve_one, server_context


def told(answer):
    """What the server was sent."""
    if not answer.body:
        expect("an answer", (answer.status, answer.reset), "a body")
        return collections.defaultdict(list), {}
    got = json.loads(answer.body)
    got["headers"] = [(name.lower(), value) for name, value in got["headers"]]
    return got, dict(got["headers"])


def check_exchange(client, what):
    answer = client.get("POST", "/a?b=" + HOLDER, [("x-api-key", HOLDER), ("x-other", HOLDER), ("te", "trailers")],
                        HOLDER.encode())
    got, headers = told(answer)
    expect(f"{what}: the key arrives, and does not come back",
           (answer.head["x-echo"], VALUE.encode() in answer.body, headers["x-api-key"]), (HOLDER, False, HOLDER))
    expect(f"{what}: elsewhere nothing is swapped", (headers["x-other"], got["start"]), (HOLDER, HOLDER))
    expect(f"{what}: method and path", (got["method"], got["path"]), ("POST", "/a?b=" + HOLDER))
    expect(f"{what}: te", headers.get("te"), "trailers")
    answer = client.get("GET", "/c", [("cookie", "a=1"), ("cookie", "b=2"), ("x-twice", "1"), ("x-twice", "2")])
    got, headers = told(answer)
    expect(f"{what}: cookies are one", headers["cookie"], "a=1; b=2")
    expect(f"{what}: others are not", [v for n, v in got["headers"] if n == "x-twice"], ["1", "2"])
    answer = client.get("HEAD", "/e")
    expect(f"{what}: HEAD", (answer.status, answer.body, answer.reset), (200, b"", None))
    big = os.urandom(1 << 20)
    answer = client.get("PUT", "/d", [("content-length", str(len(big)))], big)
    expect(f"{what}: a long body with a length", told(answer)[0]["body"], len(big))
    answer = client.get("PUT", "/d", [], big)
    expect(f"{what}: and without", told(answer)[0]["body"], len(big))
    answer = client.get("GET", "/big/5000000")
    expect(f"{what}: a long answer", (len(answer.body), answer.reset), (5000000, None))
    streams = [client.ask("GET", f"/many/{i}") for i in range(30)]
    paths = [told(client.wait(stream))[0]["path"] for stream in streams]
    expect(f"{what}: thirty at once", paths, [f"/many/{i}" for i in range(30)])
    answer = client.get("GET", "/admin")
    expect(f"{what}: one that is denied", (answer.status, b"interpose: " in answer.body), (403, True))
    answer = client.get("GET", "/x%2f%61dmin")
    expect(f"{what}: in another reading", answer.status, 403)
    answer = client.get("GET", "/h", authority="other.example")
    expect(f"{what}: another host", answer.status, 421)
    answer = client.get("GET", "/a/../h")
    expect(f"{what}: dots", answer.status, 400)


def through_one():
    port = serve_one()
    tool = Tool(port, "deny", "/admin", *SECRET)
    client = tool.connect()
    check_exchange(client, "over HTTP/1.1")
    Echo.go_on.clear()
    stream = client.ask("GET", "/events")
    while not client.answers[stream].body and client.step():
        pass
    expect("the first event comes before the second", client.answers[stream].body, b"data: one\n\n")
    Echo.go_on.set()
    answer = client.wait(stream)
    expect("a cut secret", answer.body, b"data: one\n\ndata: " + HOLDER.encode() + b"\n\n")
    expect("trailers", answer.trailers, {"x-trailer": HOLDER})
    expect("what is of a connection stays there", {"connection", "x-hop", "transfer-encoding"} & set(answer.head), set())
    answer = client.get("GET", "/until-close")
    expect("until the end", (answer.body, answer.reset), (HOLDER.encode() + b" until the end", None))
    for path in ("/cut", "/cut-chunks"):
        expect(f"{path} is seen to be cut", client.get("GET", path).reset, frames.INTERNAL)
    expect("no answer", client.get("GET", "/none").status, 502)
    answer = client.get("DELETE", "/gone")
    expect("204", (answer.status, answer.body, answer.reset), (204, b"", None))
    answer = client.get("POST", "/f", [("expect", "100-continue")], b"go on")
    expect("100-continue", (answer.status, [a[":status"] for a in answer.interim]), (200, ["100"]))
    stream = client.ask("POST", "/t", [], b"body", end=False)
    client.head([("x-end", HOLDER)], True, stream)
    expect("trailers of a request", told(client.wait(stream))[0]["trailers"], [f"x-end: {HOLDER}"])
    expect("a length of 0 is said where servers want it", told(client.get("POST", "/l"))[1].get("content-length"), "0")
    expect("what is not asked for is not said", told(client.get("GET", "/l"))[1].get("content-length"), None)
    expect("one stream's end leaves the others alone", client.closed, False)
    expect("only what was allowed arrives", [p for p in Echo.got if "admin" in p or p == "/h"], [])
    client.sock.close()
    expect("the connection's end", tool.wait("ended "), True)
    # Those that can speak HTTP/1.1 do.
    for protocols in (["h2", "http/1.1"], ["http/1.1", "h2"]):
        try:
            tool.connect(protocols=protocols)
            expect("both are offered", "h2", "http/1.1")
        except ValueError as error:
            expect("both are offered", str(error), "http/1.1 was chosen")
    lines = tool.end()
    expect("all is asked about", "asked POST /a" in lines and "asked GET /admin" in lines, True)
    expect("a swap is told once for each request", lines.count("swapped 0 POST /a"), 1)
    expect("a host is refused", tool.has("refused the Host of the request"), True)


def serve_two(request, part, end):
    path = request.head[":path"].split("?")[0]
    if path == "/grpc":
        if not part and not end:
            request.answer([("content-type", "application/grpc"), ("x-echo", request.head.get("authorization", ""))])
        if part:
            request.send(part)
        if end:
            request.trail([("grpc-status", "0"), ("x-key", request.head.get("authorization", ""))])
    elif path == "/trailers-only":
        request.answer([("content-type", "application/grpc"), ("grpc-status", "5")], True)
    elif path == "/reset":
        request.answer([])
        request.send(b"half")
        request.connection.send(frames.RESET, 0, request.stream, struct.pack(">I", frames.INTERNAL))
    elif path == "/goaway" and end:
        request.connection.send(frames.GOAWAY, 0, 0, struct.pack(">II", request.stream, 0))
        request.answer([], True)
    elif path == "/drop":
        raise EOFError
    elif path == "/bad":
        request.answer([("x-bad", "a\r\nset-cookie: b")], True)
    elif path == "/bad-length":
        request.answer([("content-length", "3")])
        request.send(b"HTTP/1.1 200 OK\r\n\r\n", True)
    elif path.startswith("/big/") and end:
        request.answer([("content-length", path[5:])])
        request.send(b"x" * int(path[5:]), True)
    elif end:
        text = json.dumps({
            "headers": [field for field in request.fields if field[0][0] != ":"], "method": request.head[":method"],
            "path": request.head[":path"], "body": len(request.body), "start": request.body[:100].decode("latin1")})
        request.answer([("x-echo", request.head.get("x-api-key", ""))])
        if request.head[":method"] == "HEAD":
            request.send(b"", True)
        else:
            request.send(text.encode(), True)


def through_two():
    port, connections = frames.listen(server_context(), serve_two)
    tool = Tool(port, "deny", "/admin", *SECRET)
    client = tool.connect()
    check_exchange(client, "over HTTP/2")
    expect("all goes over one connection", len(connections), 1)
    expect("the authority", {r.head[":authority"] for r in connections[0].requests.values()}, {f"far.example:{port}"})
    expect("the scheme", {r.head[":scheme"] for r in connections[0].requests.values()}, {"https"})
    keys = [r.head["x-api-key"] for r in connections[0].requests.values() if "x-api-key" in r.head]
    expect("the real key arrives", keys, [VALUE])
    expect("what was denied does not", [r for r in connections[0].requests.values() if "admin" in r.head[":path"]], [])
    # As gRPC does: both ways at once, and how it ended behind the body.
    stream = client.ask("POST", "/grpc", [("te", "trailers"), ("content-type", "application/grpc"),
                                          ("authorization", "Bearer " + HOLDER)], b"", end=False)
    for i in range(20):
        client.data(stream, b"message %d;" % i)
        while b"message %d;" % i not in client.answers[stream].body and client.step():
            pass
    client.data(stream, b"", True)
    answer = client.wait(stream)
    expect("messages both ways", answer.body.count(b"message"), 20)
    expect("its trailers", answer.trailers, {"grpc-status": "0", "x-key": "Bearer " + HOLDER})
    expect("its key", [r.head["authorization"] for r in connections[0].requests.values() if r.head[":path"] == "/grpc"],
           ["Bearer " + VALUE])
    answer = client.get("POST", "/trailers-only")
    expect("an answer of trailers alone", (answer.status, answer.head.get("grpc-status"), answer.reset), (200, "5", None))
    answer = client.get("GET", "/reset")
    expect("a reset goes on", answer.reset, frames.INTERNAL)
    for path in ("/bad", "/bad-length"):
        answer = client.get("GET", path)
        expect(f"an answer that is none: {path}", answer.status == 502 or answer.reset == frames.INTERNAL, True)
        expect("has nothing of it", answer.head is None or "set-cookie" not in answer.head, True)
    stream = client.ask("POST", "/grpc", [], b"one", end=False)
    while client.answers[stream].body != b"one" and client.step():
        pass
    client.send(frames.RESET, 0, stream, struct.pack(">I", frames.CANCEL))
    expect("after a cancelled one", client.get("GET", "/after").status, 200)
    last = [r for r in connections[0].requests.values() if r.head[":path"] == "/grpc"][-1]
    expect("the server is told", last.reset, frames.CANCEL)
    expect("an answer with the connection's end", client.get("GET", "/goaway").status, 200)
    expect("another connection is made", (client.get("GET", "/again").status, len(connections)), (200, 2))
    expect("one that is cut", client.get("GET", "/drop").status, 502)
    expect("and a third", (client.get("GET", "/again").status, len(connections)), (200, 3))
    tool.end()
    for what, trust in (("unknown", certificate(here.name, "other.example")),):
        tool = Tool(port, *SECRET, trust=trust)
        answer = tool.connect().get("GET", "/never", [("x-api-key", HOLDER)])
        expect(f"{what} certificate", (answer.status, b"certificate" in answer.body), (502, True))
        expect("it is reported", tool.wait("refused the certificate"), True)
        tool.end()
    expect("nothing was asked of it", any(r.head[":path"] == "/never" for c in connections for r in c.requests.values()), False)


def alerts():
    tool = Tool(serve_one(), *SECRET[:-1], "0")
    client = tool.connect()
    expect("the placeholder goes", told(client.get("GET", "/", [("x-api-key", HOLDER)]))[1]["x-api-key"], HOLDER)
    client.get("POST", "/", [], HOLDER.encode().hex().encode())
    client.get("GET", "/" + "".join("%%%02X" % c for c in HOLDER.encode()))
    stream = client.ask("POST", "/t", [], b"body", end=False)
    client.head([("x-end", HOLDER)], True, stream)
    client.wait(stream)
    lines = tool.end()
    expect("and is told", [l for l in lines if l.startswith("exfil")], ["exfiltration anthropic"] * 4)


def taken_back():
    """Requests that nobody waits for any more, at each of their stages."""
    tool = Tool(serve_one(), "hold", "/asked", *SECRET)
    client = tool.connect()
    for i in range(100):
        path, at_once = ("/asked", "/slow", "/events")[i % 3], i % 2
        Echo.go_on.clear()
        stream = client.ask("POST" if path == "/slow" else "GET", path, [], b"x" if path == "/slow" else None, end=False)
        if not at_once:
            expect("it was asked about", tool.wait("asked ", i // 2 + 1), True)
        client.send(frames.RESET, 0, stream, struct.pack(">I", frames.CANCEL))
        Echo.go_on.set()
    expect("after them", client.get("GET", "/after").status, 200)
    # And all at once, with the connection.
    for path in ("/asked", "/slow", "/events") * 5:
        client.ask("POST", path, [], b"x", end=False)
    client.sock.close()
    expect("the connection's end", tool.wait("ended "), True)
    tool.end()


through_one()
through_two()
taken_back()
alerts()
here.cleanup()
finish()
