# shellcheck shell=sh disable=SC2034,SC2154
# Read by tests of this directory: programs bare and held in a
# session. `here` is a directory of the test's own.
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
XDG_CONFIG_HOME=$here/config
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/work"
cd "$here/work" || exit 99
failed=0

# COMMAND…, with all allowed; `fence` is auto where it is not set.
held() {
	files -e 'allow connect,listen *:* unix:/** unix:@*' "$@"
}

# The same, but for sockets: where some may be connected to, a directory that could
# bring one is moved by the supervisor.
files() {
	timeout 120 "$interpose" --fence "${fence-auto}" --only -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' "$@"
}

# The calls of COMMAND… that came to the supervisor.
count() {
	files -v "$@" 2>&1 >/dev/null | sed -n 's/.* \([0-9]*\) calls came.*/\1/p'
}

# Is the library in a program of the session? Its memory is in $here/maps, and
# what was said in $here/why.
has_gate() {
	"$interpose" --fence auto --only -e 'allow read,write,exec /**' cat /proc/self/maps \
		>"$here/maps" 2>"$here/why"
	grep -q '^001f0000-.* r-xp ' "$here/maps"
}

fresh() {
	rm -rf "$here/work/d"
	mkdir -p d/directory
	echo hello >d/there
	ln -s there d/link
	ln -s nowhere d/dangling
	ln -s loop d/loop
}

# The same output and the same status? Files to look at are below d.
both() { # NAME COMMAND…
	name=$1
	shift
	fresh
	timeout 120 "$@" >"$here/bare" 2>&1 </dev/null
	echo "status $?" >>"$here/bare"
	fresh
	held -q "$@" >"$here/held" 2>&1 </dev/null
	echo "status $?" >>"$here/held"
	cmp -s "$here/bare" "$here/held" && return
	echo "FAILED: $name"
	diff "$here/bare" "$here/held" | head -n 20
	failed=1
}

# Is what is hidden or refused so with the fence and without, and never read? It
# is tried by COMMAND… and a path, which prints LINES lines for each of four.
secrets() { # NAME LINES COMMAND…
	name=$1 lines=$(($2 * 4))
	shift 2
	mkdir -p p .secret
	echo no >p/.env
	echo no >.secret/key
	ln -sf ../.secret/key p/way
	for mode in off auto; do
		for path in p/.env p/way .secret/key p/../.secret/key; do
			timeout 60 "$interpose" -q --fence "$mode" --only -e 'allow read,write /**' \
				-e 'allow exec /**' -e 'allow env *' \
				-e "hide read $here/work/.secret/**" -e 'deny read,write **/.env' \
				-e 'deny write **/way' "$@" "$path"
		done >"$here/secret.$mode" 2>&1
	done
	cmp "$here/secret.off" "$here/secret.auto" || {
		echo "FAILED: $name: with the fence the policy says something else"
		diff "$here/secret.off" "$here/secret.auto"
		failed=1
	}
	grep -q '"no' "$here/secret.auto" && { echo "FAILED: $name: a secret was read"; failed=1; }
	[ "$(wc -l <"$here/secret.auto")" -eq $lines ] ||
		{ echo "FAILED: $name: $(cat "$here/secret.auto")"; failed=1; }
}
