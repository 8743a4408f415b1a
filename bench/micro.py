"""What a call costs under interpose, beside what the kernel alone asks for it.

    bench/micro.py INTERPOSE MICRO CONTINUE CALLS [--json FILE] [--rounds N] [--count N]

Three ways, interleaved round by round: bare; every call notified and let go on
unread (the least that any supervisor of this kind can take); under interpose
with the built-in policy. Then what a session takes to start, the memory of its
supervisor, and whether that grows over a million calls. The targets are ratios
to the second way, or absolute where the machine hardly matters; a missed one is
said so, and makes the exit status 1.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
WAYS = ("bare", "continue", "interpose")
RATIOS = {"stat": 1.3, "open+close": 1.6}  # to "continue"
START_MS, MEMORY_MIB, GROWTH_KIB = 20, 20, 512


def command(options, directory):
    profiles = SOURCE / "profiles"
    return [options.interpose, "-q", "--only", "-p", str(profiles / "base"),
            "-p", str(profiles / "default"), "-C", str(directory),
            "-e", "allow read,exec %s/**" % pathlib.Path(options.micro).resolve().parent]


def parse(text):
    found = {}
    for line in text.splitlines():
        name, median, worst = line.split("\t")
        found[name] = (int(median), int(worst))
    return found


def measure_calls(options, directory):
    """{way: {call: (median, 99th)}}, medians over the rounds, nanoseconds."""
    wrapper = {"bare": [], "continue": [options.continue_],
               "interpose": command(options, directory)}
    rounds = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            done = subprocess.run(
                wrapper[way] + [options.micro, str(directory), str(options.count)],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                check=True, text=True)
            rounds[way].append(parse(done.stdout))
    return {way: {call: tuple(statistics.median(one[call][i] for one in found)
                              for i in (0, 1))
                  for call in found[0]}
            for way, found in rounds.items()}


def measure_start(options, directory):
    """The median of what a session adds to the time of `true`: milliseconds."""
    added = []
    for _ in range(max(10, options.rounds)):
        walls = []
        for wrapper in ([], command(options, directory)):
            begin = time.perf_counter()
            subprocess.run(wrapper + ["true"], cwd=directory, check=True,
                           stdin=subprocess.DEVNULL)
            walls.append(time.perf_counter() - begin)
        added.append((walls[1] - walls[0]) * 1e3)
    return statistics.median(added)


def resident(pid):
    """KiB of a process and of all below it that run the same program."""
    total = 0
    exe = os.readlink("/proc/%d/exe" % pid)
    todo = [pid]
    while todo:
        one = todo.pop()
        try:
            if os.readlink("/proc/%d/exe" % one) != exe:
                continue
            for line in open("/proc/%d/status" % one, encoding="utf-8"):
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
            for task in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, task), encoding="utf-8") as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return total


def measure_memory(options, directory):
    """KiB after a thousand calls and after a million: a program that makes
    them and says so in between, since it waits for a line each time."""
    script = ("%s stat 1000 && echo; read line; %s stat 500000 && %s open 500000 && echo; "
              "read line" % ((options.calls,) * 3))
    child = subprocess.Popen(command(options, directory) + ["sh", "-c", script],
                             cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found = []
    for _ in range(2):
        child.stdout.readline()
        found.append(resident(child.pid))
        child.stdin.write(b"\n")
        child.stdin.flush()
    child.communicate()
    return found


def show_calls(calls):
    print("%-20s %9s %9s %9s %9s %9s %9s %7s" % (
        "microseconds", "bare p50", "p99", "cont. p50", "p99", "inter. p50", "p99", "ratio"))
    met = True
    for call in calls["bare"]:
        row = [calls[way][call][i] / 1e3 for way in WAYS for i in (0, 1)]
        ratio = row[4] / row[2]
        note = ""
        if call in RATIOS:
            note = "  at most %.1f: %s" % (RATIOS[call],
                                          "met" if ratio <= RATIOS[call] else "MISSED")
            met = met and ratio <= RATIOS[call]
        print("%-20s %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f %7.2f%s" % (call, *row, ratio, note))
    return met


def show(name, value, unit, limit):
    print("%-30s %9.1f %s  at most %g: %s" % (
        name, value, unit, limit, "met" if value <= limit else "MISSED"))
    return value <= limit


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose", type=os.path.abspath)
    parser.add_argument("micro", type=os.path.abspath)
    parser.add_argument("continue_", metavar="continue", type=os.path.abspath)
    parser.add_argument("calls", type=os.path.abspath)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--no-memory", action="store_true",
                        help="leave out the million calls, which take a while")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="interpose-bench.") as scratch:
        directory = pathlib.Path(scratch).resolve()
        found = {"kernel": os.uname().release, "load": os.getloadavg()[0]}
        print("Linux %s %s, %d processors, load %.1f" % (
            found["kernel"], os.uname().machine, os.cpu_count(), found["load"]))
        found["calls"] = measure_calls(options, directory)
        met = show_calls(found["calls"])
        found["start_ms"] = measure_start(options, directory)
        met &= show("start-up beyond `true`", found["start_ms"], "ms", START_MS)
        if not options.no_memory:
            early, late = found["memory_kib"] = measure_memory(options, directory)
            met &= show("memory of the supervisor", early / 1024, "MiB", MEMORY_MIB)
            met &= show("growth over a million calls", late - early, "KiB", GROWTH_KIB)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump(found, file)
    sys.exit(0 if met else 1)


main()
