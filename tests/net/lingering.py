"""The ends of connections that are looked into: lingering.py HTTP_TOOL

An answer reaches who reads it slowly, and who goes on sending; a client that does
nothing is not waited for. All at once, since each takes its time.
"""

import socket
import subprocess
import sys
import threading
import time

from cases import expect, finish

TOOL = sys.argv[1]
SIZE = 160000
EARLY = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nearly"


def serve(connection):
    """/size/N: so many bytes, of which the last end the connection; else an answer before the body is there."""
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            if not part:
                return
            head += part
        path = head.split()[1]
        if path.startswith(b"/size/"):
            size = int(path[6:])
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        else:
            connection.sendall(EARLY)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def listen():
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


far = listen()
tool = subprocess.Popen([TOOL, "far.example", str(far), "narrow", "deny", "/admin"], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True)
port = int(tool.stdout.readline().split()[1])
HEAD = b"Host: far.example:%d\r\n" % far


def client(request):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30)
    sock.connect(("127.0.0.1", port))
    sock.sendall(request)
    return sock


def read_slowly(half_closed):
    """What comes, in eight seconds and more."""
    got = b""
    with client(b"GET /size/%d HTTP/1.1\r\n%s\r\n" % (SIZE, HEAD)) as sock:
        if half_closed:
            sock.shutdown(socket.SHUT_WR)
        try:
            while part := sock.recv(SIZE // 80):
                got += part
                time.sleep(0.1)
        except ConnectionResetError:
            got += b"RESET"
    return len(got.split(b"\r\n\r\n", 1)[1])


def send_slowly(path):
    """The status of an answer that is read when all is sent, eight seconds after it came."""
    with client(b"POST %s HTTP/1.1\r\n%sContent-Length: 80000\r\n\r\n" % (path, HEAD)) as sock:
        try:
            for _ in range(80):
                sock.sendall(b"y" * 1000)
                time.sleep(0.1)
            return sock.recv(65536)[9:12]
        except OSError as error:
            return repr(error)


def idle(path):
    """For how many seconds one is waited for that neither sends nor closes, once it has its answer."""
    with client(b"POST %s HTTP/1.1\r\n%sContent-Length: 80000\r\n\r\n" % (path, HEAD)) as sock:
        begin = time.monotonic()
        while sock.recv(65536):
            pass
        # Its end was said: whether it is gone, the far end's own descriptor tells.
        while is_there(sock) and time.monotonic() < begin + 20:
            time.sleep(0.1)
        return 4 < time.monotonic() - begin < 12


def is_there(sock):
    """Has somebody still the other end open?"""
    other, own = ("%08X:%04X" % (0x0100007F, number) for number in (port, sock.getsockname()[1]))
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(words[1:3] == [other, own] and words[9] != "0" for words in map(str.split, table))


def processor_time():
    with open(f"/proc/{tool.pid}/stat", encoding="ascii") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / 100


CASES = [
    ("an answer to a slow reader", read_slowly, (False,), SIZE),
    ("and to one that has closed its side", read_slowly, (True,), SIZE),
    ("an answer before the body, which goes on", send_slowly, (b"/early",), b"413"),
    ("a refusal before the body, which goes on", send_slowly, (b"/admin",), b"403"),
    ("who is silent is not waited for", idle, (b"/early",), True),
    ("nor after a refusal", idle, (b"/admin",), True),
]
results = {}


def run(name, function, words):
    results[name] = function(*words)


threads = [threading.Thread(target=run, args=case[:3]) for case in CASES]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for name, _, _, wanted in CASES:
    expect(name, results.get(name), wanted)
expect("it waits without turning round", processor_time() < 1, True)
tool.stdin.close()
expect("the tool's end", tool.wait(), 0)
finish()
