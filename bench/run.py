"""What interception costs: the same work bare, under interpose, and (--full)
under the tools that people would otherwise use, as far as they are installed.

    bench/run.py INTERPOSE CALLS [--full] [--json FILE] [--rounds N] [WORK…]

INTERPOSE is the program, CALLS the helper that times single calls. The ways are
interleaved, round by round, so that other load on the machine falls on all of
them alike. Prints for each work the least and the median time of each way, and
the median's ratio to bare. Nothing is printed that was not measured here.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def make_tree(root, count):
    """A git repository of that many small files, forty a directory."""
    for number in range(count):
        directory = root / ("d%03d" % (number // 40))
        directory.mkdir(exist_ok=True)
        (directory / ("f%d.txt" % number)).write_text("line %d\n" % number * 20)
    git = ["git", "-C", str(root), "-c", "user.name=b", "-c", "user.email=b@example.com"]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(git + ["add", "-A"], check=True)
    subprocess.run(git + ["commit", "-qm", "all"], check=True)


def make_program(root, count):
    """A C program of that many files, each of which includes the usual."""
    names = ["f%d" % number for number in range(count)]
    for name in names:
        (root / (name + ".c")).write_text(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
            "#include <unistd.h>\nint %s(int n) { return printf(\"%%d\", n); }\n" % name)
    (root / "main.c").write_text("int main(void) { return 0; }\n")
    objects = " ".join(name + ".o" for name in names)
    (root / "Makefile").write_text(
        "all: main.o %s\n\t$(CC) -o all $^\nclean:\n\trm -f *.o all\n" % objects)


class Work:
    """One thing to do: a command in a directory."""

    def __init__(self, name, command, directory, prepare=None):
        self.name, self.command = name, command
        self.directory, self.prepare = directory, prepare


def works(scratch, calls, full):
    tree, program = scratch / "tree", scratch / "program"
    tree.mkdir()
    program.mkdir()
    make_tree(tree, 20000 if full else 4000)
    make_program(program, 60 if full else 20)
    execs = "i=0; while [ $i -lt %d ]; do /bin/true; i=$((i + 1)); done" % (500 if full else 100)
    found = [
        Work("start-up", ["true"], tree),
        Work("exec", ["sh", "-c", execs], tree),
        Work("git status", ["git", "status", "--short"], tree),
        Work("find", ["find", ".", "-newer", "d000"], tree),
        Work("grep -r", ["grep", "-rq", "nothing like it", "."], tree),
        Work("make -j2", ["make", "-s", "-j2", "all"], program, ["make", "-s", "clean"]),
    ]
    if shutil.which("node"):
        starts = "for i in 1 2 3 4 5 6 7 8 9 10; do node -e ''; done"
        found.append(Work("node start", ["sh", "-c", starts], tree))
    for call in ("open", "stat", "getpid"):
        found.append(Work(call, [calls, call, "100000" if full else "20000"], tree))
    return found


def ways(interpose, calls, full):
    profiles = SOURCE / "profiles"
    found = {"bare": lambda work: []}
    found["interpose"] = lambda work: [
        interpose, "-q", "--only", "-p", str(profiles / "base"),
        "-p", str(profiles / "default"), "-C", str(work.directory),
        "-e", "allow read,exec %s/**" % pathlib.Path(calls).resolve().parent]
    peers = {
        "bwrap": ["bwrap", "--dev-bind", "/", "/", "--"],
        "strace (seccomp)": ["strace", "-f", "--seccomp-bpf", "-e",
                             "trace=%file,%network,%process", "-o", "/dev/null"],
        "proot": ["proot"],
    }
    for name, command in peers.items():
        if full and shutil.which(command[0]):
            found[name] = lambda work, command=command: command
    return found


def measure(work, wrapper, environment):
    """Wall and processor seconds, or None where the command failed."""
    if work.prepare:
        subprocess.run(work.prepare, cwd=work.directory, check=True, env=environment)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(wrapper + work.command, cwd=work.directory, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    expected = 1 if work.command[0] == "grep" else 0
    if done.returncode != expected:
        sys.stderr.write(done.stderr.decode(errors="replace")[-500:])
        return None
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(name, times):
    """A row a way: least, median, ratio; times is {way: [(wall, cpu)]}."""
    bare = statistics.median(wall for wall, _ in times["bare"])
    for way, found in times.items():
        if not found:
            print("%-12s %-18s failed" % (name, way))
            continue
        walls = [wall for wall, _ in found]
        median = statistics.median(walls)
        print("%-12s %-18s %9.1f %9.1f %9.1f %7.2f" % (
            name, way, min(walls) * 1e3, median * 1e3,
            statistics.median(cpu for _, cpu in found) * 1e3, median / bare))


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
        environment = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "LANG": "C.UTF-8"}
        todo = [work for work in works(root, os.path.abspath(options.calls), options.full)
                if not options.work or work.name in options.work]
        how = ways(os.path.abspath(options.interpose), options.calls, options.full)
        times = {work.name: {way: [] for way in how} for work in todo}
        system = os.uname()
        print("Linux %s %s, %d processors, load %.1f, %d rounds; milliseconds" % (
            system.release, system.machine, os.cpu_count(), os.getloadavg()[0], rounds))
        print("%-12s %-18s %9s %9s %9s %7s" % ("", "", "least", "median", "cpu", "ratio"))
        failed = False
        for _ in range(rounds):
            for work in todo:
                for way, wrapper in how.items():
                    found = measure(work, wrapper(work), environment)
                    if found:
                        times[work.name][way].append(found)
                    elif way in ("bare", "interpose"):
                        failed = True
        for name, found in times.items():
            show(name, found)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"kernel": system.release, "rounds": rounds, "times": times}, file)
    sys.exit(1 if failed else 0)


main()
