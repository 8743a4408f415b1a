"""Names that a person is asked about: nothing leaves before the answer, not even
the name. Runs in the world of tests/net/enter; the person is this script."""
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "e2e"))
from terminal import INTERPOSE, Terminal  # noqa: E402

WORLD, HOME = os.environ["WORLD"], os.environ["HOME"]
CLIENT = ["python3", os.path.join(here, "client.py")]
RULES = ["--only", "-e", "allow read,write /**", "-e", "allow exec /**",
         "-e", "allow env *"]


def options(rules):
    return [word for rule in rules for word in ("-e", rule)]


def session(rules, *program):
    for name in ("dns", "far", "udp"):
        open(os.path.join(WORLD, name), "w").close()
    return Terminal([INTERPOSE, "-q", *RULES, *options(rules), *program])


def unattended(rules, *program):
    done = subprocess.run([INTERPOSE, "-q", *RULES, "--ask", "deny",
                           *options(rules), *program], text=True, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout


def arrived(name):
    with open(os.path.join(WORLD, name)) as file:
        return file.read()


def question(t, subject):
    """It names what is asked, and nothing has left."""
    before = t.until("[a]llow once")
    assert subject.encode() in before, before
    assert arrived("dns") == "" and arrived("far") == "", "something left"
    assert arrived("udp") == "", "a datagram left"


def refused(t):
    end = t.until("CONNREFUSED")
    assert b"hello" not in end
    assert arrived("dns") == "" and arrived("far") == ""
    t.wait()


def once():
    t = session([], *CLIENT, "tls", "good.test", "443", "/once")
    question(t, "good.test:443")
    t.answer("a")
    t.until("hello good.test")
    assert t.wait() == 0
    assert "good.test good.test /once" in arrived("far")


def no():
    t = session([], *CLIENT, "tls", "good.test", "443", "/no")
    question(t, "good.test:443")
    t.answer("d")
    refused(t)


def by_rule():
    """A wildcard's labels do not leave either."""
    rules = ["deny connect *", "ask connect *.wild.test:443"]
    t = session(rules, *CLIENT, "tls", "c2VjcmV0.wild.test", "443", "/rule")
    question(t, "c2vjcmv0.wild.test:443")
    t.answer("d")
    refused(t)
    t = session(rules, *CLIENT, "tls", "evil.test", "443", "/rule")
    assert b"ECONN" not in t.until("-2"), "a name that is denied is not there"
    t.wait()


def nonblocking():
    t = session([], *CLIENT, "nonblocking", "good.test", "443", "/soon")
    question(t, "good.test:443")
    t.answer("a")
    t.until("hello good.test")
    assert t.wait() == 0


def speaks_first():
    t = session([], *CLIENT, "first", "good.test", "7777")
    question(t, "good.test:7777")
    t.answer("a")
    t.until("220 welcome")
    assert t.wait() == 0


def six():
    """One that has an address of IPv6 alone."""
    if not os.path.exists("/proc/net/if_inet6"):
        return
    t = session([], *CLIENT, "tls", "six.test", "8443", "/six")
    question(t, "six.test:8443")
    t.answer("a")
    t.until("hello six.test")
    assert t.wait() == 0


def two():
    """The first of two addresses is dead."""
    t = session([], *CLIENT, "tls", "two.test", "443", "/two")
    question(t, "two.test:443")
    t.answer("a")
    t.until("hello two.test")
    assert t.wait() == 0


def nowhere():
    t = session([], *CLIENT, "tls", "nowhere.test", "443", "/nowhere")
    question(t, "nowhere.test:443")
    t.answer("a")
    t.until("CONNREFUSED")
    t.wait()


def inside():
    """A yes to a name is none to where it leads inside."""
    t = session([], *CLIENT, "http", "meta.bad.test", "80", "/inside")
    question(t, "meta.bad.test:80")
    t.answer("a")
    t.until("CONNREFUSED")
    t.wait()
    assert arrived("far") == ""


def other_name():
    """A yes to a name is none to its neighbour on the same address."""
    t = session([], *CLIENT, "as", "good.test", "443", "other.test", "/other")
    question(t, "good.test:443")
    t.answer("a")
    t.until("reset")
    t.wait()
    assert arrived("far") == ""


def kept():
    """For the session: asked once, and then found as any other."""
    again = " ".join(CLIENT + ["tls", "good.test", "443", "/kept"])
    other = " ".join(CLIENT + ["http", "good.test", "80", "/kept80"])
    t = session([], "sh", "-c", "%s; %s; %s" % (again, again, other))
    question(t, "good.test:443")
    t.answer("s")
    t.until("allow connect good.test:443")
    t.until("[Enter]")
    t.answer("\r")
    t.until("hello good.test")
    t.until("hello good.test")
    t.until("good.test:80")
    t.answer("d")
    t.until("CONNREFUSED")
    t.wait()
    assert "/kept80" not in arrived("far")


def project():
    """For the project: unattended sessions have it too."""
    t = Terminal([INTERPOSE, "-q", *RULES[1:], *CLIENT, "tls", "good.test",
                  "443", "/p"])
    t.until("[a]llow once")
    t.answer("p")
    t.until("[Enter]")
    t.answer("\r")
    t.until("hello good.test")
    assert t.wait() == 0
    done = subprocess.run([INTERPOSE, "-q", *RULES[1:], "--ask", "deny",
                           *CLIENT, "tls", "good.test", "443", "/p2"],
                          text=True, timeout=60, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "hello good.test" in done.stdout, done.stdout


def nobody():
    """With nobody there, an ask is a no: the name is not looked up."""
    session([]).wait()
    out = unattended(["ask connect good.test:443"], *CLIENT, "tls",
                     "good.test", "443", "/nobody")
    assert "hello" not in out and "-2" in out, out
    assert arrived("dns") == "" and arrived("far") == ""


SEEN = ["allow connect good.test:80", "allow http GET good.test:80/free/**"]


def request():
    """A request is asked about by method, host and path, and then made."""
    t = session(SEEN, *CLIENT, "http", "good.test", "80", "/asked")
    before = t.until("[a]llow once")
    assert b"GET good.test:80/asked" in before, before
    assert arrived("far") == ""
    t.answer("a")
    t.until("hello good.test")
    assert t.wait() == 0
    t = session(SEEN, *CLIENT, "raw", "good.test", "80",
                "GET /asked HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n")
    t.until("[a]llow once")
    t.answer("d")
    t.until("403")
    t.wait()
    assert arrived("far") == ""


def request_kept():
    """For the session; and what a wider rule then covers waits no more."""
    one = " ".join(CLIENT + ["http", "good.test", "80", "/k*/one"])
    two = " ".join(CLIENT + ["http", "good.test", "80", "/free/two"])
    t = session(SEEN, "sh", "-c", "set -f; %s; %s; %s" % (one, one, two))
    t.until("[a]llow once")
    t.answer("s")
    t.until("allow http GET")
    t.until("[Enter]")
    t.answer("\r")
    for _ in range(3):
        t.until("hello good.test")
    assert t.wait() == 0


NAMES = r"""
import socket, struct
server = ("198.51.100.53", 53)
for name in (b"a\x1b]0;t\x07b", b"a\x9b2Jb", b"a\rb", b"\xe2\x80\xaea"):
    query = (b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + bytes([len(name)]) + name +
             b"\4test\0" + struct.pack(">HH", 1, 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.sendto(query, server)
        print("code", s.recv(512)[3] & 15)
print("names done")
"""


def escapes():
    """A name with what no name has is nobody's to ask about, and its bytes reach no
    screen; those of a request are shown, not sent."""
    t = session([], "python3", "-c", NAMES)
    before = t.until("names done")
    assert b"llow once" not in before and b"code 0" not in before, before
    assert before.count(b"code ") == 4 and arrived("dns") == "", before
    assert t.wait() == 0
    for line in ("GET /e\\x1b]0;t\\x07 HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n",
                 "GET /e HTTP/1.1\\r\\nHost: good.test\\x1b]0;t\\x07\\r\\n\\r\\n"):
        t = session(SEEN, *CLIENT, "raw", "good.test", "80", line)
        while t.read(0.2) is not None and b"llow once" not in t.seen:
            pass
        if b"llow once" in t.seen:
            t.answer("d")
        t.wait()
        assert b"\x1b]0;t" not in t.seen, t.seen
        assert arrived("far") == "", arrived("far")


def request_gone():
    """Nobody waits any more: the question goes."""
    t = session(SEEN, "sh", "-c", " ".join(["timeout", "3"] + CLIENT + [
        "http", "good.test", "80", "/gone"]) + "; echo after")
    t.until("[a]llow once")
    t.until("after")
    t.wait()
    assert arrived("far") == ""


def datagrams():
    """QUIC is tried beside TCP: it is not asked about, and goes nowhere."""
    t = session([], *CLIENT, "udp", "good.test", "443", "6576696c")
    t.until("CONNREFUSED")
    t.wait()
    assert arrived("udp") == "" and arrived("dns") == ""


def made_up():
    """What a resolver tries by itself is not asked about."""
    t = session([], *CLIENT, "tls", "printer", "443", "/x")
    t.until("-2")
    t.wait()
    assert arrived("dns") == ""


if __name__ == "__main__":
    os.makedirs(HOME + "/work", exist_ok=True)
    os.chdir(HOME + "/work")
    failed = 0
    tests = [t for t in (once, no, by_rule, nonblocking, speaks_first, six, two,
                         nowhere, inside, other_name, kept, project, nobody, request,
                         request_kept, request_gone,
                         datagrams, made_up, escapes)
             if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    for test in tests:
        try:
            test()
            print("ok", test.__name__)
        except Exception as error:
            print("FAILED: %s: %s: %s" % (test.__name__, type(error).__name__,
                                          error))
            failed = 1
        sys.stdout.flush()
    sys.exit(failed)
