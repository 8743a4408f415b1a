"""Cases that are counted, for the tests of this directory."""

import os
import subprocess
import sys

failed = 0
passed = 0


def expect(what, got, wanted):
    global failed, passed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}: got {got!r}, wanted {wanted!r}")


def finish():
    """Say how many there were, and end."""
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


def session(interpose, project, rules, program):
    """The command that runs a program in a session with these rules alone."""
    command = [interpose, "-q", "--only", "-C", project]
    for rule in rules:
        command += ["-e", rule]
    return command + list(program)


def certificate(directory, name, names=None):
    """One that signs itself, for `names` (by default the DNS name `name`): the path of NAME.pem and NAME.key, without
    the ending."""
    path = f"{directory}/{name}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", path + ".key", "-out", path + ".pem", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=" + (names or f"DNS:{name}")],
        check=True, capture_output=True)
    return path


def children(process):
    """Of a process: (id, name) of each that it started, and of theirs."""
    found = []
    for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == process:
            found += [(int(pid), name), *children(int(pid))]
    return found
