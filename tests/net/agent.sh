#!/bin/sh
# What an agent of ssh is asked by way of interpose, with an agent that says yes
# to everything.
set -u
for tool in python3 openssl; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec timeout 120 python3 "$here/agent.py" "${INTERPOSE:-$PWD/interpose}"
