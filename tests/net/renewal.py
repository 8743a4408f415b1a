"""A secret that is renewed while the broker can lock no more memory: renewal.py INTERPOSE

What cannot be renewed is sent no longer, and the rest of the network goes on.
"""

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cases import children, expect, finish, session

INTERPOSE = sys.argv[1]
VALUES = ["first-" + os.urandom(12).hex(), "later-" + os.urandom(12).hex()]
PROGRAM = r"""
import os, socket, sys
port, key = int(sys.argv[1]), os.environ["TIMED"]
print("key", key, flush=True)
for line in sys.stdin:
    made = socket.create_connection(("127.0.0.1", port), 60)
    made.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n".encode())
    got = b""
    while part := made.recv(65536):
        got += part
    print("answer", got.split(b"\r\n")[0].decode(), got.partition(b"\r\n\r\n")[2].decode(), flush=True)
"""


def serve(server, got):
    """Takes down the key of each request."""
    while True:
        made, _ = server.accept()
        head = b""
        while b"\r\n\r\n" not in head and (part := made.recv(65536)):
            head += part
        got.append(re.search(rb"X-Api-Key: (.*)\r\n", head)[1].decode())
        # The first value, as who was given it before may send it back.
        made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
            len(VALUES[0]), VALUES[0].encode()))
        made.close()


def put(path, value):
    with open(path + ".new", "w") as out:
        out.write(value)
    os.rename(path + ".new", path)


with tempfile.TemporaryDirectory() as home:
    project, source, got = home + "/project", home + "/token", []
    os.mkdir(project)
    put(source, VALUES[0])
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    threading.Thread(target=serve, args=(server, got), daemon=True).start()
    rules = ["allow read,exec /**", "allow env *", "deny write /**", f"hide read {source}",
             f"allow connect 127.0.0.1:{port}",
             f'secret timed from command "cat {source}" to 127.0.0.1:{port} ttl 1s']
    ran = subprocess.Popen(
        session(INTERPOSE, project, rules, [sys.executable, "-c", PROGRAM, str(port)]), cwd=project, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state", "LANG": "C.UTF-8",
             "TIMED": VALUES[0]})

    def request():
        """What its program was answered, and what the far end was sent as the key."""
        ran.stdin.write("go\n")
        ran.stdin.flush()
        return ran.stdout.readline(), got[-1]

    key = ran.stdout.readline().split()[1]
    answer = f"answer HTTP/1.1 200 OK {key}\n"
    expect("at first: it is answered, and the far end has the value", request(), (answer, VALUES[0]))
    broker = next(pid for pid, name in children(ran.pid) if name == "interpose-net")
    before = resource.prlimit(broker, resource.RLIMIT_MEMLOCK)
    resource.prlimit(broker, resource.RLIMIT_MEMLOCK, (0, before[1]))
    said = ran.stderr.readline()
    expect("it is said", "timed could not be renewed, and is forgotten" in said and "ulimit -l" in said, True)
    expect("while it is forgotten: it is answered, and the far end has the placeholder", request(), (answer, key))
    put(source, VALUES[1])
    resource.prlimit(broker, resource.RLIMIT_MEMLOCK, before)
    until, seen = time.monotonic() + 60, [request()]
    while seen[-1][1] != VALUES[1] and time.monotonic() < until:
        seen.append(request())
    expect("with memory again: each is answered", {said for said, _ in seen}, {answer})
    expect("with memory again: the far end has the new value", seen[-1][1], VALUES[1])
    expect("no program has had a value", key in VALUES, False)
    rest = ran.communicate()
    expect("the session ends as its program", ran.returncode, 0)
    expect("nothing else is said", rest[1], "")
finish()
