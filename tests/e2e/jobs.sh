#!/bin/sh
# Job control at a terminal, in bash and zsh: Ctrl-C, Ctrl-Z, jobs, bg, fg, kill %1,
# wait, STOP and CONT, in a shell inside a session, and of a session that is a job.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(mktemp -d "${TMPDIR:-/tmp}/jobs.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
script=$(cd "${srcdir:-.}" && pwd)/tests/e2e/jobs.py
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$here/run" "$here/state" "$HOME" "$here/work"
cd "$here/work" || exit 99
failed=0 tried=
for shell in bash zsh; do
	command -v "$shell" >/dev/null || { echo "not tried: $shell"; continue; }
	for where in inside outside; do
		python3 "$script" "$where" "$shell" "$interpose" -q --only --ask deny \
			-e 'allow read,write /**' -e 'allow exec /**' -e 'allow env *' ||
			{ echo "FAILED: $shell, $where"; failed=1; }
	done
	tried=yes
done
[ -n "$tried" ] || { echo "SKIP: no bash, no zsh"; exit 77; }
exit $failed
