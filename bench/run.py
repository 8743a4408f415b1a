"""What interception costs: the same work bare, under interpose, and (--full)
under the tools that people would otherwise use, as far as they are installed.

    bench/run.py INTERPOSE CALLS [--full] [--json FILE] [--rounds N] [WORK…]

INTERPOSE is the program, CALLS the helper that times single calls. The ways are
interleaved, round by round, so that other load on the machine falls on all of
them alike. Prints for each work the least and the median time of each way, its
processor time, the median's ratio to bare, and that ratio without what the way
takes to start and end: a session starts once. Nothing is printed that was not
measured here; what a tool cannot do is said to have failed.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from peers import peers
from works import works

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def ways(interpose, calls, scratch, full):
    """{name: function of a work that gives the command that does it that way}."""
    profiles = SOURCE / "profiles"
    found = {"bare": lambda work: work.command}
    found["interpose"] = lambda work: [
        interpose, "-q", "--only", "--ask", "deny", "-p", str(profiles / "base"),
        "-p", str(profiles / "default"), "-p", str(profiles / "claude"),
        "-C", str(work.directory), "-e", "allow read,exec %s/**" % pathlib.Path(calls).parent,
        "-e", "allow read,write,exec %s/**" % scratch,
        "-e", "allow env TMPDIR RUSTUP_HOME CARGO_HOME GOCACHE GOFLAGS GOPROXY GOTOOLCHAIN",
        "-e", "allow read,exec %s/**" % os.path.expanduser("~/{.rustup,.cargo/bin}")] + work.command
    if full:
        found.update(peers(scratch))
    return found


def measure(work, command, environment):
    """Wall and processor seconds, or None where the command failed."""
    if work.prepare:
        subprocess.run(work.prepare, cwd=work.directory, check=True, env=environment)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=work.directory, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != work.status:
        sys.stderr.write(done.stderr.decode(errors="replace")[-500:])
        return None
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def this_machine(interpose):
    """What the numbers hold for."""
    version = subprocess.run([interpose, "--version"], stdout=subprocess.PIPE, check=True)
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        model = re.search(r"^model name\s*: (.*)", file.read(), re.MULTILINE)
    return {"version": version.stdout.decode().split("\n")[0], "kernel": os.uname().release,
            "processor": model[1] if model else os.uname().machine,
            "processors": os.cpu_count(), "load": os.getloadavg()[0]}


def median(found, which=0):
    return statistics.median(one[which] for one in found)


def done(rounds):
    """Those in which the command did not fail."""
    return [found for found in rounds if found]


def show(name, times, starts):
    """A row a way: times is {way: [(wall, cpu)]}, starts {way: seconds beyond bare}."""
    if not done(times["bare"]):
        print("%-12s %-18s failed" % (name, "bare"))
        return
    bare = median(done(times["bare"]))
    for way, found in times.items():
        found = done(found)
        if not found:
            print("%-12s %-18s failed" % (name, way))
            continue
        wall = median(found)
        running = "%7.2f" % (max(wall - starts[way], 0) / bare) if way in starts else ""
        print("%-12s %-18s %9.1f %9.1f %9.1f %7.2f %s" % (
            name, way, min(one[0] for one in found) * 1e3, wall * 1e3, median(found, 1) * 1e3,
            wall / bare, running))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose")
    parser.add_argument("calls")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("work", nargs="*")
    options = parser.parse_intermixed_args()
    rounds = options.rounds or (10 if options.full else 3)

    with tempfile.TemporaryDirectory(prefix="interpose-bench.") as scratch:
        root = pathlib.Path(scratch).resolve()
        (root / "home").mkdir()
        (root / "tmp").mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "LANG": "C.UTF-8",
                       "TMPDIR": str(root / "tmp"),
                       "GOCACHE": str(root / "home/go"), "GOFLAGS": "-mod=mod", "GOPROXY": "off",
                       "GOTOOLCHAIN": "local", "CARGO_HOME": str(root / "home/cargo")}
        environment["RUSTUP_HOME"] = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
        calls = os.path.abspath(options.calls)
        chosen = [work for work in works(root, calls, options.full)
                  if not options.work or work.name in options.work]
        how = ways(os.path.abspath(options.interpose), calls, root, options.full)
        times = {work.name: {way: [] for way in how} for work in chosen}
        machine = this_machine(options.interpose)
        print("Linux %s, %s, %d processors, load %.1f, %d rounds; milliseconds" % (
            machine["kernel"], machine["processor"], machine["processors"], machine["load"],
            rounds))
        print("%-12s %-18s %9s %9s %9s %7s %7s" % (
            "", "", "least", "median", "cpu", "ratio", "running"))
        failed = False
        for work in chosen:  # once untimed: what programs keep for later is kept then
            measure(work, work.command, environment)
        for _ in range(rounds):
            for work in chosen:
                for way, command in how.items():
                    found = measure(work, command(work), environment)
                    times[work.name][way].append(found)
                    if not found and way in ("bare", "interpose"):
                        failed = True
        start = {way: done(found) for way, found in times.get("start-up", {}).items()}
        starts = {way: median(found) - median(start["bare"])
                  for way, found in start.items() if found and start["bare"] and way != "bare"}
        for name, found in times.items():
            show(name, found, starts if name != "start-up" else {})
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump(dict(machine, rounds=rounds, times=times), file)
    sys.exit(1 if failed else 0)


main()
