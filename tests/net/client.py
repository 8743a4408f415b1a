#!/usr/bin/env python3
"""What a program does on the network, one way a run: client.py WAY ARG…"""
import errno
import os
import select
import socket
import ssl
import struct
import sys
import time

way, args = sys.argv[1], sys.argv[2:]
WORLD = os.environ.get("WORLD", "/nowhere")
SERVER = "198.51.100.53"  # a name server that is nowhere


def context(name):
    made = ssl.create_default_context(cafile=os.path.join(WORLD, "cert.pem"))
    if name is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def request(connection, host, path, body=b""):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(b"\n"):
        more = connection.recv(65536)
        if not more:
            raise ConnectionResetError(errno.ECONNRESET, "ended")
        data += more
    return data.split(b"\r\n\r\n", 1)[1].decode()


def question(name, kind):
    labels = b"".join(bytes([len(x)]) + x for x in name)
    return (b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" +
            struct.pack(">HH", kind, 1))


def show(answer, peer):
    if answer[3] & 15:
        return "NXDOMAIN" if answer[3] & 15 == 3 else f"code {answer[3] & 15}"
    count = struct.unpack(">H", answer[6:8])[0]
    if count == 0:
        return "no address"
    kind = struct.unpack(">H", answer[-14:-12] if answer[-6:-4] == b"\0\4"
                         else b"\0\0")[0]
    del kind
    found, at = [], 12
    while answer[at]:
        at += 1 + answer[at]
    at += 5
    for _ in range(count):
        at += 2 if answer[at] >= 0xc0 else answer.index(0, at) + 1 - at
        size = struct.unpack(">H", answer[at + 8:at + 10])[0]
        data = answer[at + 10:at + 10 + size]
        found.append(socket.inet_ntop(socket.AF_INET if size == 4 else
                                      socket.AF_INET6, data))
        at += 10 + size
    return ",".join(found) + f" from {peer[0]}"


def ask(query, how):
    server = (SERVER, 53)
    if how in ("tcp", "tcp-bound"):
        own = ("0.0.0.0", 0) if how == "tcp-bound" else None
        with socket.create_connection(server, 10, own) as s:
            s.sendall(struct.pack(">H", len(query)) + query)
            size = struct.unpack(">H", s.recv(2))[0]
            return show(s.recv(size), s.getpeername())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        if how in ("unconnected", "recvmsg"):
            s.sendto(query, server)
        else:
            s.connect(server)
            s.send(query)
        if how == "recvmsg":
            data, _, _, peer = s.recvmsg(4096)
        else:
            data, peer = s.recvfrom(4096)
        return show(data, peer)


def nonblocking(host, port):
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    s = socket.socket(found[0], socket.SOCK_STREAM)
    s.setblocking(False)
    error = s.connect_ex(found[4])
    if error == errno.EINPROGRESS:
        select.select([], [s], [], 20)
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
    s.setblocking(True)
    return s


def said(path, line):
    """Wait until a file has that line; false when it does not come."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if os.path.exists(path):
            with open(path) as file:
                if line in file.read().splitlines():
                    return True
        time.sleep(0.02)
    return False


def run():
    if way in ("tls", "nonblocking"):
        host, port, path = args[0], int(args[1]), args[2]
        s = nonblocking(host, port) if way == "nonblocking" else \
            socket.create_connection((host, port), 20)
        name = host if any(c.isalpha() for c in host) else None
        print(request(context(name).wrap_socket(s, server_hostname=name),
                      host, path))
    elif way == "as":
        name = None if args[2] == "-" else args[2]
        s = socket.create_connection((args[0], int(args[1])), 20)
        print(request(context(None).wrap_socket(s, server_hostname=name),
                      args[0], args[3]))
    elif way == "http":
        s = socket.create_connection((args[0], int(args[1])), 20)
        print(request(s, args[0], args[2]))
    elif way == "host":
        s = socket.create_connection((args[0], 80), 20)
        print(request(s, args[1], args[2]))
    elif way == "keepalive":
        s = socket.create_connection((args[0], 80), 20)
        for _ in range(3):
            print(request(s, args[0], "/first", b"12345"))
        s.sendall(b"POST /chunks HTTP/1.1\r\nHost: " + args[0].encode() +
                  b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                  b"0\r\n\r\n")
        s.recv(4096)
        print(request(s, args[1], args[2], b"12345"))
    elif way == "upgrade":
        s = socket.create_connection((args[0], 80), 20)
        s.sendall(b"GET /ws HTTP/1.1\r\nHost: " + args[0].encode() +
                  b"\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(4096)
        s.sendall(b"any bytes at all")
        print("echoed" if s.recv(100) == b"any bytes at all" else "not echoed")
    elif way in ("raw", "word"):
        s = socket.create_connection((args[0], int(args[1])), 20)
        s.sendall(args[2].encode().decode("unicode_escape").encode("latin-1"))
        try:
            if way == "word":
                s.shutdown(socket.SHUT_WR)
            data = s.recv(4096)
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.ECONNRESET):
                raise
            data = b""
        print("got", data) if data else print("reset")
    elif way in ("leave", "reset", "leave-upgrade"):
        # Behind its ClientHello, with bytes that nobody has read yet, or behind a
        # request for another protocol.
        s = socket.create_connection((args[0], int(args[1])), 20)
        if way == "leave-upgrade":
            s.sendall(f"GET / HTTP/1.1\r\nHost: {args[0]}\r\nConnection: Upgrade\r\n"
                      "Upgrade: websocket\r\n\r\n".encode())
        else:
            hello = ssl.MemoryBIO()
            try:
                context(None).wrap_bio(ssl.MemoryBIO(), hello,
                                       server_hostname=args[0]).do_handshake()
            except ssl.SSLWantReadError:
                s.sendall(hello.read() + b"\x17\3\3\0\1x")
        said(args[2], args[1] + " came")
        if way == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        if said(args[2], args[1] + " left"):
            print("the far end saw it")
    elif way == "peer":
        s = socket.create_connection((args[0], int(args[1])), 20)
        print(*s.getpeername())
    elif way == "first":
        s = socket.create_connection((args[0], int(args[1])), 20)
        print(s.recv(100))
    elif way == "bytes":
        s = socket.create_connection((args[0], 443), 20)
        s = context(args[0]).wrap_socket(s, server_hostname=args[0])
        s.sendall(f"GET /bytes/{args[1]} HTTP/1.1\r\nHost: {args[0]}\r\n\r\n"
                  .encode())
        data, size = b"", int(args[1])
        while b"\r\n\r\n" not in data:
            data += s.recv(65536)
        got = len(data.split(b"\r\n\r\n", 1)[1])
        while got < size:
            got += len(s.recv(65536))
        print(got, "bytes")
    elif way == "udp":
        found = socket.getaddrinfo(args[0], None, socket.AF_INET)[0][4][0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(bytes.fromhex(args[2]), (found, int(args[1])))
            print(s.recvfrom(100))
    elif way == "ask":
        kind = 16 if args[1] == "txt" else 1
        how = "connected" if args[1] == "txt" else args[1]
        print(ask(question([x.encode() for x in args[0].split(".")], kind),
                  how))
    elif way == "inherited":
        # The asker becomes another program once its socket is set up; who
        # asks then is a sibling that has the socket too.
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.set_inheritable(True)
        s.connect((SERVER, 53))
        there = socket.create_server(("127.0.0.1", 0))
        if os.fork():
            os.execv(args[1], [args[1], "-s", "--max-time", "20", "-o",
                               "/dev/null", "http://127.0.0.1:%d/" %
                               there.getsockname()[1]])
        kept = there.accept()  # it runs
        s.send(question([x.encode() for x in args[0].split(".")], 1))
        s.settimeout(10)
        print(show(s.recv(4096), (SERVER, 53)), flush=True)
        del kept
    elif way == "ask-nul":
        labels = [x.encode() for x in args[1].split(".")]
        print(ask(question([args[0].encode() + b"\0" + labels[0]] + labels[1:],
                           1), "connected"))
    elif way == "inside":
        for kind in (1, 28):
            try:
                print(ask(question([x.encode() for x in args[0].split(".")],
                                   kind), "connected").split(" from")[0])
            except OSError as error:
                print(error)
        print("done")


try:
    run()
except (ConnectionResetError, ssl.SSLError, BrokenPipeError) as error:
    print("reset", error)
except OSError as error:
    print(errno.errorcode.get(error.errno, error.errno), error)
