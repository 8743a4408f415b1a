"""The broker or the supervisor, killed while a request is under way:
killed.py INTERPOSE

A server of our own notes every byte that comes: what was not whole by then does
not arrive, in clear or with a placeholder, and nothing that is tried afterwards.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cases import children, expect, finish, session

INTERPOSE = sys.argv[1]
PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
HERE = os.path.dirname(os.path.realpath(__file__))
KEY = "sk-ant-api03-" + os.urandom(18).hex()
AWS_ID, AWS_KEY = "AKIA" + os.urandom(8).hex().upper(), os.urandom(20).hex()
here = tempfile.TemporaryDirectory()
home, project = here.name, here.name + "/project"
os.makedirs(project)
os.makedirs(home + "/.aws")
with open(home + "/.aws/credentials", "w") as out:
    out.write(f"[default]\naws_access_key_id = {AWS_ID}\naws_secret_access_key = {AWS_KEY}\n")
shutil.copy(f"{HERE}/aws_sign.py", home)

PROGRAM = r"""
import configparser, hashlib, os, socket, sys
sys.path.insert(0, os.environ["HOME"])
from aws_sign import signature
way, port = sys.argv[1], int(sys.argv[2])
host, body = f"127.0.0.1:{port}", b"x" * 100000
def connect():
    return socket.create_connection(("127.0.0.1", port), 60)
def rest(made):
    try:
        got = b""
        while part := made.recv(65536):
            got += part
        return got
    except OSError as error:
        return type(error).__name__.encode()
made = connect()
key = os.environ["MODEL_KEY"]
head = f"POST /{way} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
if way == "signed":
    # Without its body's hash: all of the body comes first.
    read = configparser.ConfigParser()
    read.read(os.path.expanduser("~/.aws/credentials"))
    key = read["default"]["aws_secret_access_key"]
    date, scope = "20260101T000000Z", "20260101/us-east-1/service/aws4_request"
    fields = [("host", host), ("x-amz-date", date)]
    code = signature(key, "POST", "/signed", fields, "host;x-amz-date", date, scope, hashlib.sha256(body).hexdigest())
    head += (f"X-Amz-Date: {date}\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
             f"{read['default']['aws_access_key_id']}/{scope}, SignedHeaders=host;x-amz-date, Signature={code}\r\n")
else:
    head += f"X-Api-Key: {key}\r\n"
made.sendall(head.encode() + b"\r\n" + body[:50000])
print("half", key, flush=True)
sys.stdin.readline()
try:
    made.sendall(body[50000:])
except OSError as error:
    print("sent", type(error).__name__)
print("answer", rest(made))
for i in range(3):
    try:
        made = connect()
        made.sendall(f"GET /after HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {key}\r\n\r\n".encode())
        print("after", rest(made))
    except OSError as error:
        print("after", type(error).__name__, flush=True)
"""


class Far:
    def __init__(self):
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(8)
        self.port = self.server.getsockname()[1]
        self.got, self.links = b"", 0
        self.linked, self.head = threading.Event(), threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            made, _ = self.server.accept()
            self.links += 1
            self.linked.set()
            threading.Thread(target=self.serve, args=(made,), daemon=True).start()

    def serve(self, made):
        try:
            while part := made.recv(65536):
                self.got += part
                if b"\r\n\r\n" in self.got:
                    self.head.set()
        except OSError:
            pass
        made.close()


def case(way, who):
    far = Far()
    rules = ["allow read,exec /**", "allow env *", f"fake read {home}/.aws/** as aws",
             f"secret model from env MODEL_KEY to 127.0.0.1:{far.port}",
             f"secret aws from file {home}/.aws/credentials to 127.0.0.1:{far.port} in aws",
             f"allow connect 127.0.0.1:{far.port}"]
    state = f"{home}/state-{way}-{who}"
    ran = subprocess.Popen(
        session(INTERPOSE, project, rules, [sys.executable, "-c", PROGRAM, way, str(far.port)]), cwd=project, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": state, "LANG": "C.UTF-8", "MODEL_KEY": KEY})
    what = f"{way}, {who} killed"
    said = ran.stdout.readline().split()
    expect(f"{what}: half is sent", (said[:1], KEY in said, AWS_KEY in said), (["half"], False, False))
    expect(f"{what}: it is connected to", far.linked.wait(60), True)
    if way == "header":
        expect(f"{what}: the far end has the head", far.head.wait(60), True)
    links = far.links
    family = children(ran.pid)
    named = "interpose-net" if who == "broker" else "interpose"
    os.kill(next(pid for pid, name in family if name == named), signal.SIGKILL)
    if who == "broker":
        said = ran.communicate("go\n")
        lines = said[0].splitlines()
        expect(f"{what}: there is no answer", [line for line in lines if line.startswith("answer")],
               [line for line in lines if line in ("answer b''", "answer b'ConnectionResetError'")])
        expect(f"{what}: nothing can be asked from then on", [line for line in lines if line.startswith("after")],
               ["after ConnectionRefusedError"] * 3)
        expect(f"{what}: it is said", "the network broker ended" in said[1], True)
    else:
        ran.wait()  # with the program waiting for its input
        said = ran.stdout.read(), ran.stderr.read()
        expect(f"{what}: all of the session is gone",
               [name for pid, name in family if os.path.exists(f"/proc/{pid}/exe")], [])
        expect(f"{what}: and has no answer", "200" in said[0], False)
    expect(f"{what}: no program has the key", [s for s in (KEY, AWS_KEY) if s in said[0] + said[1]], [])
    expect(f"{what}: no connection was made", far.links, links)
    expect(f"{what}: nothing came of what was tried then", b"/after" in far.got, False)
    if way == "signed":
        expect(f"{what}: nothing came at all", far.got, b"")
    else:
        expect(f"{what}: with the key, as it went before", KEY.encode() in far.got, True)
        expect(f"{what}: its body is not whole", len(far.got) < 100000, True)
    logs = b""
    for directory, _, names in os.walk(state):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                logs += file.read()
    expect(f"{what}: nor is a key in the log", [s for s in (KEY, AWS_KEY) if s.encode() in logs], [])


def held_broker():
    """One that does not see that its socket has ended, as one that was taken over need not. It is held by ptrace: who is
    stopped by a signal is woken when its parent is gone. Only root may."""
    ran = subprocess.Popen(
        session(INTERPOSE, project, ["allow read,exec /**", "allow connect far.invalid:443"],
                ["/bin/sh", "-c", "echo here; read line"]),
        cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "HOME": home})
    ran.stdout.readline()
    family = children(ran.pid)
    broker = next(pid for pid, name in family if name == "interpose-net")
    handle, seen = os.pidfd_open(broker), select.poll()
    seen.register(handle, select.POLLIN)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        expect("the broker is held", ctypes.CDLL(None).ptrace(request, broker, None, None), 0)
    os.waitpid(broker, WALL)
    for victim in [pid for pid, name in family if name == "interpose"] + [ran.pid]:
        os.kill(victim, signal.SIGKILL)
    ran.wait()
    expect("a broker that is held ends with guardian and supervisor", bool(seen.poll(20000)), True)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.waitpid(broker, WALL)
    os.close(handle)


def renewing():
    """The supervisor, while a command that renews a secret runs: it has written the value, and does not end."""
    with open(f"{home}/slow.sh", "w") as out:
        out.write(f'echo run >>{home}/runs\necho {KEY}\n[ "$(wc -l <{home}/runs)" = 1 ] || {{ echo $$ >{home}/new; mv {home}/new {home}/slow.pid; exec sleep 3600; }}\n')
    state = f"{home}/state-renewing"
    rules = ["allow read,exec /**", "allow env *", "deny write /**", f"hide read {home}/slow.sh",
             "allow connect 127.0.0.1:1",
             f'secret model from command "/bin/sh {home}/slow.sh" to 127.0.0.1:1 ttl 1s']
    ran = subprocess.Popen(
        session(INTERPOSE, project, rules, ["/bin/sh", "-c", "echo here; read line"]), cwd=project, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": state, "TMPDIR": home, "LANG": "C.UTF-8"})
    expect("renewing: the program runs", ran.stdout.readline(), "here\n")
    until = time.monotonic() + 60
    while not os.path.exists(f"{home}/slow.pid") and time.monotonic() < until:
        time.sleep(0.02)
    family = children(ran.pid)
    with open(f"{home}/slow.pid") as file:
        slow = int(file.read())
    expect("renewing: the command runs", slow in [pid for pid, _ in family], True)
    handles = [(name, os.pidfd_open(pid)) for pid, name in family]
    # The supervisor is the one that the program descends from.
    program = next(pid for pid, name in family if name == "sh" and pid != slow and parent(pid) != parent(slow))
    os.kill(parent(program), signal.SIGKILL)
    said = ran.communicate()
    left = []
    for name, handle in handles:
        seen = select.poll()
        seen.register(handle, select.POLLIN)
        if not seen.poll(20000):
            left.append(name)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    expect("renewing: all is gone, the command and the broker too", left, [])
    expect("renewing: nobody is shown the value", KEY in said[0] + said[1], False)
    with_key = []
    for directory, _, names in os.walk(home):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                if KEY.encode() in file.read():
                    with_key.append(name)
    expect("renewing: no file has the value but its source", with_key, ["slow.sh"])


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


if os.getuid() == 0:
    held_broker()
renewing()
for way in ("signed", "header"):
    for who in ("broker", "supervisor"):
        case(way, who)
here.cleanup()
finish()
