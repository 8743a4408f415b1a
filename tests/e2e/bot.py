"""A session whose questions a program answers, for the tests of many questions."""
import atexit
import json
import os
import resource
import socket
import subprocess
import time

INTERPOSE = os.environ.get("INTERPOSE", os.path.abspath("interpose"))
WORK = os.environ["HOME"] + "/work"
LIMIT = int(os.environ.get("LIMIT", "300"))


def processor():
    """Seconds that the sessions so far have used, all their processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Session:
    """A session of argv, which asks about what is written below WORK and what the
    rules say, and a bot that answers it on the control socket. `prepare` runs in its
    first process."""

    def __init__(self, *argv, rules=(), prepare=None):
        self.began, self.used = time.monotonic(), processor()
        os.makedirs(WORK + "/d", exist_ok=True)
        self.process = subprocess.Popen(
            [INTERPOSE, "-q", "--ask", "socket", "--only", "-e", "allow read /**", "-e",
             "allow exec /**", "-e", "allow env *", "-e", "ask write %s/**" % WORK,
             *(word for rule in rules for word in ("-e", rule)), *argv],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, preexec_fn=prepare)
        # Should the test fail, nobody answers any more.
        atexit.register(self.process.kill)
        base = os.environ["XDG_RUNTIME_DIR"] + "/interpose"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        while True:
            assert time.monotonic() - self.began < LIMIT and self.process.poll() is None
            try:
                place, = os.listdir(base)
                os.chdir(base + "/" + place)
                self.socket.connect("control")
                break
            except (OSError, ValueError):
                time.sleep(0.01)
            finally:
                os.chdir(WORK)
        self.file = self.socket.makefile("rw")

    def get(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def put(self, **answer):
        self.file.write(json.dumps(answer) + "\n")
        self.file.flush()

    def until_waiting(self, count):
        """The question that is shown, once `count` others wait."""
        question = self.get()
        waiting = question["waiting"]
        while waiting < count:
            waiting = self.get().get("waiting", waiting)
        return question

    def supervisor(self):
        pid = self.process.pid
        for _ in range(2):  # the warden, and its child
            with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
                pid = int(file.read().split()[0])
        return pid

    def memory(self):
        """The most that the supervisor had, in MiB."""
        with open("/proc/%d/status" % self.supervisor(), encoding="ascii") as file:
            return int(file.read().split("VmHWM:")[1].split()[0]) / 1024

    def end(self):
        """What it printed, seconds since its start, and what it cost."""
        self.file.close()
        self.socket.close()
        out = self.process.communicate(timeout=LIMIT)[0]
        assert self.process.returncode == 0, (self.process.returncode, out)
        return out, time.monotonic() - self.began, processor() - self.used
