"""What an agent is not to do, from inside a session: agent_attack.py

Each line says what was asked and what came back.
"""

import base64
import os
import socket
import struct
import sys


def text(data):
    return struct.pack(">I", len(data)) + data


def link():
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(20)
    made.connect(os.environ["SSH_AUTH_SOCK"])
    return made


def read(made):
    head = b""
    while len(head) < 4:
        got = made.recv(4 - len(head))
        if not got:
            return None
        head += got
    body = b""
    size = struct.unpack(">I", head)[0]
    while len(body) < size:
        body += made.recv(size - len(body))
    return body


def ask(made, body):
    made.sendall(text(body))
    return read(made)


def said(name, answer):
    print(name, "over" if answer is None else "type %d" % answer[0], flush=True)


def keys():
    made = link()
    answer = ask(made, b"\x0b")
    found = []
    rest = answer[5:]
    for _ in range(struct.unpack(">I", answer[1:5])[0]):
        for part in ("key", "comment"):
            size = struct.unpack(">I", rest[:4])[0]
            if part == "key":
                found.append(rest[4:4 + size])
            rest = rest[4 + size:]
    return found


def sign_in(key, session, method=b"publickey", more=b"", service=b"ssh-connection", number=b"\x32"):
    return (text(session) + number + text(b"git") + text(service) + text(method) + b"\x01" + text(b"ssh-ed25519")
            + text(key) + more)


def sign(key, data, flags=0):
    return b"\x0d" + text(key) + text(data) + struct.pack(">I", flags)


mine = keys()
print("keys", len(mine))
key = mine[0]
with open(sys.argv[1], "rb") as file:
    other = base64.b64decode(file.read().split()[1])
session = b"s" * 32
host = text(b"ssh-ed25519") + text(b"h" * 32)
for name, body in {
    "any-text": sign(key, b"SSHSIG" + b"x" * 100),
    "unbound": sign(key, sign_in(key, session)),
    "hostbound-unbound": sign(key, sign_in(key, session, b"publickey-hostbound-v00@openssh.com", text(host))),
    "other-key": sign(other, sign_in(other, session)),
    "other-in-data": sign(key, sign_in(other, session)),
    "add": b"\x11" + text(b"ssh-ed25519") + text(b"p" * 32) + text(b"k" * 64) + text(b"comment"),
    "remove": b"\x12" + text(key),
    "remove-all": b"\x13",
    "lock": b"\x16" + text(b"password"),
    "smartcard": b"\x14" + text(b"/usr/lib/x.so") + text(b""),
    "extension": b"\x1b" + text(b"query"),
    "bind-forged": b"\x1b" + text(b"session-bind@openssh.com") + text(host) + text(session)
                   + text(text(b"ssh-ed25519") + text(b"g" * 64)) + b"\x00",
    "bind-forwarded": b"\x1b" + text(b"session-bind@openssh.com") + text(host) + text(session) + text(b"") + b"\x01",
    "bind-short": b"\x1b" + text(b"session-bind@openssh.com") + text(host)[:-1],
    "list-and-more": b"\x0bx",
    "sign-short": sign(key, sign_in(key, session))[:-1],
    "sign-long": sign(key, sign_in(key, session)) + b"x",
    "garbage": b"\xff" * 1000,
    "inner-length": b"\x0d" + b"\xff\xff\xff\xff" + b"x" * 100,
    "version-1": b"\x01",
}.items():
    said(name, ask(link(), body))
made = link()
said("bind-then-sign", (ask(made, b"\x1b" + text(b"session-bind@openssh.com") + text(host) + text(session)
                            + text(text(b"ssh-ed25519") + text(b"g" * 64)) + b"\x00"), ask(made, sign(key, sign_in(key, session))))[1])
for name, size in {"empty": 0, "huge": 0xffffffff, "over": 256 * 1024 + 1}.items():
    made = link()
    made.sendall(struct.pack(">I", size) + b"\x0b")
    said(name, read(made))
made = link()
count = 0
for _ in range(100):
    made.sendall(text(b"\x13") * 100)
    for _ in range(100):
        count += read(made)[0] == 5
print("refused", count)
said("list-after", ask(made, b"\x0b"))
