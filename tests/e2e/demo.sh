#!/bin/sh
# `interpose demo` ends well, says of no scene that it failed, shows what was to
# be kept only in the bare runs, leaves nothing behind, and writes no colour to
# what is no terminal.
set -u
scratch=$(mktemp -d "$PWD/demo.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$scratch/tmp" "$scratch/home"

TMPDIR=$scratch/tmp HOME=$scratch/home ./interpose demo \
	</dev/null >"$scratch/out" 2>"$scratch/err"
status=$?

fail() {
	echo "FAILED: $1"
	cat "$scratch/out" "$scratch/err"
	exit 1
}

[ "$status" -eq 0 ] || fail "exit status $status"
! grep -q FAILED "$scratch/out" || fail "a scene failed"
[ "$(grep -c '^  bare ' "$scratch/out")" -gt 6 ] || fail "no bare runs"
! grep '^  interpose ' "$scratch/out" | grep -q -e dEm0Scret -e correct-horse \
	-e ZGVtb25zdHJh -e ghp_0000Demonstration -e planted ||
	fail "what was to be kept was seen"
! grep -q "$(printf '\033')" "$scratch/out" || fail "colour in a file"
[ -z "$(ls -A "$scratch/tmp")" ] || fail "left behind: $(ls -A "$scratch/tmp")"
[ -z "$(ls -A "$scratch/home")" ] || fail "left in the home: $(ls -A "$scratch/home")"
[ ! -s "$scratch/err" ] || fail "said on the standard error"

# Ended in the middle, it tidies up as well.
TMPDIR=$scratch/tmp HOME=$scratch/home ./interpose demo </dev/null 2>&1 | head -n 1 >/dev/null
[ -z "$(ls -A "$scratch/tmp")" ] || fail "left behind after a closed pipe"
