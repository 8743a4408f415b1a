#!/bin/sh
# The broker can lock no more memory when a secret is renewed.
set -u
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
! grep -q __asan_init "${INTERPOSE:-$PWD/interpose}" ||
	{ echo "SKIP: AddressSanitizer leaves mlock(2) out"; exit 77; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/renewal.py" "${INTERPOSE:-$PWD/interpose}"
