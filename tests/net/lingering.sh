#!/bin/sh
# The ends of connections that are looked into, between clients and a server of
# our own.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/lingering.py" "$PWD/tests/net/http_tool"
