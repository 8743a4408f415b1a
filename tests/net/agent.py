"""An agent of ssh that says yes to everything: agent.py INTERPOSE

So what is refused is refused by interpose. A connection is bound to a host by
the host's own signature and by no other; one session's socket is of no use to
another; and a broker that is killed takes what it was asked with it.
"""

import base64
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

from cases import children, expect, finish, session

INTERPOSE = sys.argv[1]
here = tempfile.TemporaryDirectory()
home, project, real = here.name, here.name + "/project", here.name + "/real"
os.makedirs(project)
os.makedirs(home + "/.ssh")
os.makedirs(home + "/run", 0o700)
KEY = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + b"k" * 32

PROGRAM = r"""
import json, os, socket, struct, sys
def read(made, size):
    data = b""
    while len(data) < size:
        part = made.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
def ask(made, body):
    made.sendall(struct.pack(">I", len(body)) + body)
    return read(made, struct.unpack(">I", read(made, 4))[0])[0]
def link(path):
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made
path = os.environ.get("SSH_AUTH_SOCK", "")
print(path, flush=True)
for line in sys.stdin:
    command, *rest = json.loads(line)
    try:
        if command == "path":
            path, said = rest[0], "changed"
        else:
            made = link(path)
            said = [ask(made, bytes.fromhex(body)) for body in rest]
    except (OSError, EOFError) as error:
        said = type(error).__name__
    print(json.dumps(said), flush=True)
"""


def text(data):
    return struct.pack(">I", len(data)) + data


def read(made, size):
    data = b""
    while len(data) < size:
        part = made.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class Agent:
    """Yes to everything; a signature waits for `go_on`."""
    asked = []
    links = 0
    signing, go_on = threading.Event(), threading.Event()

    def __init__(self):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(real)
        self.server.listen(8)
        Agent.go_on.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            made, _ = self.server.accept()
            Agent.links += 1
            threading.Thread(target=self.serve, args=(made,), daemon=True).start()

    def serve(self, made):
        try:
            while True:
                body = read(made, struct.unpack(">I", read(made, 4))[0])
                Agent.asked.append(body[0])
                answer = b"\x06"
                if body[0] == 11:
                    answer = b"\x0c" + struct.pack(">I", 1) + text(KEY) + text(b"a key")
                elif body[0] == 13:
                    Agent.signing.set()
                    Agent.go_on.wait(60)
                    answer = b"\x0e" + text(text(b"ssh-ed25519") + text(b"s" * 64))
                made.sendall(text(answer))
        except (OSError, EOFError):
            pass


def heard():
    """How many have turned to the agent: who is let in after them has to wait for it."""
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(real)
        last.sendall(text(b"\x0b"))
        read(last, 4)
    Agent.links -= 1
    return Agent.links


# ------------------------------------------------------------------ hosts

def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, check=True, capture_output=True).stdout


def in_file(data):
    with open(home + "/data", "wb") as file:
        file.write(data)
    return home + "/data"


def mpint(number):
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return text(data)


def der(data):
    """The parts of a sequence: the bytes of each."""
    def one(at):
        size, start = data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7f
            size, start = int.from_bytes(data[start:start + count], "big"), start + count
        return start, start + size
    at, end = one(0)
    while at < end:
        first, last = one(at)
        yield data[first:last]
        at = last


class Ed25519:
    def __init__(self):
        self.path = f"{home}/{id(self)}.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        self.blob = text(b"ssh-ed25519") + text(openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:])

    def sign(self, data, name=b"ssh-ed25519"):
        return text(name) + text(openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", in_file(data)))


class Ecdsa:
    def __init__(self, bits):
        self.path, self.bits = f"{home}/{id(self)}.pem", bits
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:P-{bits}", "-out", self.path)
        size = 1 + 2 * ((bits + 7) // 8)
        point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-size:]
        self.name = b"ecdsa-sha2-nistp%d" % bits
        self.blob = text(self.name) + text(b"nistp%d" % bits) + text(point)

    def sign(self, data, name=None):
        digest = {256: "sha256", 384: "sha384", 521: "sha512"}[self.bits]
        made = openssl("dgst", "-" + digest, "-sign", self.path, in_file(data))
        r, s = (mpint(int.from_bytes(part, "big")) for part in der(made))
        return text(name or self.name) + text(r + s)


class Rsa:
    def __init__(self, bits):
        self.path = f"{home}/{id(self)}.pem"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", self.path)
        modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
        self.blob = text(b"ssh-rsa") + mpint(65537) + mpint(int(modulus, 16))

    def sign(self, data, name=b"rsa-sha2-256"):
        digest = {b"rsa-sha2-256": "sha256", b"rsa-sha2-512": "sha512", b"ssh-rsa": "sha1"}[name]
        return text(name) + text(openssl("dgst", "-" + digest, "-sign", self.path, in_file(data)))


def bind(host, number, signature, forwarded=0):
    return b"\x1b" + text(b"session-bind@openssh.com") + text(host.blob) + text(number) + text(signature) + \
        bytes([forwarded])


def sign_in(number, host=None):
    method = b"publickey-hostbound-v00@openssh.com" if host else b"publickey"
    data = text(number) + b"\x32" + text(b"git") + text(b"ssh-connection") + text(method) + b"\x01" + \
        text(b"ssh-ed25519") + text(KEY) + (text(host.blob) if host else b"")
    return b"\x0d" + text(KEY) + text(data) + struct.pack(">I", 0)


class Session:
    def __init__(self, *rules, agent=real):
        environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state",
                       "XDG_RUNTIME_DIR": home + "/run", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            session(INTERPOSE, project, ["allow read,write,exec /**", "allow env *", *rules],
                    [sys.executable, "-c", PROGRAM]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project,
            env=environment | ({"SSH_AUTH_SOCK": agent} if agent else {}))
        self.path = self.process.stdout.readline().strip()

    def say(self, *words):
        self.process.stdin.write(json.dumps([w.hex() if isinstance(w, bytes) else w for w in words]) + "\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline() or "null")

    def ask(self, *words):
        self.say("ask", *words)
        return self.hear()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        return self.process.stderr.read()


Agent()
hosts = {"ed25519": Ed25519(), "p256": Ecdsa(256), "p384": Ecdsa(384), "p521": Ecdsa(521), "rsa": Rsa(2048)}
small, stranger = Rsa(512), Ed25519()
with open(home + "/.ssh/known_hosts", "w") as out:
    for name, host in {**hosts, "small": small}.items():
        kind = host.blob[4:4 + struct.unpack(">I", host.blob[:4])[0]].decode()
        out.write(f"{name}.test {kind} {base64.b64encode(host.blob).decode()}\n")
fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(KEY).digest()).decode().rstrip("=")
to = " ".join(f"{name}.test" for name in (*hosts, "small"))

# ------------------------------------------------- who says which host it is

one = Session(f"ssh-agent {fingerprint} to {to}")
number = os.urandom(32)
for name, host in hosts.items():
    fine = host.sign(number)
    expect(f"{name}: bound by its signature, the key signs", one.ask(bind(host, number, fine), sign_in(number)), [6, 14])
    expect(f"{name}: and where the host is said, too", one.ask(bind(host, number, fine), sign_in(number, host)), [6, 14])
    expect(f"{name}: not for another host", one.ask(bind(host, number, fine), sign_in(number, stranger)), [6, 5])
    expect(f"{name}: not for another connection", one.ask(bind(host, number, fine), sign_in(b"x" * 32)), [6, 5])
    del Agent.asked[:]
    for what, signature in {
            "another connection's": host.sign(b"x" * 32), "another host's": stranger.sign(number),
            "no": b"", "a changed": fine[:-1] + bytes([fine[-1] ^ 1]), "a short": fine[:-1], "a longer": fine + b"\0",
            "an unnamed": text(b"") + fine[4:], "a garbled": text(fine[4:15]) + text(b"\xff" * 64)}.items():
        expect(f"{name}: {what} signature", one.ask(bind(host, number, signature), sign_in(number)), [5, 5])
    expect(f"{name}: the agent was not asked", Agent.asked, [])
rsa = hosts["rsa"]
expect("rsa with SHA-512", one.ask(bind(rsa, number, rsa.sign(number, b"rsa-sha2-512")), sign_in(number)), [6, 14])
expect("rsa with SHA-1", one.ask(bind(rsa, number, rsa.sign(number, b"ssh-rsa")), sign_in(number)), [5, 5])
expect("rsa of 512 bits", one.ask(bind(small, number, small.sign(number)), sign_in(number)), [5, 5])
expect("a host that is not named", one.ask(bind(stranger, number, stranger.sign(number)), sign_in(number)), [6, 5])
expect("forwarded", one.ask(bind(rsa, number, rsa.sign(number), 1), sign_in(number)), [5, 5])

# --------------------------------------------------- another session's socket

links = heard()
two = Session("allow connect unix:/**", agent=None)
two.say("path", one.path)
two.hear()
expect("another session's socket, where all are allowed", type(two.ask(b"\x0b")), str)
outside = socket.socket(socket.AF_UNIX)
outside.connect(one.path)
try:
    outside.sendall(text(b"\x0b"))
    said = outside.recv(100)
except OSError:
    said = b""
expect("from outside of all sessions", said, b"")
two.end()
three = Session(f"ssh-agent {fingerprint}", "allow connect unix:/**")
three.say("path", one.path)
three.hear()
expect("by way of a session that has an agent", type(three.ask(b"\x0b")), str)
three.end()
expect("the agent heard of none of it", heard(), links)
one.end()

# ---------------------------------------------------- killed in the middle

for who in ("broker", "supervisor"):
    one = Session(f"ssh-agent {fingerprint}")
    Agent.go_on.clear()
    Agent.signing.clear()
    one.say("ask", sign_in(number))
    expect(f"{who}: the agent is asked to sign", Agent.signing.wait(60), True)
    family = children(one.process.pid)
    broker = [pid for pid, name in family if name == "interpose-net"]
    supervisor = [pid for pid, name in children(one.process.pid) if name == "interpose"]
    os.kill((broker if who == "broker" else supervisor)[0], signal.SIGKILL)
    if who == "broker":
        expect("broker: the program gets no answer", type(one.hear()), str)
        Agent.go_on.set()
        del Agent.asked[:]
        expect("broker: nor is there an agent from then on", type(one.ask(b"\x0b")), str)
        expect("broker: and it was asked for nothing", Agent.asked, [])
        one.end()
    else:
        one.process.wait()
        Agent.go_on.set()
        expect("supervisor: all of the session is gone",
               [name for pid, name in family if os.path.exists(f"/proc/{pid}/exe")], [])
        expect("supervisor: the program got no signature", one.process.stdout.read() in ("", '"EOFError"\n'), True)
here.cleanup()
finish()
