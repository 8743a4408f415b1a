"""A word on the desktop that a question waits: see asking-notice.sh."""
import os
import sys
import time

from terminal import ALL, HOME, INTERPOSE, LIMIT, Terminal

KEPT, OWN, TOLD = sys.argv[1:4]  # root's directory, the user's, what was told
PROGRAM = HOME + "/work/-a<b>&c"


def told(path=None):
    try:
        with open(path or TOLD, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def asked(path, bell, **env):
    """The terminal's notice, once nobody has looked for long enough."""
    os.environ["PATH"] = path
    os.environ.update(env)
    t = Terminal([INTERPOSE, "-q", *ALL, PROGRAM, HOME + "/secret"])
    for name in env:
        del os.environ[name]
    t.until("[a]llow once")
    t.until(bell)
    return t


def refused(t):
    t.answer("d")
    t.wait()


os.makedirs(HOME + "/work", exist_ok=True)
os.chdir(HOME + "/work")
with open(HOME + "/secret", "w", encoding="ascii") as secret:
    secret.write("hidden text\n")
os.symlink("/bin/cat", PROGRAM)
BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", "PLANTED": "1"}

# What the user can write is passed over, whatever its place on PATH.
t = asked(OWN + ":" + KEPT, "\a", **BUS)
end = time.monotonic() + LIMIT
while not (told() or "").endswith("end\n"):
    assert time.monotonic() < end, told()
    time.sleep(0.05)
assert b"]777" not in t.seen
refused(t)
lines = told().splitlines()
assert lines[:4] == ["<--app-name=interpose>", "<-->", "<interpose>",
                     "<-a&lt;b&gt;&amp;c waits for an answer>"], lines
assert "PLANTED=1" not in lines and BUS["DBUS_SESSION_BUS_ADDRESS"] in lines[4], lines
assert told(HOME + "/planted") is None
print("ok told, by root's program, in words that are no markup", flush=True)

os.unlink(TOLD)
NONE = {"no program of root's": (OWN, BUS), "no bus": (KEPT, {}),
        "switched off": (KEPT, {"INTERPOSE_NOTIFY": "off", **BUS})}
for name, (path, env) in NONE.items():
    refused(asked(path, "]777;notify", **env))
    assert told() is None and told(HOME + "/planted") is None, name
    print("ok " + name, flush=True)
