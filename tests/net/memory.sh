#!/bin/sh
# What is left of secrets in the memory of what puts them in requests.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
command -v openssl >/dev/null || { echo "SKIP: no openssl"; exit 77; }
[ -r /proc/self/pagemap ] || { echo "SKIP: no /proc/PID/pagemap"; exit 77; }
! grep -q __asan_init tests/net/http_tool ||
	{ echo "SKIP: a sanitizer keeps what was freed, and maps terabytes"; exit 77; }
python3 -c 'import ctypes; ctypes.CDLL("libnghttp2.so.14")' 2>/dev/null ||
	{ echo "SKIP: python3 cannot load libnghttp2"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/memory.py" "$PWD/tests/net/http_tool"
