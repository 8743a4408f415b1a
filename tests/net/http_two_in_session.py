"""Clients that speak HTTP/2 alone, inside of sessions: http_two_in_session.py INTERPOSE"""

import json
import os
import subprocess
import sys
import time

sys.argv[1:] = [os.path.abspath(sys.argv[1])]
import frames  # noqa: E402
from cases import certificate, children, expect, finish, session  # noqa: E402
from two_world import Echo, here, serve_one, server_context, use  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ["INTERPOSE"] = INTERPOSE = sys.argv[1]
from terminal import Terminal  # noqa: E402

VALUE = "sk-ant-api03-0123456789abcdef0123456789"
os.chmod(here.name, 0o755)
GOOD = certificate(here.name, "localhost")
use(GOOD)

PROBE = """
import os, struct, sys
sys.path.insert(0, sys.argv[1])
import frames
one, two = map(int, sys.argv[2:4])
key = os.environ["MODEL_KEY"]
print("key", key)
for what, port in (("one", one), ("two", two)):
    client = frames.connect(port, "localhost", os.environ["SSL_CERT_FILE"], port)
    answer = client.get("POST", f"/{what}?x=1", [("x-api-key", key), ("x-comment", key)], b"body")
    print(what, answer.status, answer.head.get("x-echo"))
    answer = client.get("POST", "/admin/x")
    print(what, "denied", answer.status, answer.body.decode().strip())
    client.sock.close()
"""

ASKED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import frames
port = int(sys.argv[2])
sys.stdout = open(sys.argv[3], "w")  # the screen has questions
client = frames.connect(port, "localhost", os.environ["SSL_CERT_FILE"], port)
given_up = client.ask("POST", "/asked/given-up")
while not os.path.exists(os.path.dirname(sys.argv[3]) + "/seen"):
    time.sleep(0.02)
client.send(frames.RESET, 0, given_up, bytes([0, 0, 0, frames.CANCEL]))
stream = client.ask("POST", "/asked/one")
print("meanwhile", client.get("GET", "/free").status, flush=True)
print("answered", client.wait(stream).status, flush=True)
print("no", client.get("POST", "/asked/two").status, flush=True)
print("then", client.get("GET", "/free").status, flush=True)
"""

# As many as there may be at once, of all connections, and 64 more.
PILED = """
import os, select, sys
sys.path.insert(0, sys.argv[1])
import frames
port = int(sys.argv[2])
clients, asked = [], []
for _ in range(34):
    client = frames.connect(port, "localhost", os.environ["SSL_CERT_FILE"], port)
    clients.append(client)
    asked += [(client, client.ask("POST", "/held", [], b"x" * 60000, end=False)) for _ in range(32)]
resets = lambda: [a.reset for c in clients for a in c.answers.values() if a.reset is not None]
while len(resets()) < 64:
    for sock in select.select([client.sock for client in clients], [], [], 60)[0]:
        client = next(c for c in clients if c.sock is sock)
        client.step()
        while client.buffer or sock.pending():
            client.step()
print("ends", sorted(set(resets())), len(resets()), flush=True)
sys.stdin.readline()
one = next(c for c in clients if any(a.reset for a in c.answers.values()))
print("one more", one.get("GET", "/free").reset, flush=True)
next(c for c in clients if c is not one).sock.close()
answer = frames.Answer()
while answer.status is None and not one.closed:
    answer = one.get("GET", "/free")
print("when some are over", answer.status, flush=True)
"""


def serve_two(request, part, end):
    if request.head[":path"] == "/held":
        request.connection.window = False
        held.add((request.connection, request.stream))
        return
    if end:
        arrived.append((request.head[":path"], request.head.get("x-api-key")))
        request.answer([("x-echo", request.head.get("x-api-key", ""))], True)


arrived, held = [], set()
ONE, (TWO, _) = serve_one(), frames.listen(server_context(), serve_two)
MODULES = os.path.dirname(os.path.abspath(__file__))


def write(path, text):
    with open(path, "w") as out:
        out.write(text)


def prepare(what, uid):
    home = f"{here.name}/{what}"
    os.makedirs(home + "/project")
    write(home + "/probe.py", PROBE)
    write(home + "/asked.py", ASKED)
    if uid:
        for path in (home, home + "/project"):
            os.chown(path, uid, uid)
    return home, {"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state", "LANG": "C.UTF-8",
                  "SSL_CERT_FILE": GOOD + ".pem", "MODEL_KEY": VALUE}


RULES = ["allow read,exec /**", "deny write /**", "allow write /dev/null", "allow env *",
         *[f"allow connect localhost:{port} 127.0.0.1:{port}" for port in (ONE, TWO)]]


def case(what, uid):
    home, environment = prepare(what, uid)
    del arrived[:]
    Echo.got.clear()
    rules = RULES + [f"secret model from env MODEL_KEY to localhost:{ONE} localhost:{TWO}"]
    rules += [f'deny http POST localhost:{port}/admin/** because "nobody is an administrator"' for port in (ONE, TWO)]
    more = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
    python = subprocess.run(["sh", "-c", "command -v python3"], capture_output=True, text=True,
                            check=True, **more).stdout.strip()
    command = session(INTERPOSE, home + "/project", rules, [python, home + "/probe.py", MODULES, str(ONE), str(TWO)])
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home + "/project",
                         stdin=subprocess.DEVNULL, timeout=120, **more)
    expect(f"{what}: it ran", ran.returncode, 0)
    if ran.returncode:
        print(ran.stdout + ran.stderr)
        return
    holder = ran.stdout.split("key ")[1].split("\n")[0]
    expect(f"{what}: the session has a placeholder", (len(holder), holder != VALUE), (len(VALUE), True))
    for name in ("one", "two"):
        expect(f"{what}: {name} answers with the placeholder", f"{name} 200 {holder}\n" in ran.stdout, True)
        expect(f"{what}: {name} denies", f"{name} denied 403 interpose: " in ran.stdout, True)
    expect(f"{what}: and says why", ran.stdout.count("nobody is an administrator"), 2)
    expect(f"{what}: what arrives by HTTP/1.1", Echo.got, ["/one?x=1"])
    expect(f"{what}: and by HTTP/2, with the key", arrived, [("/two?x=1", VALUE)])
    logs = b""
    for directory, _, names in os.walk(home + "/state"):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                logs += file.read()
    expect(f"{what}: nothing said it", VALUE in ran.stdout + ran.stderr or VALUE.encode() in logs, False)
    uses = [json.loads(line)["subject"] for line in logs.split(b"\n") if b'"event":"secret"' in line]
    expect(f"{what}: its uses are in the log", [any(f":{p}/" in s for s in uses) for p in (ONE, TWO)], [True, True])
    expect(f"{what}: and the refusals", [b"POST localhost:%d/admin/x" % p in logs for p in (ONE, TWO)], [True, True])


def asking():
    """One request waits for a person; the others go on."""
    home, environment = prepare("asking", None)
    Echo.got.clear()
    os.environ.update(environment, TERM="xterm", NO_COLOR="1")
    said = home + "/project/said"
    rules = [*RULES, f"allow write {said}", f"allow http * localhost:{ONE}/free", f"ask http POST localhost:{ONE}/asked/**"]
    t = Terminal(session(INTERPOSE, home + "/project", rules,
                         [sys.executable, home + "/asked.py", MODULES, str(ONE), said]))
    # The question of a request that is given up makes place for the next.
    t.until("/asked/given-up")
    t.until("[a]llow once")
    write(home + "/project/seen", "")
    t.until("/asked/one")
    t.until("[a]llow once")
    end = time.monotonic() + 30
    while "/free" not in Echo.got and time.monotonic() < end and t.read(0.2) is not None:
        pass
    expect("the others go on meanwhile", Echo.got, ["/free"])
    t.answer("a")
    t.until("/asked/two")
    t.until("[a]llow once")
    t.answer("d")
    expect("the session's end", t.wait(), 0)
    with open(said) as file:
        expect("what it was answered", file.read().split("\n"),
               ["meanwhile 200", "answered 200", "no 403", "then 200", ""])
    expect("what arrived", Echo.got, ["/free", "/asked/one", "/free"])


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024


def piled_up():
    """More requests than the broker has places for are refused, and may be sent again."""
    home, environment = prepare("piled", None)
    rules = [*RULES, f"allow http * localhost:{TWO}/**"]
    ran = subprocess.Popen(session(INTERPOSE, home + "/project", rules,
                                   [sys.executable, "-c", PILED, MODULES, str(TWO)]),
                           env=environment, cwd=home + "/project", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    expect("those that are too many are refused", ran.stdout.readline(), f"ends [{frames.REFUSED}] 64\n")
    end = time.monotonic() + 30
    while len(held) < 1024 and time.monotonic() < end:
        time.sleep(0.02)
    expect("the others arrive", len(held), 1024)
    brokers = [pid for pid, name in children(ran.pid) if name == "interpose-net"]
    expect("what they sent is held, and no more", 0 < resident(brokers[0]) < 300, True)
    print(f"1,024 requests of 60,000 bytes: broker {resident(brokers[0])} MiB")
    rest = ran.communicate("go\n", timeout=120)[0]
    expect("then there is room again", rest, f"one more {frames.REFUSED}\nwhen some are over 200\n")


case("self", None)
if os.geteuid() == 0:
    case("user", 42042)
asking()
piled_up()
here.cleanup()
finish()
