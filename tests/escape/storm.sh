#!/bin/sh
# A storm of execs: no hang, no zombie, no status lost, and each program with
# what is meant for it. STORM_COUNT (execs of each of ten threads) for longer.
# STORM_SECONDS runs all of it for that long, again and again, at once with Go's
# os/exec and make -j16 in the same session: `make storm` is ten minutes.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR STORM_KEY=key-0123456789
mkdir -m 700 "$HOME" "$here/run" "$here/bin" "$here/work"
cp "$PWD/tests/escape/storm" "$here/bin" || exit 99
count=${STORM_COUNT:-40}
if [ -n "${STORM_SECONDS:-}" ]; then
	count=${STORM_COUNT:-5000}
	{
		printf 'all:'
		i=0
		while [ $i -lt 400 ]; do printf ' t%d' $i; i=$((i + 1)); done
		printf '\n%%:\n\t@sh -c "exit 0" && /bin/true && (exit 0)\n'
	} >"$here/work/Makefile"
	if command -v go >/dev/null; then
		cat >"$here/go.go" <<'END'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
)

func main() {
	var all sync.WaitGroup
	wrong := make(chan error, 16)
	for i := 0; i < 16; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < 200; n++ {
				out, err := exec.Command("/bin/echo", "it ran").Output()
				if err != nil || string(out) != "it ran\n" {
					wrong <- fmt.Errorf("%v %q", err, out)
					return
				}
			}
		}()
	}
	all.Wait()
	close(wrong)
	for err := range wrong {
		fmt.Println(err)
		os.Exit(1)
	}
}
END
		(cd "$here" && GOCACHE=$here/cache GO111MODULE=off go build -o bin/goes go.go) || exit 99
	fi
	cat >"$here/bin/all" <<'END'
#!/bin/bash
# Rounds until the time is over; then nobody is left, not as a zombie either.
end=$(($(date +%s) + $1)) rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
	jobs=()
	"$3/storm" "$2" & jobs+=($!)
	make -s -j16 & jobs+=($!)
	if [ -x "$3/goes" ]; then "$3/goes" & jobs+=($!); fi
	(sleep 0.1 & sleep 0.2 &) # orphans, which the supervisor has to reap
	for job in "${jobs[@]}"; do
		wait "$job" || { echo "round $rounds: status $?"; exit 1; }
	done
	rounds=$((rounds + 1))
done
tries=0
while left=$(ps -o pid=,stat=,args= --ppid "$PPID" | grep -v "^ *$$ "); do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || { echo "left: $left"; exit 1; }
	sleep 0.1
done
echo "$rounds rounds" >rounds
END
	chmod +x "$here/bin/all"
	timeout $((STORM_SECONDS + 600)) "$interpose" -q --only -C "$here/work" \
		-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		-e 'hide env STORM_KEY' -e "allow env STORM_KEY by $here/bin/storm" \
		bash -c "cd $here/work && exec $here/bin/all $STORM_SECONDS $count $here/bin" \
		</dev/null >"$here/out" 2>&1
else
	timeout $((60 + count)) "$interpose" -q --only -C "$here/work" \
		-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' \
		-e 'hide env STORM_KEY' -e "allow env STORM_KEY by $here/bin/storm" \
		"$here/bin/storm" "$count" </dev/null >"$here/out" 2>&1
fi
status=$?
cat "$here/out"
[ $status -eq 0 ] && [ ! -s "$here/out" ] || { echo "FAILED: status $status"; exit 1; }
alerts=$(cat "$here"/state/interpose/sessions/*/events.jsonl | grep -c '"event":"\(alert\|error\)"')
[ "$alerts" = 0 ] || { echo "FAILED: $alerts alerts and errors in the log"; exit 1; }
[ ! -f "$here/work/rounds" ] || {
	cat "$here/work/rounds"
	echo "$(cat "$here"/state/interpose/sessions/*/events.jsonl | grep -c '"event":"exec"') execs"
}
