#!/bin/sh
# A program is told to go on (SIGCONT) all the time, as by `fg` or a process of its
# own, in a session with hosts, where what threads are made to call is notified: a
# chdir, an open with O_PATH come to nothing else than bare. Seen to fail: of 11,000
# of each, 330 with ENOMEM and 316 with EMFILE.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/continued.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"
mkdir "$HOME/work" && cd "$HOME/work" || exit 99
cat >"$here/continued.py" <<'PYTHON'
import collections, os, signal, sys, time
ROUNDS = 3000
program = os.getpid()
teller = os.fork()
if teller == 0:
    while os.getppid() == program:
        os.kill(program, signal.SIGCONT)
        time.sleep(0.0003)
    os._exit(0)
wrong = collections.Counter()
for _ in range(ROUNDS):
    try:
        os.chdir("/tmp")
        os.close(os.open("/", os.O_PATH))
    except OSError as error:
        wrong[str(error)] += 1
os.kill(teller, signal.SIGKILL)
print(dict(wrong))
sys.exit(bool(wrong) or len(os.listdir("/proc/self/fd")) > 6)
PYTHON
failed=0
for fence in auto off; do
	timeout 120 "$interpose" -q --only --fence $fence -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' -e 'allow connect example.com:443' \
		python3 -B "$here/continued.py" ||
		{ echo "FAILED: --fence $fence: status $?"; failed=1; }
done
exit $failed
