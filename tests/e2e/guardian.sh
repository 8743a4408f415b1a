#!/bin/sh
# The supervisor dies: its programs die with it, within a second, and nobody
# else does, not even one of whose process group they made themselves members.
# The supervisor and the guardian die at the same moment: so do the programs.
# A closed standard error does not become the audit log. What is told to end, or
# to stop and go on, while it starts, does so; killed then, nothing is left. A
# session ends when its program is killed, whatever it was in the midst of; and where
# its broker has been stopped, which ends with it.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/guardian.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"
mkdir "$HOME/work" && cd "$HOME/work" || exit 99
cat >"$here/test.py" <<'PYTHON'
import os, signal, subprocess, sys, time
os.setsid()
neighbour = subprocess.Popen(["sleep", "60"], process_group=0)
program = r"""
import os, time
come, go = os.pipe()
for kind in range(200):
    if os.fork() == 0:
        os.close(come)
        if kind % 4 == 0: os.setsid()
        if kind % 4 == 1: os.setpgid(0, int(os.environ["NEIGHBOUR"]))
        if kind == 3: os.mkfifo("fifo")
        os.close(go)
        if kind % 4 == 2: os.kill(os.getpid(), 19)
        if kind == 3: open("fifo")
        time.sleep(60); os._exit(0)
os.close(go)
os.read(come, 1)  # until each has done what it is to do, and closed its end
print("ready", flush=True)
time.sleep(60)
"""
os.environ["NEIGHBOUR"] = str(neighbour.pid)
session = subprocess.Popen(
    [sys.argv[1], "-q", "--only", "-e", "allow read,write /**",
     "-e", "allow exec /**", "-e", "allow env *", "python3", "-c", program],
    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    text=True, process_group=0)
assert session.stdout.readline() == "ready\n"
def child(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return int(file.read().split()[0])
supervisor = child(child(session.pid))
start = time.monotonic()
os.kill(supervisor, signal.SIGKILL)
status = session.wait(timeout=20)
took = time.monotonic() - start
left = session.stdout.read()  # ends once nobody holds the pipe
print("status %d, gone after %.2f s" % (status, took))
alive = neighbour.poll() is None
neighbour.kill()
sys.exit(0 if status == 125 and alive and took < 5 else 1)
PYTHON
failed=0
timeout 60 python3 "$here/test.py" "$interpose" ||
	{ echo "FAILED: the supervisor killed"; failed=1; }
"$interpose" --only -e 'allow read,write /**' -e 'allow exec /**' \
	-e 'allow env *' -e "deny read $HOME/none" sh -c 'cat none; sh -c "cat none"; exit 3' \
	0<&- 1>&- 2>&-
status=$?
[ $status -eq 3 ] || { echo "FAILED: closed descriptors: status $status"; failed=1; }
"$interpose" log verify >/dev/null 2>"$here/error" ||
	{ echo "log: $(cat "$here/error")"; failed=1; }
cat >"$here/early.py" <<'PYTHON'
import os, random, signal, subprocess, sys, time
random.seed(1)
signal.alarm(500)
for told in ([signal.SIGTERM], [signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM],
             [signal.SIGKILL]) * 25:
    session = subprocess.Popen(
        [sys.argv[1], "-q", "--only", "-e", "allow read,write /**",
         "-e", "allow exec /**", "-e", "allow env *", "sleep", "1000"],
        stdout=subprocess.PIPE, process_group=0)
    time.sleep(random.random() / 8)
    for number in told:
        os.killpg(session.pid, number)
    try:
        status = session.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(session.pid, signal.SIGKILL)
        sys.exit("%s: it goes on" % told)
    session.stdout.read()  # until nobody is left that has it
    # By the signal itself: before there was anything to watch.
    if status not in (143, -told[-1]):
        sys.exit("%s: status %d" % (told, status))
PYTHON
timeout 600 python3 "$here/early.py" "$interpose" 2>"$here/error" ||
	{ echo "FAILED: told early: $(tail -n 2 "$here/error")"; failed=1; }
# Both at once, or any two of the three: before the program runs, while it is
# started, and with several processes, of which some are in sessions of their own.
# All of them have the pipe that is read to its end.
cat >"$here/both.py" <<'PYTHON'
import os, random, signal, subprocess, sys, time
random.seed(2)
signal.alarm(500)
PROGRAM = r"""
import os, time
for kind in range(12):
    if os.fork() == 0:
        if kind % 3 == 0: os.setsid()
        if kind % 3 == 1 and os.fork(): os._exit(0)
        if kind == 2: os.execvp("sleep", ["sleep", "1000"])
        while True: time.sleep(0.001); os.fork() or os._exit(0); os.wait()
os.write(1, b"ready")
time.sleep(1000)
"""
def child(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return None
def tell(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # a child that the beginning had for a moment
def run(program, wait, which):
    session = subprocess.Popen(
        [sys.argv[1], "-q", "--only", "-e", "allow read,write /**",
         "-e", "allow exec /**", "-e", "allow env *", *program],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0)
    wait(session)
    guardian = session.pid
    warden = child(guardian)
    supervisor = child(warden) if warden else None
    three = [pid for pid in (guardian, warden, supervisor) if pid]
    if len(three) == 3:
        del three[which]
    # While they are stopped none of them sees the others die.
    tell(three, signal.SIGSTOP)
    tell(three, signal.SIGKILL)
    session.wait(timeout=30)
    start = time.monotonic()
    session.stdout.read()  # until nobody is left that has it
    return time.monotonic() - start
took = []
for turn in range(60):
    took.append(run(["sleep", "1000"], lambda _: time.sleep(random.random() / 10),
                    1 if turn % 2 else turn // 2 % 3))
for which in (1, 0, 2) * 4:
    took.append(run([sys.executable, "-c", PROGRAM],
                    lambda session: session.stdout.read(5), which))
print("two of three killed, %d times: gone after %.2f s at most" %
      (len(took), max(took)))
PYTHON
timeout 600 python3 "$here/both.py" "$interpose" 2>"$here/error" ||
	{ echo "FAILED: two killed at once: $(tail -n 2 "$here/error")"; failed=1; }
# A program that is made to make calls of the supervisor's all the time.
cat >"$here/killed.py" <<'PYTHON'
import os, random, signal, subprocess, sys, time
random.seed(2)
for turn in range(100):
    session = subprocess.Popen(
        [sys.argv[1], "-q", "--only", "-e", "allow read,write /**",
         "-e", "allow exec /**", "-e", "allow env *", "sh", "-c",
         "echo $$; while :; do cd /; cd /tmp; done"],
        stdout=subprocess.PIPE, text=True)
    program = int(session.stdout.readline())
    time.sleep(random.random() / 50)
    os.kill(program, signal.SIGKILL)
    status = session.wait(timeout=30)
    assert status in (128 + 9, -9), status
PYTHON
timeout 300 python3 "$here/killed.py" "$interpose" 2>"$here/error" ||
	{ echo "FAILED: killed within a call: $(tail -n 2 "$here/error")"; failed=1; }
# The broker cannot end by itself: it is ended.
cat >"$here/broker.py" <<'PYTHON'
import os, select, signal, subprocess, sys
# One that was used is not killed at once: it is to say what it carried.
PROGRAM = r"""
import socket, sys
try: socket.getaddrinfo("refused.invalid", 80)
except OSError: pass
print("ready", flush=True)
sys.stdin.read()
"""
session = subprocess.Popen(
    [sys.argv[1], "-q", "--only", "-e", "allow read,write /**",
     "-e", "allow exec /**", "-e", "allow env *",
     "-e", "allow connect example.com:443", "python3", "-c", PROGRAM],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert session.stdout.readline() == "ready\n"
def name(pid):
    with open("/proc/%d/comm" % pid) as file:
        return file.read().strip()
with open("/proc/%d/task/%d/children" % (session.pid, session.pid)) as file:
    brokers = [int(pid) for pid in file.read().split()
               if name(int(pid)) != "session-warden"]
assert len(brokers) == 1, brokers
broker = os.pidfd_open(brokers[0])
signal.pidfd_send_signal(broker, signal.SIGSTOP)
session.stdin.close()
status = session.wait(timeout=30)
assert status == 0, status
assert select.select([broker], [], [], 0)[0], "it is still there"
PYTHON
timeout 60 python3 "$here/broker.py" "$interpose" 2>"$here/error" ||
	{ echo "FAILED: the broker stopped: $(tail -n 2 "$here/error")"; failed=1; }
grep -l "^interpose:" "$here"/state/interpose/sessions/*/*.jsonl &&
	{ echo "FAILED: spoken into the log"; failed=1; }
exit $failed
