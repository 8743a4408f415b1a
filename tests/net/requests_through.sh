#!/bin/sh
# Connections looked into, between a client and a server of our own.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
command -v openssl >/dev/null || { echo "SKIP: no openssl"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/requests_through.py" "$PWD/tests/net/http_tool"
