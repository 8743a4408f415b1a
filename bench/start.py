"""What it costs to start and end a session: processor time of `true` in it.

    bench/start.py INTERPOSE [OTHER…] [--rounds N] [--home DIR] [--json FILE] [--alone]

In a git project of 300 files, in a home with the usual secrets (or DIR), with the
built-in policy: `true` under `default`, and a copy of it that is called `claude`
under that profile, which has secrets and so a broker; each without a fence and
with one. Processor time of all processes and not the time that passes, so that a
busy machine counts for less; still only ways of one run are to be compared. OTHER
are further programs, former versions for instance, run in the same rounds. The time
that passes is told beside it, and is worth something on a machine at rest, or with
--alone: all is run under SCHED_FIFO (root's to ask for), before whatever else runs.
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

SECRETS = (
    ".ssh/id_ed25519 .ssh/config .ssh/known_hosts .aws/credentials .aws/config .netrc .npmrc "
    ".config/gh/hosts.yml .kube/config .docker/config.json .gnupg/private-keys-v1.d/a.key "
    ".bashrc .profile .bash_history .gitconfig .cargo/credentials.toml .pypirc "
    ".claude/settings.json .config/git/config .cache/pip/a .mozilla/firefox/x/key4.db "
    "work/project/.env work/project/.env.local work/project/config/.env.production").split()


def make_home(home):
    for name in SECRETS:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("KEY=abcdefghijklmnopqrstuvwx\n")
    project = home / "work/project"
    for number in range(300):
        directory = project / ("src/d%d" % (number // 20))
        directory.mkdir(exist_ok=True, parents=True)
        (directory / ("f%d.c" % number)).write_text("int x;\n")
    git = ["git", "-C", str(project), "-c", "user.name=b", "-c", "user.email=b@example.com"]
    subprocess.run(git + ["init", "-q"], check=True)
    subprocess.run(git + ["add", "-A"], check=True)
    subprocess.run(git + ["commit", "-qm", "all"], check=True)
    return project


def measure(command, project, environment):
    """Milliseconds of processor time, and those that passed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=project, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit("%s: %s" % (" ".join(command), done.stderr))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent * 1e3, wall * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose", nargs="+", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--home", type=pathlib.Path)
    parser.add_argument("--json")
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    if options.alone:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))

    with tempfile.TemporaryDirectory(prefix="interpose-bench.", dir="/var/tmp") as scratch, \
         tempfile.TemporaryDirectory(prefix="run.", dir="/dev/shm") as run:
        root = pathlib.Path(scratch).resolve()
        project = make_home(root)
        (root / "bin").mkdir()
        shutil.copy(shutil.which("true"), root / "bin/claude")
        environment = {"PATH": "%s:%s" % (root / "bin", os.environ["PATH"]),
                       "HOME": str(options.home or root), "LANG": "C.UTF-8",
                       "XDG_RUNTIME_DIR": run, "AWS_SECRET_ACCESS_KEY": "x" * 40}
        ways = {("bare", "", ""): ["true"]}
        for program in ("true", "claude"):
            for fence in ("off", "auto"):
                for number, interpose in enumerate(options.interpose):
                    name = program + (" (%d)" % number if number else "")
                    ways[(name, fence, interpose)] = [
                        interpose, "-q", "--fence", fence, program]
        times = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, command in ways.items():
                times[way].append(measure(command, project, environment))
    system = os.uname()
    print("Linux %s %s, %d processors, load %.1f, %d rounds; milliseconds of processor time" % (
        system.release, system.machine, os.cpu_count(), os.getloadavg()[0], options.rounds))
    print("%-12s %-6s %9s %9s %9s   passed: %6s %9s %9s" % (
        "", "fence", "least", "median", "adds", "least", "median", "adds"))
    bare, wall_bare = (statistics.median(column) for column in zip(*times[("bare", "", "")]))
    for (name, fence, _), found in times.items():
        cpu, wall = zip(*found)
        print("%-12s %-6s %9.1f %9.1f %9.1f %16.1f %9.1f %9.1f" % (
            name, fence, min(cpu), statistics.median(cpu), statistics.median(cpu) - bare,
            min(wall), statistics.median(wall), statistics.median(wall) - wall_bare))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"kernel": system.release, "rounds": options.rounds,
                       "times": {" ".join(way): found for way, found in times.items()}}, file)


main()
