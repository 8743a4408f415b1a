#!/bin/sh
# Requests that are signed with the placeholder of an AWS key arrive signed with
# the key, which no program of the session holds.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 200 python3 "$here/aws_in_session.py" \
	"${INTERPOSE:-$PWD/interpose}" "$@"
