#!/bin/sh
# Hosts that a person is asked about by name: asked.py, in a network of its own.
set -u
src=$(cd "$(dirname "$0")" && pwd)
if [ -z "${WORLD:-}" ]; then
	INTERPOSE=${INTERPOSE:-$PWD/interpose}
	export INTERPOSE
	exec "$src/enter" "$src/asked.sh" "$@"
fi
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_CONFIG_HOME=$WORLD/home/config
XDG_RUNTIME_DIR=$WORLD/home/run TERM=xterm NO_COLOR=1
export HOME XDG_STATE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR TERM NO_COLOR
mkdir -p "$HOME" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
timeout 240 python3 "$src/asked.py" "$@"
