"""What goes on to the far end when its client has its answer, or is gone, does so
for a time: http_two_tails.py HTTP_TOOL

The tool's five seconds are a fifth of one here, and the minute for who takes nothing
2.4 seconds."""

import socket
import struct
import time
from contextlib import contextmanager

import frames
from cases import expect, finish
from two_world import SECRET, Tool, here, server_context

SIZE = 150000  # more than windows and buffers take
TURN = 200
connections = []


def serve(request, part, end):
    """/stuck takes no more than its window; /open says all of its answer, but not that."""
    connection, path = request.connection, request.head[":path"]
    if path.startswith("/stuck") and not part and not end:
        connection.window = False
        request.answer([])
        request.send(b"taken", True)
    elif path == "/open" and end:
        request.answer([("content-length", "5")])
        request.send(b"whole")
    elif path == "/next":
        request.answer([])
        request.send(b"next", True)


def requests(path):
    return [one for connection in connections for one in connection.requests.values()
            if one.head[":path"].startswith(path)]


def wait_for(what, holds, least, most):
    """It holds after so many seconds, neither earlier nor later."""
    begin = time.monotonic()
    while not holds() and time.monotonic() < begin + most:
        time.sleep(0.01)
    expect(what, bool(holds()), True)
    expect(f"{what}: not at once", time.monotonic() - begin >= least, True)


def drip(request, size):
    """Its window opens by and by; for longer than one who takes nothing has."""
    begin = time.monotonic()
    while len(request.body) < size and request.reset is None and time.monotonic() < begin + 20:
        more = struct.pack(">I", 4000)
        request.connection.send(frames.WINDOW, 0, 0, more)
        request.connection.send(frames.WINDOW, 0, request.stream, more)
        time.sleep(0.15)
    return time.monotonic() - begin


@contextmanager
def hurried():
    """A tool in a hurry, and its client."""
    tool = Tool(port, "hurry", str(TURN), *SECRET)
    client = tool.connect()
    yield tool, client
    client.sock.close()
    tool.end()


def next_is_served(what, client):
    expect(what, client.get("GET", "/next").body, b"next")


def stuck():
    """The client's connection is used on."""
    with hurried() as (_, client):
        answer = client.get("POST", "/stuck", [], b"y" * SIZE)
        expect("an early answer", (answer.status, answer.body, answer.reset), (200, b"taken", None))
        wait_for("who takes nothing is given up", lambda: requests("/stuck")[-1].reset == frames.CANCEL, 1, 8)
        next_is_served("others are served", client)


def many():
    """As many as go on at once, of which some have not begun."""
    with hurried() as (_, client):
        for _ in range(32):
            client.get("POST", "/stuck/many", [], b"y" * 20000)
        some = requests("/stuck/many")
        wait_for("all are given up but three, which fit in",
                 lambda: sum(one.reset == frames.CANCEL for one in some) == 29, 0, 8)
        next_is_served("the connection goes on", client)


def half_ended():
    with hurried() as (_, client):
        answer = client.get("POST", "/open", [], b"all of it")
        expect("a whole answer", (answer.status, answer.body), (200, b"whole"))
        wait_for("who leaves its side open is given up",
                 lambda: requests("/open")[-1].reset == frames.CANCEL, 0, 4)
        next_is_served("and others are served", client)


def is_gone():
    with hurried() as (tool, client):
        expect("an early answer", client.get("POST", "/stuck/gone", [], b"y" * SIZE).body, b"taken")
        client.sock.shutdown(socket.SHUT_WR)
        wait_for("with its client gone, too", lambda: tool.has("ended "), 1, 8)


def slowly(end):
    """What moves is waited for."""
    with hurried() as (_, client):
        expect("an early answer", client.get("POST", "/stuck/slow", [], b"y" * SIZE).body, b"taken")
        late = requests("/stuck/slow")[-1]
        if end:
            client.sock.shutdown(socket.SHUT_WR)
        expect("it takes longer", drip(late, SIZE) > 2.6, True)
        expect("than who takes nothing has, and arrives", (len(late.body), late.reset), (SIZE, None))


port, connections = frames.listen(server_context(), serve)
for one in (stuck, many, half_ended, is_gone, lambda: slowly(False), lambda: slowly(True)):
    one()
here.cleanup()
finish()
