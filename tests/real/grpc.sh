# gRPC's own clients, of Python and of node, to a server whose host has a `secret`
# rule: they speak HTTP/2 and nothing else. Bare and supervised agree, the server
# is sent the key, and the client never has it.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
agents=${AGENTS_DIR:-$PWD/../../agents}
[ -d "$agents" ] || mkdir -p "$agents" || exit 99
agents=$(CDPATH='' cd -- "$agents" && pwd -P)

# What has grpc by itself, else what pip fetches once for each version of Python.
grpc_of() { # PYTHON
	command -v "$1" >/dev/null || return 1
	modules=
	"$1" -c 'import grpc' 2>/dev/null && return
	modules=$agents/grpc-$("$1" -c 'import sys; print("py%d%d" % sys.version_info[:2])') || return 1
	[ -d "$modules/grpc" ] || timeout 200 "$1" -m pip install -q --disable-pip-version-check \
		--only-binary :all: --retries 1 --target "$modules" grpcio || return 1
	PYTHONPATH=$modules "$1" -c 'import grpc'
}
for python in python3 /usr/bin/python3; do
	grpc_of $python 2>/dev/null && break
	python=
done
[ -n "$python" ] || { echo "SKIP: no Python has grpcio, and pip cannot fetch it"; exit 77; }

node_modules=$agents/grpc-js/node_modules
if command -v node >/dev/null && [ ! -d "$node_modules/@grpc" ]; then
	mkdir -p "$agents/grpc-js" && (cd "$agents/grpc-js" && timeout 200 npm install --prefix . \
		--ignore-scripts --no-audit --no-fund --fetch-retries 1 @grpc/grpc-js@1) >npm.log 2>&1
fi
[ -d "$node_modules/@grpc" ] || node_modules=
PYTHON=$python MODULES=$modules NODE_MODULES=$node_modules
export PYTHON MODULES NODE_MODULES
exec "$here/../net/enter" env PYTHONPATH="$modules" "$python" -B "$here/grpc.py" "$INTERPOSE"
