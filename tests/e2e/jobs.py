"""Jobs at a terminal, in a shell inside a session and with a session as a job.

    jobs.py inside|outside SHELL INTERPOSE…

`inside`: INTERPOSE… SHELL is run on a terminal. `outside`: SHELL is run bare, and
the session is its job. Types what a person would, and waits for what must come.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

# Who started this in the background may have had it ignored, which is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

SECONDS = 60  # for each answer, on a busy machine
INTERRUPT, SUSPEND, END = "\x03", "\x1a", "\x04"
PROMPT = "@@ "
CAT = "sh -c 'echo up=$((1+1)); exec cat'"


class Terminal:
    def __init__(self, words, environment):
        self.master, slave = pty.openpty()
        self.seen = ""
        self.child = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env=environment,
            preexec_fn=lambda: os.setsid() and None or
            __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
        os.close(slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self, pattern, what):
        """Until the pattern has come; what stands before it is dropped."""
        end = time.monotonic() + SECONDS
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                self.fail(what, pattern)
            try:
                got = os.read(self.master, 4096)
            except OSError:
                got = b""
            if not got:
                self.fail(what + " (the terminal is gone)", pattern)
            self.seen += got.decode(errors="replace")

    def fail(self, what, pattern):
        print("FAILED: %s: no %r in %r" % (what, pattern, self.seen[-600:]))
        self.child.kill()
        sys.exit(1)

    def run(self, command, pattern, what):
        """At the prompt: what is typed before it may be flushed with a signal, or
        while the shell hands the terminal over; bare too."""
        self.wait(PROMPT, "the prompt before " + command)
        self.type(command + "\n")
        return self.wait(pattern, what)

    def status(self, wanted, what):
        """Of the last command. The line as it is typed does not match."""
        self.run("echo st=$?.", r"st=%s\.\r?\n" % wanted, what)


def reading(terminal, job, what):
    """`job` reads the terminal: echo off is not what it does, so what comes
    back twice has been read and written."""
    terminal.type("seen-by-cat\n")
    terminal.wait(r"(?s)seen-by-cat\r\n.*?seen-by-cat\r\n", what + job)


def ready(terminal, what):
    """The shell is at its prompt, and what it said before is dropped."""
    terminal.run("echo ready=$((1+0)).", r"ready=1\.\r?\n", what)


def listed(terminal, pattern, what):
    """Until `jobs` says so: a shell hears of its children when it asks."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        heard = terminal.run("jobs; echo ready=$((1+0)).", r"(?s).*?ready=1\.\r?\n", what)
        if re.search(pattern, heard.group()):
            return
    terminal.fail(what, pattern)


def suspended(terminal, what):
    terminal.type(SUSPEND)
    terminal.wait(r"(?i)stopped|suspended", what)
    ready(terminal, what)


def inside(terminal):
    ready(terminal, "the shell")
    # In front of the terminal, and told so by a line of its own.
    sleeper = "sh -c 'echo up=$((1+1)); exec sleep 1000'"
    terminal.run(sleeper, r"up=2\r\n", "a job in front")
    terminal.type(INTERRUPT)
    terminal.status(130, "Ctrl-C")
    terminal.run(sleeper, r"up=2\r\n", "a job in front")
    suspended(terminal, "Ctrl-Z")
    terminal.run("jobs", r"(?i)(stopped|suspended).*sleep", "jobs")
    terminal.run("bg", r"sleep", "bg")
    terminal.run("jobs", r"(?i)running.*sleep", "jobs, behind")
    terminal.run("kill %1; wait %1; echo st=$?.", r"(?i)terminated", "kill %1, wait")
    terminal.run(CAT, r"up=2\r\n", "cat")
    reading(terminal, "cat", "it reads: ")
    suspended(terminal, "Ctrl-Z of cat")
    terminal.run("fg", r"continued|cat'?\r?\n", "fg")
    reading(terminal, "cat", "in front again, it reads: ")
    terminal.type(END)
    terminal.status(0, "its end")
    terminal.run("sleep 1000 &", r"\d+", "a job behind")
    terminal.run("kill -STOP $!", r"\n", "STOP")
    listed(terminal, r"(?i)(stopped|suspended)[^\n]*sleep", "STOP")
    terminal.run("kill -CONT $!", r"\n", "CONT")
    listed(terminal, r"(?i)running[^\n]*sleep", "CONT")
    # zsh 5.9 still tells of the signal that stopped it, bare as well.
    terminal.run("kill -INT $!; wait $!; echo st=$?.", r"st=1(30|47)\.\r?\n", "INT")
    terminal.run("sh -c 'kill -STOP $$; echo went=$((2+1))'",
                 r"(?i)stopped|suspended", "one that stops itself")
    terminal.run("fg", r"went=3\r\n", "and goes on")
    terminal.run("yes | head -1; (trap 'echo told=$((1+0))' USR1; kill -USR1 $BASHPID "
                 "2>/dev/null || sh -c 'kill -USR1 $PPID'; true)", r"told=1", "a trap")
    terminal.run("exit 5", r"\n", "exit")
    status = terminal.child.wait(SECONDS)
    if status != 5:
        print("FAILED: the shell's status is %d" % status)
        sys.exit(1)


def outside(terminal, interpose):
    held = " ".join("'%s'" % word for word in interpose)
    # It says when it goes on: before, what is typed is not yet for it. Written
    # at once: it may be told twice, and a buffer is not for handlers within handlers.
    sleeper = held + " '%s' -c '%s'" % (sys.executable, "; ".join((
        "import os, signal, time",
        'signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"on=%d\\n" % 2))',
        "signal.signal(signal.SIGINT, signal.SIG_DFL)",
        'print("up=%d" % 2, flush=True)',
        # Not pause(2): a signal right before it would be waited for in vain.
        "[time.sleep(0.1) for _ in iter(int, 1)]")))
    ready(terminal, "the shell")
    terminal.run(sleeper, r"up=2\r\n", "the session in front")
    terminal.type(INTERRUPT)
    terminal.status(130, "Ctrl-C of the session")
    terminal.run(sleeper, r"up=2\r\n", "the session in front")
    suspended(terminal, "Ctrl-Z of the session")
    terminal.run("jobs", r"(?i)(stopped|suspended).*", "jobs")
    terminal.run("fg", r"on=2\r\n", "fg")
    terminal.type(INTERRUPT)
    terminal.status(130, "Ctrl-C after fg")
    terminal.run(held + " " + CAT, r"up=2\r\n", "cat")
    reading(terminal, "cat", "the session reads: ")
    suspended(terminal, "Ctrl-Z of cat")
    terminal.run("fg", r"continued|cat'?\r?\n", "fg of cat")
    reading(terminal, "cat", "in front again, the session reads: ")
    terminal.type(END)
    terminal.status(0, "its end")
    terminal.run(held + " sleep 1000 &", r"\d+", "a session behind")
    # wait tells of the stop, where the shell had its turn before the rest; a job that
    # has ended may be none any more, but its process is remembered.
    terminal.run("kill -STOP %1; kill -CONT %1; kill %1; "
                 "while wait $!; s=$?; [ $s = 147 ]; do :; done; echo st=$s.",
                 r"st=143\.\r?\n", "STOP, CONT and TERM")
    terminal.run("exit 5", r"\n", "exit")
    status = terminal.child.wait(SECONDS)
    if status != 5:
        print("FAILED: the shell's status is %d" % status)
        sys.exit(1)


def main():
    where, shell, *interpose = sys.argv[1:]
    words = {"bash": ["bash", "--norc", "--noprofile", "-i"],
             "zsh": ["zsh", "-f", "-i", "+Z"]}[shell]
    environment = dict(os.environ, PS1=PROMPT, PROMPT=PROMPT, TERM="dumb", LC_ALL="C")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if where == "inside":
        inside(Terminal(interpose + words, environment))
    else:
        outside(Terminal(words, environment), interpose)


main()
