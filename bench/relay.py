"""What the terminal of a session costs: output and keys with and without it.

    bench/relay.py INTERPOSE [--least PASS] [--rounds N] [--megabytes N] [--json FILE]

The same session twice, interleaved round by round: with the relay (interpose has
a terminal) and without (`--ask deny`); and with bench/pass in between in place of
the relay, which does the least that can be done: what that costs is the kernel's. Output: `cat` of a file of text, to a
terminal that only reads, which is the hardest case since nothing else takes
time, and to tmux, which shows it. Keys: from the write of a byte to its echo by
a program. Prints the least of the rounds and the ratio. Nothing is printed that
was not measured here.
"""

import argparse
import fcntl
import json
import os
import pty
import shutil
import statistics
import struct
import subprocess
import tempfile
import termios
import time

ALLOW = ["-q", "--only", "-e", "allow read,write /**", "-e", "allow exec /**",
         "-e", "allow env *"]


def start(argv):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execvp(argv[0], argv)
    return pid, fd


def sink(argv):
    """Seconds, and processor seconds of all below, until the end."""
    began = time.monotonic()
    pid, fd = start(argv)
    while True:
        try:
            if not os.read(fd, 65536):
                break
        except OSError:
            break
    used = os.wait4(pid, 0)[2]
    os.close(fd)
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def in_tmux(argv):
    """Seconds until tmux has shown all."""
    tmux = ["tmux", "-L", "bench.%d" % os.getpid(), "-f", "/dev/null"]
    began = time.monotonic()
    subprocess.run(tmux + ["new-session", "-d", "-x", "80", "-y", "24", *argv,
                           ";", "set-option", "-g", "exit-empty", "on"],
                   check=True, stdin=subprocess.DEVNULL)
    while subprocess.run(tmux + ["has-session"], stderr=subprocess.DEVNULL,
                         check=False).returncode == 0:
        time.sleep(0.01)
    return time.monotonic() - began


def keys(argv, count):
    """Microseconds from a byte to its echo by a program in raw mode."""
    pid, fd = start(argv)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(fd, 4096)
    taken = []
    for _ in range(count):
        time.sleep(0.002)
        began = time.monotonic()
        os.write(fd, b"x")
        while b"x" not in os.read(fd, 4096):
            pass
        taken.append((time.monotonic() - began) * 1e6)
    os.close(fd)
    os.waitpid(pid, 0)
    return sorted(taken)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose")
    parser.add_argument("--least")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--json")
    given = parser.parse_args()
    interpose = os.path.abspath(given.interpose)
    ways = {"without": [interpose, *ALLOW, "--ask", "deny"],
            "with": [interpose, *ALLOW]}
    if given.least:
        ways["least"] = [os.path.abspath(given.least), *ways["without"]]
    results = {}

    with tempfile.NamedTemporaryFile() as file:
        line = b"%07d of a text: the quick brown fox jumps over the lazy dog\n"
        for number in range(given.megabytes * 1000000 // len(line % 0)):
            file.write(line % number)
        file.flush()
        works = {"sink": sink}
        if shutil.which("tmux"):
            works["tmux"] = in_tmux
        for name, work in works.items():
            times = {way: [] for way in ways}
            for _ in range(given.rounds):
                for way, argv in ways.items():
                    times[way].append(work([*argv, "cat", file.name]))
            if name == "sink":
                cpu = {way: min(t[1] for t in times[way]) for way in ways}
                times = {way: [t[0] for t in times[way]] for way in ways}
                results["cpu"] = cpu
                print("cat of %d MB, processor time: %s" % (given.megabytes, ", ".join(
                    "%.2f s %s" % (cpu[way], way) for way in ways)))
            least = {way: min(times[way]) for way in ways}
            middle = {way: statistics.median(times[way]) for way in ways}
            results[name] = {"least": least, "median": middle}
            for way in list(ways)[1:]:
                print("cat of %d MB to %s: %.2f s without, %.2f s %s: %.2f times "
                      "(medians: %.2f times)" %
                      (given.megabytes, name, least["without"], least[way], way,
                       least[way] / least["without"],
                       middle[way] / middle["without"]))

    echo = ["sh", "-c", "stty raw -echo; echo ready; exec cat"]
    ways.pop("least", None)  # it reads none
    taken = {way: [] for way in ways}
    for _ in range(given.rounds):
        for way, argv in ways.items():
            taken[way] += keys([*argv, *echo], 100)
    for way in ways:
        taken[way].sort()
    half = {way: taken[way][len(taken[way]) // 2] for way in ways}
    most = {way: taken[way][len(taken[way]) * 99 // 100] for way in ways}
    results["keys"] = {"median": half, "99th of 100": most}
    print("a key and its echo: %.0f us without, %.0f us with: %.0f us more "
          "(the 99th of 100: %.0f and %.0f us)" %
          (half["without"], half["with"], half["with"] - half["without"],
           most["without"], most["with"]))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as out:
            json.dump(results, out, indent=1)


main()
