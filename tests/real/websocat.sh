# websocat, to a server whose host has a `secret` rule: bare and supervised agree.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
agents=${AGENTS_DIR:-$PWD/../../agents}
if ! command -v websocat >/dev/null; then
	PATH=$agents/websocat/bin:$PATH
	export PATH
fi
if ! command -v websocat >/dev/null; then
	cargo --version >/dev/null 2>&1 || { echo "SKIP: no websocat here, and no cargo to build it with"; exit 77; }
	mkdir -p "$agents" && nice timeout 500 cargo install -q --locked --target-dir "$PWD/target" \
		--root "$agents/websocat" --version "^1.14" websocat >cargo.log 2>&1 ||
		{ tail -n 3 cargo.log; echo "SKIP: no websocat here, and cargo cannot build it"; exit 77; }
fi
exec "$here/../net/enter" python3 -B "$here/https.py" "$INTERPOSE" websocat
