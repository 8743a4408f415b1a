#!/bin/sh
# A worker that is held up in the middle of a call holds up that call alone: the
# one that watches takes the next ones.
set -u
interpose=${INTERPOSE:-$PWD/interpose}
held=$PWD/tests/e2e/held
here=$(mktemp -d "${TMPDIR:-/tmp}/workers.XXXXXX") || exit 99
session=
trap 'touch "$here/end"; wait; rm -rf "$here"' EXIT
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME"
mkdir "$HOME/work" && cd "$HOME/work" || exit 99
mkfifo "$here/ready" || exit 99

# Each round has a call that is served, and tells by one that is not.
cat >"$here/rounds" <<'SCRIPT'
exec 3>>"$1"
until [ -e "$2" ]; do printf . >&3; done
SCRIPT
"$interpose" -q --fence off --only -e 'allow read,write /**' -e 'allow exec /**' \
	-e 'allow env *' sh -c "sh '$here/rounds' '$here/one' '$here/end' &
	sh '$here/rounds' '$here/two' '$here/end' & echo >'$here/ready'; wait" &
session=$!
read -r _ <"$here/ready"
read -r warden _ <"/proc/$session/task/$session/children"
read -r supervisor _ <"/proc/$warden/task/$warden/children"
timeout 100 "$held" "$supervisor" "$here/one" "$here/two"
status=$?
[ $status -eq 77 ] && echo "SKIP: no worker can be held"
touch "$here/end"
wait "$session" || { echo "FAILED: the session did not end well"; status=1; }
exit $status
