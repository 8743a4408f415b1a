#!/bin/sh
# Secrets that never enter the session: as whoever runs this, and, as root, as
# an ordinary user, too.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
command -v openssl >/dev/null || { echo "SKIP: no openssl"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 200 python3 "$here/secrets_in_session.py" \
	"${INTERPOSE:-$PWD/interpose}" "$@"
