#!/bin/sh
# The supervisor is killed while it makes a new image ready, of a static and of a
# dynamic program: that image ends and never runs.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
source=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/half-made.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$here/run" "$HOME" "$HOME/work"
cd "$HOME/work" || exit 99
cat >says.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (write(1, text, (size_t)length) != length)
		return 1;
	return open("/etc/passwd", O_RDONLY) < 0;
}
END
failed=0
for kind in -static -pie; do
	[ $kind = -static ] || kind='-fPIE -pie'
	# shellcheck disable=SC2086 # two words
	${CC:-cc} -O1 $kind -o says says.c 2>error || { echo "no compiler for $kind"; continue; }
	timeout 280 python3 "$source/half-made.py" "$interpose" "$PWD/says" "${HALF_MADE_ROUNDS:-60}" ||
		{ echo "FAILED: $kind: $?"; failed=1; }
done
exit $failed
