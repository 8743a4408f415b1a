#!/bin/sh
# The broker is stopped while it loads.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/loading.py" "${INTERPOSE:-$PWD/interpose}"
