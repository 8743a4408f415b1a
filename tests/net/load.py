"""Many connections, slow ones, half-open ones, and a broker that is killed:
memory stays bounded, others are served, and what fails says why.

load.py server PORT        echoes, in WORLD/echo once it listens
load.py client TEST ARG…   what a session runs
load.py TEST ARG…          runs a session and looks at it from outside
"""
import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

WORLD = os.environ.get("WORLD", "/nowhere")
INTERPOSE = os.environ.get("INTERPOSE", "interpose")
PORT = 7000  # of a protocol that names no server


def raise_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# -- the far end ---------------------------------------------------------------

async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve():
    raise_limit()
    server = await asyncio.start_server(echo, "0.0.0.0", PORT, backlog=4096)
    open(os.path.join(WORLD, "echo"), "w").close()
    async with server:
        await server.serve_forever()


# -- in the session ------------------------------------------------------------

def tell(text):
    print(text, flush=True)


def wait_for_word():
    assert sys.stdin.readline(), "the test went away"


async def many(count):
    """That many at once, each used."""
    raise_limit()
    gate = asyncio.Semaphore(200)

    async def one(number):
        async with gate:
            reader, writer = await asyncio.open_connection("203.0.113.10", PORT)
            text = b"%06d" % number
            writer.write(text)
            assert await reader.readexactly(6) == text
            return reader, writer

    socket.getaddrinfo("good.test", PORT)
    start = time.monotonic()
    held = await asyncio.gather(*[one(i) for i in range(count)])
    tell("open %.1f" % (time.monotonic() - start))
    await asyncio.to_thread(wait_for_word)
    reader, writer = held[count // 2]
    writer.write(b"still")
    assert await reader.readexactly(5) == b"still"
    for _, writer in held:
        writer.close()
    tell("closed")
    await asyncio.to_thread(wait_for_word)


def get(path="/x"):
    with socket.create_connection(("good.test", 80), 30) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: good.test\r\n\r\n".encode())
        return s.recv(1000)


def slow(count):
    """Heads and hellos of which a byte comes now and then."""
    held = []
    for i in range(count):
        s = socket.create_connection(("good.test", 443 if i % 2 else 80), 30)
        s.sendall(b"\x16\x03\x01" if i % 2 else b"GET /")
        held.append(s)
    assert b"hello" in get(), "another connection is not served"
    tell("open 0")
    wait_for_word()
    for s in held:
        s.settimeout(60)
        try:
            assert s.recv(1) == b"", "answered"
        except ConnectionResetError:
            pass
    tell("closed")
    wait_for_word()


def half(count):
    """Connections whose program has ended its half, and waits for nothing; and
    such as never send a byte."""
    held = []
    for i in range(count):
        s = socket.create_connection(("good.test", 80), 30)
        if i % 2:
            s.sendall(b"GET /x HTTP/1.1\r\nHost: good.test\r\n\r\n")
            s.shutdown(socket.SHUT_WR)
        held.append(s)
    assert b"hello" in get(), "another connection is not served"
    for s in held[1::2]:
        assert b"hello" in s.recv(1000), "half a connection is not answered"
    tell("open 0")
    wait_for_word()
    for s in held:
        s.close()
    tell("closed")
    wait_for_word()


def full():
    """More than it can hold."""
    held, refused = [], 0
    socket.getaddrinfo("good.test", PORT)
    for _ in range(500):
        try:
            s = socket.create_connection(("203.0.113.10", PORT), 30)
            s.sendall(b"x")
            assert s.recv(1) == b"x"
            held.append(s)
        except OSError:
            refused += 1
            if refused == 3:
                break
    assert refused and len(held) > 100, (refused, len(held))
    tell("open %d, %d refused" % (len(held), refused))
    wait_for_word()
    for s in held:
        s.sendall(b"y")
        assert s.recv(1) == b"y", "one that was there is gone"
    while held:
        held.pop().close()
    # The broker hears of one end after the other.
    end = time.monotonic() + 30
    while True:
        try:
            s = socket.create_connection(("good.test", PORT), 30)
            s.sendall(b"z")
            assert s.recv(1) == b"z"
            break
        except OSError:
            assert time.monotonic() < end, "no room again"
            time.sleep(0.05)
    tell("closed")


def killed():
    """The broker ends in the middle of an answer."""
    s = socket.create_connection(("good.test", 80), 30)
    s.sendall(b"GET /bytes/2000000000 HTTP/1.1\r\nHost: good.test\r\n\r\n")
    assert s.recv(100)
    tell("open 0")
    wait_for_word()
    s.settimeout(30)
    try:
        while s.recv(1 << 20):
            pass
        tell("ended")
    except ConnectionResetError:
        tell("reset")
    for name in ("good.test", "203.0.113.10"):
        try:
            socket.create_connection((name, 80), 10)
            tell("reached " + name)
        except OSError as error:
            tell("refused %s" % error)
    wait_for_word()


# -- from outside --------------------------------------------------------------

def below(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in file.read().split():
                found += [int(child)] + below(int(child))
    return found


def named(pid, name):
    for one in below(pid):
        with open(f"/proc/{one}/comm") as file:
            if file.read().strip() == name:
                return one
    raise AssertionError("no process " + name)


def memory(pid):
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmRSS"].split()[0]) // 1024


class Session:
    def __init__(self, *words, limit=None):
        self.process = subprocess.Popen(
            (["prlimit", "--nofile=%d:%d" % (limit, limit)] if limit else []) +
            [INTERPOSE, "--only", "-e", "allow read,write,exec /**", "-e",
             "allow env *", "-e",
             f"allow connect good.test:80,443,{PORT}", "python3", __file__,
             "client", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def broker(self):
        return named(self.process.pid, "interpose-net")

    def supervisor(self):
        return named(self.process.pid, "interpose")

    def hears(self, word):
        line = self.process.stdout.readline().strip()
        if not line.startswith(word):
            raise AssertionError((word, line, self.process.stderr.read()))
        return line

    def says(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self, code=0):
        self.process.stdin.close()
        error = self.process.stderr.read()
        assert self.process.wait(60) == code, (self.process.returncode, error)
        return error


def run(words, most):
    """Memory before is what an idle session has; `most` MiB may be added."""
    session = Session(*words)
    line = session.hears("open")
    at_most = memory(session.broker()), memory(session.supervisor())
    session.says()
    session.hears("closed")
    after = memory(session.broker())
    session.says()
    session.ends()
    print(f"{' '.join(words)}: {line}; broker {at_most[0]} MiB, supervisor "
          f"{at_most[1]} MiB; closed: broker {after} MiB", flush=True)
    assert at_most[0] < most and at_most[1] < most, "too much memory"


def run_killed():
    session = Session("killed")
    session.hears("open")
    os.kill(session.broker(), signal.SIGKILL)
    session.says()
    line = session.hears("")
    assert line == "reset", "a download that was cut looks like a whole one"
    for _ in range(2):
        said = session.hears("refused")
    session.says()
    error = session.ends()
    assert "the network broker ended" in error, error
    log = subprocess.run([INTERPOSE, "log", "--json"], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    events = [json.loads(x) for x in log.splitlines()]
    assert any(e["event"] == "error" and "broker" in e["message"]
               for e in events), "no error event"
    print("killed:", line, "then", said)


def run_full():
    """More than there are descriptors for: those are refused, the rest holds."""
    session = Session("full", limit=700)
    line = session.hears("open")
    session.says()
    session.hears("closed")
    error = session.ends()
    assert "no descriptor left" in error, error
    print("full:", line)


if __name__ == "__main__":
    test, rest = sys.argv[1], sys.argv[2:]
    if test == "server":
        asyncio.run(serve())
    elif test == "client":
        if rest[0] == "many":
            asyncio.run(many(int(rest[1])))
        else:
            globals()[rest[0]](*[int(x) for x in rest[1:]])
    elif test in ("killed", "full"):
        globals()["run_" + test]()
    else:
        run([test] + rest[:1], int(rest[1]))
