#!/bin/sh
# The authority's certificate, for who looks at it as the first thing.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/authority.py" "${INTERPOSE:-$PWD/interpose}"
