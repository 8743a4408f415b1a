#!/bin/sh
# The broker or the supervisor ends in the middle of a request.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/killed.py" "${INTERPOSE:-$PWD/interpose}"
