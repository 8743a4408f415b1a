#!/bin/sh
# Questions at a terminal: answers, grants, what is no answer, who waits, and the
# terminal itself. The person is a script at a pty.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/asking.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
INTERPOSE=${INTERPOSE:-$PWD/interpose}
export INTERPOSE
one() { # NAMES: in homes of their own, beside each other
	dir=$here/$1
	if [ "$1" = user ]; then
		shift
	else
		mkdir -p "$dir/home" && mkdir -m 700 "$dir/run" || return 99
	fi
	# shellcheck disable=SC2086 # words
	HOME=$dir/home XDG_STATE_HOME=$dir/state XDG_RUNTIME_DIR=$dir/run \
		XDG_CONFIG_HOME=$dir/config TERM=xterm NO_COLOR=1 \
		timeout 200 $as env python3 -B "$source/asking.py" "$@"
}
# The same as an ordinary user, where root can make one that may run it.
user() {
	as="setpriv --reuid=54321 --regid=54321 --clear-groups"
	if [ "$(id -u)" -ne 0 ]; then
		return 0
	elif ! (cd / && $as "$INTERPOSE" --version && $as env python3 -c '' &&
		$as test -r "$source/asking.py") >/dev/null 2>&1; then
		echo "no ordinary user can be made here that may run it"
		return 0
	fi
	chmod 711 "$here" && mkdir -p "$here/user/home" &&
		mkdir -m 700 "$here/user/run" && chown -R 54321 "$here/user" ||
		return 99
	one user "$@"
}
as=
if [ $# -gt 0 ]; then one "$@"; exit; fi
# The unwinder may make no call that a sanitizer makes.
stack=stack
! grep -q __asan_init "$INTERPOSE" || stack=
one once deny kept project edit never visible & a=$!
one typed_ahead held_up no_reply signals many watching resized console unseen & b=$!
one flood stalled terminal jobs elsewhere approve covers full & c=$!
one pasted clipboard imitated drawn_over timeout lines narrow hangup outlives multitude $stack reason provoked rescued approvers & d=$!
user once kept terminal jobs approve $stack rescued & e=$!
failed=0
for job in $a $b $c $d $e; do wait "$job" || failed=1; done
exit $failed
