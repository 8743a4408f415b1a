#!/bin/sh
# `interpose doctor` finds nothing broken where sessions run, and says so to
# programs, too; as root and as an ordinary user.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/doctor.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
chmod 755 "$here"
cp "${INTERPOSE:-$PWD/interpose}" "$here/interpose" || exit 99
mkdir -m 700 "$here/state"

check() { # COMMAND…
	"$@" env -i PATH=/usr/bin:/bin HOME="$here/state" \
		"$here/interpose" doctor >"$here/out" || {
		echo "FAILED: doctor finds something broken"
		cat "$here/out"
		exit 1
	}
	grep -q 'the filter, tried' "$here/out" || exit 1
	"$@" env -i PATH=/usr/bin:/bin HOME="$here/state" \
		"$here/interpose" doctor --json | python3 -c '
import json, sys
findings = json.load(sys.stdin)
assert len(findings) > 5
assert all(f["grade"] in ("good", "less") for f in findings), findings' || exit 1
}

check
if [ "$(id -u)" -eq 0 ]; then
	rm -rf "$here/state"
	mkdir -m 700 "$here/state" && chown 54321:54321 "$here/state"
	check setpriv --reuid=54321 --regid=54321 --clear-groups
fi
