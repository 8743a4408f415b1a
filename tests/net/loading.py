"""A broker that is stopped before it has loaded its libraries: loading.py INTERPOSE

The program is not started, and why is said; nothing is left of the session.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from cases import expect, finish, session

INTERPOSE = sys.argv[1]


def broker_of(pid):
    """The broker among its children, as soon as there is one: there is no time to look at all processes."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            below = file.read().split()
        for child in below:
            with open(f"/proc/{child}/cmdline", "rb") as file:
                if file.read() == b"interpose-net\0":
                    return int(child)
    except OSError:
        pass
    return None


def attempt(home):
    """None: it was stopped too late."""
    ran = subprocess.Popen(
        session(INTERPOSE, home + "/project", ["allow read,exec /**", "allow connect far.invalid:443"], ["/bin/echo", "started"]),
        cwd=home + "/project", text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": home, "XDG_STATE_HOME": home + "/state", "LANG": "C.UTF-8"})
    broker = None
    while not broker and ran.poll() is None:
        broker = broker_of(ran.pid)
    if broker:
        try:
            os.kill(broker, signal.SIGSTOP)
        except ProcessLookupError:
            broker = None
    began = time.monotonic()
    out, said = ran.communicate(timeout=90)
    if not broker or "started" in out or time.monotonic() - began < 5:
        return None
    return ran.returncode, said, broker


with tempfile.TemporaryDirectory() as home:
    os.mkdir(home + "/project")
    result = None
    for _ in range(50):
        result = attempt(home)
        if result:
            break
    if not result:
        print("SKIP: the broker was never stopped in time")
        sys.exit(77)
    status, said, broker = result
    expect("it is an error of interpose's", status, 125)
    expect("what is missing is said", "the network broker has not loaded its libraries in 20 seconds" in said, True)
    expect("and what was not started", "/bin/echo was not started" in said, True)
    expect("the broker is gone", os.path.exists(f"/proc/{broker}/exe"), False)
finish()
