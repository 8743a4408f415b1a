#!/bin/sh
# Clients that speak HTTP/2 and nothing else: what they ask for and get, attacks,
# and in sessions, as whoever runs this, and, as root, as an ordinary user, too.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
command -v openssl >/dev/null || { echo "SKIP: no openssl"; exit 77; }
python3 -c 'import ctypes; ctypes.CDLL("libnghttp2.so.14")' 2>/dev/null ||
	{ echo "SKIP: python3 cannot load libnghttp2"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
timeout 240 python3 "$here/http_two.py" "$PWD/tests/net/http_tool" || exit 1
timeout 240 python3 "$here/http_two_early.py" "$PWD/tests/net/http_tool" || exit 1
timeout 120 python3 "$here/http_two_tails.py" "$PWD/tests/net/http_tool" || exit 1
timeout 300 python3 "$here/http_two_attacks.py" "$PWD/tests/net/http_tool" || exit 1
timeout 240 python3 "$here/http_two_in_session.py" "${INTERPOSE:-$PWD/interpose}"
