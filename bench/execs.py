"""What it costs to start a program: the decision, who it is, its environment.

    bench/execs.py INTERPOSE EXECS CONTINUE [--rounds N] [--count N] [--json FILE]

Ways, interleaved round by round, each with one thing more than the one before:
bare; the calls of the exec, and what its loader opens, notified and let go on
unread (CONTINUE), which no supervisor of this kind can do without; the new image
stopped as well, as it must be to be compared; decided about and compared (one rule); the same with 1,000 rules about
arguments; with a rule that asks which program it is; with a variable that is
taken out of each new environment, of some thirty. Prints the median of each, and
what it adds to the one that it is compared with, in microseconds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

BASE = ["allow read,write /**", "allow exec /**", "allow env *"]
ARGUMENTS = ["deny exec tool%d ** flag%d **" % (i, i) for i in range(1000)]
IDENTITY = ["hide read /nowhere/secret", "allow read /nowhere/secret by /bin/cat"]
# execs is given what its /bin/true is not: taken out at each exec.
VARIABLE = ["hide env BENCH_KEY", "allow env BENCH_KEY by {execs}"]

WAYS = (
    # name, rules, what it adds to
    ("bare", None, None),
    ("notified, nothing done", None, "bare"),
    ("notified and stopped", None, "notified, nothing done"),
    ("decided and compared", [], "notified and stopped"),
    ("1,000 rules about arguments", ARGUMENTS, "decided and compared"),
    ("which program it is", IDENTITY, "decided and compared"),
    ("environment rewritten", IDENTITY + VARIABLE, "which program it is"),
)


def command(options, directory, name, rules):
    if rules is None:
        least = [options.continue_, "-t"] if name == "notified and stopped" else [options.continue_]
        return least if name != "bare" else []
    policy = directory / "policy"
    text = "\n".join(BASE + [rule.format(execs=options.execs) for rule in rules])
    policy.write_text("policy 1\n" + text + "\n")
    return [options.interpose, "-q", "--only", "-C", str(directory / "work"), "-p", str(policy)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interpose", type=os.path.abspath)
    parser.add_argument("execs", type=os.path.abspath)
    parser.add_argument("continue_", metavar="continue", type=os.path.abspath)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    times = {name: [] for name, _, _ in WAYS}

    with tempfile.TemporaryDirectory(prefix="interpose-bench.") as scratch:
        directory = pathlib.Path(scratch).resolve()
        (directory / "home").mkdir()
        (directory / "work").mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory / "home"),
                        "BENCH_KEY": "k" * 40}
        environment.update(("VARIABLE_%d" % i, "value of %d" % i) for i in range(27))
        for _ in range(options.rounds):
            for name, rules, _ in WAYS:
                done = subprocess.run(
                    command(options, directory, name, rules) + [options.execs, str(options.count)],
                    env=environment, cwd=directory / "work", stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, check=True, text=True)
                times[name].append(int(done.stdout.split()[0]) / 1e3)
    print("Linux %s %s, %d processors, load %.1f, %d rounds of %d; microseconds" % (
        os.uname().release, os.uname().machine, os.cpu_count(), os.getloadavg()[0],
        options.rounds, options.count))
    print("%-30s %9s %9s %9s" % ("fork, exec and end of true", "least", "median", "adds"))
    for name, _, before in WAYS:
        adds = [a - b for a, b in zip(times[name], times[before])] if before else []
        print("%-30s %9.1f %9.1f %9s" % (
            name, min(times[name]), statistics.median(times[name]),
            "%.1f" % statistics.median(adds) if adds else ""))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"kernel": os.uname().release, "times": times}, file)


main()
