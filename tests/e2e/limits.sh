#!/bin/sh
# Limits: what is over them ends, the rest does not, and the log and the last
# line say so. Address space is not memory.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
interpose=${INTERPOSE:-$PWD/interpose}
here=$(mktemp -d "${TMPDIR:-/tmp}/limits.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/work"
cd "$here/work" || exit 99
failed=0

fail() {
	echo "FAILED: $*"
	cat "$here/err"
	failed=1
}

run() { # STATUS WORDS…
	want=$1
	shift
	timeout 60 "$interpose" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' "$@" \
		>"$here/out" 2>"$here/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] || fail "status $got, not $want: $*"
}

told() { # LIMIT WORDS: on standard error, and in an event with the line
	grep -q 'a limit of the policy was reached' "$here/err" ||
		fail "no last line about $1"
	"$interpose" log --json --denied | python3 -c '
import json, sys
for event in map(json.loads, sys.stdin):
    if event["rule"]["text"] == sys.argv[1] and sys.argv[2] in event["message"]:
        sys.exit(0)
sys.exit(1)' "$1" "$2" || fail "no event of $1"
}

untold() {
	! grep -q 'a limit of the policy' "$here/err" || fail "a limit: $*"
}

# -- memory --------------------------------------------------------------------
# The one that takes it is killed, and the one that waits for it goes on.
cat >hog.py <<'END'
import mmap, os, sys
pid = os.fork()
if pid == 0:
    blocks = []
    for i in range(64):
        blocks.append(b"x" * (8 << 20))
    # Held until it is ended.
    os.read(int(sys.argv[1]), 1)
    os._exit(0)
print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
END
cat >start.py <<'END'
import os, subprocess, sys
r, w = os.pipe()
os.set_inheritable(r, True)
sys.exit(subprocess.call([sys.executable, "hog.py", str(r)], pass_fds=[r]))
END
run 0 -e 'limit memory 200M' python3 start.py
[ "$(cat "$here/out")" = 9 ] || fail "the one over the limit was not killed"
told 'limit memory 200M' 'was killed'
# 128 GB that are reserved and not touched, as by agents; what is below the limit.
run 0 -e 'limit memory 200M' python3 -c '
import mmap, time
m = mmap.mmap(-1, 128 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
m[0] = 1
b = b"x" * (32 << 20)
time.sleep(0.6)'
untold "reserved address space"

# -- processes -----------------------------------------------------------------
run 0 -e 'limit processes 20' sh -c '
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		sleep 30 & pids="$pids $!"
	done
	set -- $pids
	# The youngest goes, the oldest stays.
	wait "${25}"; [ $? -eq 137 ] || exit 3
	# (Each SIGCHLD of another may come before the call is looked at: EINTR.)
	for i in 1 2 3 4 5 6 7 8; do kill "$1" 2>/dev/null && break; done || exit 4
	wait "$1"; [ $? -eq 143 ] || exit 5
	shift
	kill "$@" 2>/dev/null
	exit 0'
told 'limit processes 20' 'the youngest'
run 125 -e 'limit processes 20' sh -c '
	i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i + 1)); done; wait'
told 'limit processes 20' 'was ended'
run 0 -e 'limit processes 20' sh -c 'sleep 0.3 & sleep 0.3 & wait'
untold "few processes"

# -- time, of the clock and of the processor -----------------------------------
run 125 -e 'limit time 1s' sleep 30
told 'limit time 1s' "time is over"
run 0 -e 'limit time 60s' true
untold "little time"
# One after the other, none of which is over it by itself.
run 125 -e 'limit cpu 2s' sh -c '
	while :; do timeout 0.5 sh -c "while :; do :; done"; done'
told 'limit cpu 2s' "processor time"

# -- of one process --------------------------------------------------------------
run 0 -e 'limit files 32' python3 -c '
import errno, os
try:
    while True: os.open("/etc/passwd", os.O_RDONLY)
except OSError as e:
    raise SystemExit(e.errno != errno.EMFILE)'
told 'limit files 32' "as many files open"
run 0 -e 'limit file-size 1M' python3 -c '
import errno, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open("big", "wb") as f: f.write(b"x" * (2 << 20))
except OSError as e:
    raise SystemExit(e.errno != errno.EFBIG)'
[ "$(stat -c %s big)" -le 1048576 ] || fail "a file beyond its limit"
run 153 -e 'limit file-size 1M' sh -c 'exec head -c 2097152 /dev/zero >big'
told 'limit file-size 1M' "a file as large"
# Of a process by itself the kernel sends SIGXCPU. A look in that very moment would
# end the session, so one try of a few must come to that.
for _ in 1 2 3 4 5; do
	timeout 60 "$interpose" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' -e 'limit cpu 1s' \
		sh -c 'while :; do :; done' >"$here/out" 2>"$here/err" </dev/null
	got=$?
	[ $got -eq 125 ] || break
done
[ $got -eq 152 ] || fail "a process at its processor time: status $got"
told 'limit cpu 1s' "by itself"

# -- a cgroup of its own, where one is to be had ---------------------------------
place=$("$interpose" doctor --json | python3 -c '
import json, sys
for finding in json.load(sys.stdin):
    if finding["name"] == "cgroup for limits" and finding["value"] != "none":
        print(finding["value"])')
case ${REQUIRE_CGROUP:-},$place in
yes,) fail "no place for a cgroup, where one must be" ;;
no,?*) fail "a place for a cgroup, where there is none: $place" ;;
esac
if [ -z "$place" ]; then
	echo "no cgroup is ours to divide: not tried with one"
	exit $failed
fi
groups() {
	find "$place" -maxdepth 1 -name 'interpose-*'
}
[ -z "$(groups)" ] || fail "left behind by the sessions: $(groups)"
# The program is in it, interpose itself is not; what it says.
run 0 -e 'limit memory 200M' -e 'limit processes 20' python3 -c '
import os, sys
place = sys.argv[1]
def group(pid): return open(f"/proc/{pid}/cgroup").read().strip().split("\n")[-1][3:]
mine = group("self")
directory = place + "/" + os.path.basename(mine)
assert os.path.basename(mine).startswith("interpose-"), mine
assert group(os.getppid()) != mine
def says(name): return open(directory + "/" + name).read().strip()
assert says("memory.max") == str(200 << 20), says("memory.max")
assert says("pids.max") == "552", says("pids.max")
assert says("cgroup.procs").split() == [str(os.getpid())]
# The bound on tasks goes with the threads.
import threading, time
end = threading.Event()
for i in range(100): threading.Thread(target=end.wait).start()
for i in range(600):
    if int(says("pids.max")) >= 652: break
    time.sleep(0.1)
else: raise SystemExit("the bound stays " + says("pids.max"))
end.set()' "$place"
untold "a hundred threads"
[ -z "$(groups)" ] || fail "left behind: $(groups)"

# Nothing leads out of it. Bare, the same does.
cat >leave.py <<'END'
import os, sys
place = sys.argv[1]
mine = open("/proc/self/cgroup").read().strip().split("\n")[-1][3:]
directory = place + "/" + os.path.basename(mine)
other = place + "/" + "left-by-test"
if len(sys.argv) > 2:
    directory = sys.argv[2]
def write(path, text):
    with open(path, "w") as file: file.write(text)
def out(): write(place + "/left/cgroup.procs" if os.path.isdir(place + "/left")
                 else place + "/cgroup.procs", str(os.getpid()))
attempts = [
    lambda: os.mkdir(other),
    lambda: write(directory + "/memory.max", "max"),
    lambda: write(directory + "/pids.max", "max"),
    lambda: write("/proc/self/root" + directory + "/pids.max", "max"),
    lambda: os.truncate(directory + "/pids.max", 0),
    lambda: os.chmod(directory + "/pids.max", 0o666),
    lambda: os.mkdir(directory + "/below"),
    lambda: write(directory + "/cgroup.kill", "0"),
    lambda: write(other + "/cgroup.procs", str(os.getpid())),
]
went = []
for i, attempt in enumerate(attempts):
    try:
        attempt()
        went.append(i)
    except OSError as error:
        pass
print(went)
END
mkdir "$place/bare" && python3 leave.py "$place" "$place/bare" >bare.out
# (It is in the other one now, and at its end in none.)
rmdir "$place/bare/below" "$place/bare" "$place/left-by-test"
case $(cat bare.out) in
*0,\ 1*8]) ;;
*) fail "bare, the attack does not work: $(cat bare.out)" ;;
esac
run 0 -e 'limit memory 200M' -e 'limit processes 20' python3 leave.py "$place"
[ "$(cat "$here/out")" = '[]' ] || fail "out of the cgroup: $(cat "$here/out")"
# Files in memory count, too. Who is killed for them is the kernel's choice.
timeout 60 "$interpose" --only -e 'allow read,write,exec /**' -e 'allow env *' \
	-e 'limit memory 100M' sh -c 'head -c 200000000 /dev/zero >"$0"' \
	"/dev/shm/interpose-test-$$" >"$here/out" 2>"$here/err" </dev/null
rm -f "/dev/shm/interpose-test-$$"
told 'limit memory 100M' 'was killed'

# -- its end, whoever is killed --------------------------------------------------
cat >killed.py <<'END'
import os, signal, subprocess, sys, time
place, which, interpose = sys.argv[1:]
def groups(): return [n for n in os.listdir(place) if n.startswith("interpose-")]
def wait(what, text):
    for i in range(600):
        if what(): return
        time.sleep(0.1)
    raise SystemExit(text)
session = subprocess.Popen([interpose, "-q", "--only", "-e", "allow read,write /**",
    "-e", "allow exec /**", "-e", "allow env *", "-e", "limit processes 20",
    "sh", "-c", "sleep 600 & sleep 600 & echo; wait"], stdout=subprocess.PIPE)
session.stdout.readline()
group, = groups()
def members(): return open(f"{place}/{group}/cgroup.procs").read().split()
inside = members()
assert len(inside) == 3, inside
parent = int(open(f"/proc/{inside[0]}/stat").read().rsplit(")")[1].split()[1])
if which != "guardian": victims = [parent]
else: victims = [session.pid]
if which == "both": victims = [session.pid, parent]
for victim in victims: os.kill(victim, signal.SIGSTOP)
for victim in victims: os.kill(victim, signal.SIGKILL)
session.wait()
if which == "both":
    # Of the dead: the next one removes it.
    subprocess.run([interpose, "-q", "--only", "-e", "allow read /**", "-e",
        "allow exec /**", "-e", "allow env *", "-e", "limit processes 20", "true"])
    assert group not in groups(), groups()
wait(lambda: not groups(), f"{which}: the group stays")
for pid in inside:
    wait(lambda: not os.path.exists(f"/proc/{pid}") or
         "Z" in open(f"/proc/{pid}/stat").read().rsplit(")")[1][:4], f"{which}: {pid} lives")
END
for which in supervisor guardian both; do
	timeout 300 python3 killed.py "$place" "$which" "$interpose" 2>"$here/err" ||
		fail "after the $which was killed"
done
# The bound on processes needs nobody who looks: with interpose held up, too.
cat >bomb.py <<'END'
import os, signal, subprocess, sys
place, interpose = sys.argv[1:]
session = subprocess.Popen([interpose, "--only", "-e", "allow read,write /**",
    "-e", "allow exec /**", "-e", "allow env *", "-e", "limit processes 20",
    "sh", "-c", "echo; read go; while :; do i=$((i + 1)); sleep 600 & echo $i; done"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
session.stdout.readline()
group, = [n for n in os.listdir(place) if n.startswith("interpose-")]
shell, = open(f"{place}/{group}/cgroup.procs").read().split()
parent = int(open(f"/proc/{shell}/stat").read().rsplit(")")[1].split()[1])
os.kill(parent, signal.SIGSTOP)
session.stdin.write(b"\n")
session.stdin.flush()
# Twice twenty and 512, the shell among them: one more is not started.
while (line := session.stdout.readline()) != b"551\n": assert line, "too few"
events = open(f"{place}/{group}/pids.events")
while events.seek(0) or events.read() == "max 0\n": pass
assert int(open(f"{place}/{group}/pids.current").read()) <= 552
os.kill(parent, signal.SIGCONT)
# The shell may be faster: 2, of its own.
sys.exit(session.wait() not in (2, 125))
END
timeout 300 python3 bomb.py "$place" "$interpose" 2>"$here/err" || fail "a bomb"
told 'limit processes 20' 'refused to start'
# One that is alive stays, whoever starts beside it.
run 0 -e 'limit processes 20' sh -c '
	"$0" --version >/dev/null; ls -d "$1"/interpose-*' "$interpose" "$place"
echo "tried with a cgroup in $place"
exit $failed
