#!/bin/sh
# load.py in a network of its own; with an argument, with many more connections.
set -u
src=$(cd "$(dirname "$0")" && pwd)
if [ -z "${WORLD:-}" ]; then
	INTERPOSE=${INTERPOSE:-$PWD/interpose}
	export INTERPOSE
	exec "$src/enter" "$src/load.sh" "$@"
fi
HOME=$WORLD/home XDG_STATE_HOME=$WORLD/home/state XDG_RUNTIME_DIR=$WORLD/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -p "$HOME/p" && mkdir -m 700 "$XDG_RUNTIME_DIR" || exit 99
cd "$HOME/p" || exit 99
failed=0
echo "1024 65000" >/proc/sys/net/ipv4/ip_local_port_range
echo 4096 >/proc/sys/net/core/somaxconn 2>/dev/null
python3 "$src/load.py" server & server=$!
trap 'kill $server' EXIT
while ! [ -e "$WORLD/echo" ]; do
	kill -0 $server || exit 99
	sleep 0.02
done
one() { timeout 300 python3 "$src/load.py" "$@" || { echo "FAILED: $*"; failed=1; }; }
one killed
one full
# Each connection takes two descriptors of the broker, and two more at its start.
most=$(python3 -c 'import resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
print(min(10000, (most - 1200) // 2) if most > 0 else 10000)')
if [ $# -gt 0 ]; then
	one many "$most" 100
	one slow 2000 100
	one half 2000 100
else
	one many 300 64
	one half 60 64
fi
exit $failed
