#!/bin/sh
# --stack: what led to a refused call, of programs of each kind; that the
# program does not notice; and stacks that were made to hurt.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
interpose=${INTERPOSE:-$PWD/interpose}
# The unwinder may make no call that a sanitizer makes.
! grep -q __asan_init "$interpose" ||
	{ echo "SKIP: the confined unwinder has no room for a sanitizer"; exit 77; }
tools=$PWD/tests/stack
source=$(cd "${srcdir:-.}" && pwd)/tests/stack
here=$(mktemp -d "${TMPDIR:-/tmp}/stack.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
export RUSTUP_HOME CARGO_HOME
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/work"
cd "$here/work" || exit 99
echo secret >secret
failed=0

run() {
	timeout 120 "$interpose" -q --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' \
		-e "deny read $here/work/secret" "$@"
}

# The frames of the last session's last refusal, one a line.
frames() {
	"$interpose" log --json --denied | python3 -c '
import json, sys
event = [json.loads(line) for line in sys.stdin][-1]
assert list(event).index("stack") == list(event).index("served") + 1
print("\n".join(event["stack"]))' >"$here/frames"
}

shows() { # NAME… in this order; the stack is of $what
	frames
	python3 - "$here/frames" "$@" <<'END' || { failed=1; echo "FAILED: $what"; cat "$here/frames"; }
import sys
lines = open(sys.argv[1]).read().split("\n")
for name in sys.argv[2:]:
    while lines and name not in lines[0]:
        lines.pop(0)
    if not lines:
        sys.exit(f"no {name} there")
END
}

whole() {
	! grep -q partial "$here/frames" || {
		failed=1
		echo "FAILED: $what ends too early"
		cat "$here/frames"
	}
}

# -- no option, no stack -------------------------------------------------------
run "$tools/frames" "$here/work/secret"
"$interpose" log --json --denied | grep -q '"stack"' &&
	{ echo "FAILED: a stack that nobody asked for"; failed=1; }

# -- kinds of programs -----------------------------------------------------------
what="C"
run --stack "$tools/frames" "$here/work/secret" || failed=1
shows open innermost in_between main _start
whole
"$interpose" log --denied | grep -q '^ *[1-9]  innermost+0x' ||
	{ echo "FAILED: interpose log shows no frames"; failed=1; }
what="a thread"
run --stack "$tools/frames" "$here/work/secret" thread || failed=1
shows innermost in_between in_thread
whole
what="a handler of a signal"
run --stack "$tools/frames" "$here/work/secret" signal || failed=1
shows innermost in_handler main
whole
what="a stripped program"
if command -v strip >/dev/null; then
	strip -o stripped "$tools/frames"
	run --stack ./stripped "$here/work/secret" || failed=1
	shows libc.so "0x" work/stripped _start
	whole
fi 2>/dev/null
for compiler in gcc clang; do
	for flags in "-O2" "-O0" "-O2 -static" "-O2 -fomit-frame-pointer -static -s"; do
		what="$compiler $flags"
		# shellcheck disable=SC2086
		"$compiler" $flags -pthread -o built "$source/frames.c" 2>/dev/null ||
			{ echo "not tried: $what"; continue; }
		run --stack ./built "$here/work/secret" || failed=1
		case $flags in
		*-s) shows 0x work/built 0x work/built ;;
		*) shows open innermost in_between main ;;
		esac
		whole
	done
done
what="Rust"
cat >r.rs <<'END'
#[inline(never)] fn innermost(p: &str) -> bool { std::fs::read(p).is_err() }
#[inline(never)] fn in_between(p: &str) -> i32 { if innermost(p) { 0 } else { 1 } }
fn main() { std::process::exit(in_between(&std::env::args().nth(1).unwrap())); }
END
if rustc -O -o rust r.rs 2>/dev/null; then
	run --stack ./rust "$here/work/secret" || failed=1
	shows open innermost in_between main
	whole
else
	echo "not tried: $what"
fi
what="Go"
cat >g.go <<'END'
package main

import "os"

//go:noinline
func innermost(p string) int {
	if _, e := os.ReadFile(p); e == nil {
		return 1
	}
	return 0
}

//go:noinline
func inBetween(p string) int { return innermost(p) * 2 }
func main()                  { os.Exit(inBetween(os.Args[1])) }
END
if GOCACHE=$here/go GOFLAGS=-mod=mod go build -o gone g.go 2>/dev/null; then
	run --stack ./gone "$here/work/secret" || failed=1
	shows syscall os.ReadFile main.innermost main.inBetween main.main runtime
	whole
else
	echo "not tried: $what"
fi
what="node"
if command -v node >/dev/null; then
	cat >n.js <<'END'
const fs = require('fs');
function innermost(p) { try { fs.readFileSync(p); } catch (e) { return 1; } return 0; }
let seen = 0;
for (let i = 0; i < 300; i++) seen += innermost(process.argv[2]);
process.exit(seen === 300 ? 0 : 1);
END
	# Compiled at once, so that there are frames of code that no file has.
	run --stack node --sparkplug --always-sparkplug n.js "$here/work/secret" || failed=1
	shows open "[jit]" node
else
	echo "not tried: $what"
fi

# -- the program does not notice ---------------------------------------------------
what="2,000 refused calls"
run --stack "$tools/looked" "$here/work/secret" >"$here/out" 2>&1 ||
	{ echo "FAILED: $what"; cat "$here/out"; failed=1; }
cat "$here/out"
"$interpose" log verify >/dev/null || { echo "FAILED: the log"; failed=1; }
"$interpose" log --json | grep -q '"alert"' &&
	{ echo "FAILED: an alert"; failed=1; }

# -- stacks made to hurt -------------------------------------------------------------
if [ "$(uname -m)" = x86_64 ]; then
	what="hostile stacks"
	# shellcheck disable=SC2046
	run --stack "$tools/hostile" "$here/work/secret" "$here/work" loop code \
		fifo link truncated sections $(seq 1 40) >"$here/out" 2>&1 ||
		{ echo "FAILED: $what"; cat "$here/out"; failed=1; }
	"$interpose" log verify >/dev/null || { echo "FAILED: the log"; failed=1; }
	# The helper is of the supervisor: its session may not end it.
	what="the helper"
	run --stack sh -c "cat $here/work/secret 2>/dev/null
		for p in /proc/[0-9]*; do
			case \$(cat \$p/cmdline 2>/dev/null) in
			interpose-stack*) kill -9 \${p#/proc/} && echo killed;;
			esac
		done
		cat $here/work/secret" >"$here/out" 2>&1
	grep -q killed "$here/out" && { echo "FAILED: $what was killed"; failed=1; }
	shows cat
fi
exit $failed
