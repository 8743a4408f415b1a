#!/usr/bin/env python3
"""The outside, for tests of the network: a name server and servers of several
names, inside a network namespace. Everything that arrives is written to files:

  dns   a line for each question: NAME TYPE
  far   a line for each request: SERVER-NAME HOST PATH; raw bytes as RAW HEX
  udp   a line for each datagram that is no question
  raw   all bytes that came, those of questions too, in hexadecimal

world.py DIRECTORY makes `ready` there once all listen, and runs until killed.
"""
import os
import socket
import ssl
import struct
import sys
import threading
import time

here = sys.argv[1]
ONE, TWO = "203.0.113.10", "203.0.113.11"
ZONE = {
    "good.test": [ONE], "other.test": [ONE], "plain.test": [TWO],
    "two.test": ["203.0.113.99", TWO], "six.test": [],
    "meta.bad.test": ["169.254.169.254"], "lan.bad.test": ["10.0.0.5"],
    "lo.bad.test": ["127.0.0.1"], "mixed.bad.test": ["127.0.0.1", ONE],
    "rebind.bad.test": [ONE],
    "alias-meta.bad.test": ["169.254.169.254"], "alias-lo.bad.test": ["127.0.0.1"],
    "alias.bad.test": [TWO],
}
SIX = {"six.test": ["2001:db8::10"], "lo.bad.test": ["::1"],
       "meta.bad.test": ["fd00:ec2::254"], "link.bad.test": ["fe80::1"],
       "nat64.bad.test": ["64:ff9b::a9fe:a9fe"], "nat64-lo.bad.test": ["64:ff9b::7f00:1"],
       "nat64-own.bad.test": ["64:ff9b:1::a9fe:a9fe"]}
# Names that are others', which are others' again.
ALIASES = {"alias-meta.bad.test": ["meta.evil.test"], "alias-lo.bad.test": ["a.good.test", "lo.evil.test"],
           "alias.bad.test": ["cdn.evil.test"]}
lock = threading.Lock()
letters = []  # of questions for good.test, which are capitals: four bits of each


def note(name, text):
    with lock, open(os.path.join(here, name), "a") as file:
        file.write(text + "\n")


def answer(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    note("raw", query.hex())
    if labels[0].lower() == b"good":
        bits = "".join(str(int(chr(c).isupper())) for c in labels[0])
        letters[:] = letters[-15:] + [f"{int(bits, 2):x}"]
        note("raw", "".join(letters))
    name = b".".join(labels).decode("latin-1").lower()
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    note("dns", f"{name} {kind}")
    question = query[12:at + 5]
    if name not in ZONE and name not in SIX and name != "big.test" and \
            not name.endswith(".wild.test"):
        return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
    records = b""
    four = ZONE.get(name, [] if name in SIX else [TWO])
    if name == "rebind.bad.test":  # outside, and from then on inside
        ZONE[name] = ["10.0.0.5"]
    found = ([socket.inet_aton(a) for a in four] if kind == 1 else
             [socket.inet_pton(socket.AF_INET6, a) for a in SIX.get(name, [])]
             if kind == 28 else [])
    owner, count = b"\xc0\x0c", len(found)
    # One that changes may not be kept for a moment.
    life = 0 if name == "rebind.bad.test" else 60
    for alias in ALIASES.get(name, []):
        wire = b"".join(bytes([len(x)]) + x.encode() for x in alias.split(".")) + b"\0"
        records += owner + struct.pack(">HHIH", 5, 1, life, len(wire)) + wire
        owner, count = wire, count + 1
    for data in found:
        records += owner + struct.pack(">HHIH", kind, 1, life, len(data))
        records += data
    return (query[:2] + b"\x81\x80\0\1" + struct.pack(">H", count) +
            b"\0\0\0\0" + question + records)


def names_udp(where):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((where, 53))

    def serve():
        while True:
            query, peer = server.recvfrom(4096)
            server.sendto(answer(query), peer)
    threading.Thread(target=serve, daemon=True).start()


def udp_sink(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))

    def serve():
        while True:
            data, peer = server.recvfrom(4096)
            note("udp", f"{port} {data.hex()}")
            server.sendto(b"heard " + data, peer)
    threading.Thread(target=serve, daemon=True).start()


def listener(family, address, port, one):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    server.listen(64)

    def serve():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=one, args=(connection,),
                             daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


def raw(port):
    """Writes down what comes, and answers a little."""
    def one(connection):
        whole = b""
        try:
            while data := connection.recv(65536):
                whole += data
                note("raw", whole.hex())
                connection.sendall(b"heard")
        except OSError:
            pass
    listener(socket.AF_INET, "0.0.0.0", port, one)


def silent(port):
    """Takes what comes, says nothing, and writes down that something came, and
    that it ended."""
    def one(connection):
        came = False
        try:
            while connection.recv(65536):
                if not came:
                    note("left", f"{port} came")
                came = True
        except OSError:
            pass
        note("left", f"{port} left")
    listener(socket.AF_INET, "0.0.0.0", port, one)


def echoes():
    """What comes as a ping; only root may listen for it."""
    try:
        server = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                               socket.IPPROTO_ICMP)
    except OSError:
        return

    def serve():
        while True:
            note("raw", server.recv(4096).hex())
    threading.Thread(target=serve, daemon=True).start()


def requests(connection, name):
    """HTTP/1.1 with keep-alive, and as little of it as serves."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data.lstrip():
            more = connection.recv(65536)
            note("raw", more.hex())
            if not more:
                if data:
                    note("far", "RAW " + data.hex())
                return
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        if len(lines[0].split()) != 3:
            note("far", "RAW " + head.hex())
            return
        method, path, _ = lines[0].split()
        headers = {}
        for line in lines[1:]:
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        note("far", f"{name} {headers.get('host')} {path}")
        length = int(headers.get("content-length", 0))
        if headers.get("transfer-encoding") == "chunked":
            while not data.endswith(b"0\r\n\r\n"):
                data += connection.recv(65536)
            data = b""
        while len(data) < length:
            data += connection.recv(65536)
        body, data = data[:length], data[length:]
        if path.startswith("/said/"):  # an answer of a client's words
            text = b"HTTP/1.1 101 " * 10
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text))
            time.sleep(0.3)  # till the client has said more
            connection.sendall(text)
            continue
        if headers.get("upgrade") and path != "/no":
            connection.sendall(b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\n"
                               b"Connection: upgrade\r\n\r\n")
            while True:
                more = connection.recv(65536)
                if not more:
                    return
                connection.sendall(more)
        if path.startswith("/bytes/"):
            size = int(path[7:])
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                               % size)
            block = b"x" * 65536
            while size:
                connection.sendall(block[:min(size, len(block))])
                size -= min(size, len(block))
            continue
        text = f"hello {headers.get('host')} {len(body)}\n".encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" %
                           (len(text), text))


def stream(family, address, port, tls, speaks_first=False, again=False):
    """`again`: its clients are asked for another ClientHello."""
    def one(connection):
        name = "-"
        try:
            if speaks_first:
                connection.sendall(b"220 welcome\r\n")
                connection.sendall(connection.recv(4096))
                return
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(os.path.join(here, "cert.pem"),
                                        os.path.join(here, "key.pem"))
                if again:
                    context.set_ecdh_curve("secp384r1")
                seen = []
                context.sni_callback = lambda s, n, c: seen.append(n)
                connection = context.wrap_socket(connection, server_side=True)
                name = seen[-1] if seen and seen[-1] else "none"
            requests(connection, name)
        except OSError:
            pass
        finally:
            connection.close()

    listener(family, address, port, one)


names_udp("127.0.0.1")
names_udp("127.0.0.53")
names_udp(TWO)
raw(53)
raw(4433)
raw(4437)
silent(4435)
silent(4436)
silent(4438)
echoes()
for port in (54, 443, 9999):
    udp_sink(port)
stream(socket.AF_INET, "0.0.0.0", 80, False)
stream(socket.AF_INET6, "::", 80, False) if socket.has_ipv6 and \
    os.path.exists("/proc/net/if_inet6") else None
stream(socket.AF_INET, "0.0.0.0", 7780, False)
stream(socket.AF_INET, "0.0.0.0", 443, True)
stream(socket.AF_INET, "0.0.0.0", 4434, True, again=True)
stream(socket.AF_INET, "0.0.0.0", 7777, False, speaks_first=True)
stream(socket.AF_INET6, "::", 8443, True) if socket.has_ipv6 and \
    os.path.exists("/proc/net/if_inet6") else None
open(os.path.join(here, "ready"), "w").close()
threading.Event().wait()
