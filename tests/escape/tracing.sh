#!/bin/sh
# `allow ptrace`: strace and gdb work inside; nobody outside is reached, and not
# what is granted to one program, by attaching to it, starting it under a debugger,
# or attaching while it becomes that program.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/tracing.XXXXXX") || exit 99
outside=
trap 'kill $outside; rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
build=$PWD
fences=$(cd "${srcdir:-.}" && pwd)/tests/escape/fences.py
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/state" "$here/tools" "$here/work"
real=ghp_abcdefghijklmnopqrstuvwxyz0123456789
GITHUB_TOKEN=$real
export GITHUB_TOKEN
echo SECRET >"$here/secret"
t=$here/tools
for name in gh other; do
	cp "$build/tests/escape/granted" "$t/$name" || exit 99
done
cd "$here/work" || exit 99
sleep 300 &
outside=$!
failed=0
held() {
	timeout 60 "$interpose" -q --only -C "$here/work" -e 'allow read,write /**' \
		-e "deny write $t/** /usr/** /bin/** /lib/** /lib64/**" \
		-e 'allow exec /**' -e 'allow env *' -e 'allow ptrace' "$@" \
		2>"$here/errors" </dev/null
}
granted() {
	held -e "hide read $here/secret" -e "allow read $here/secret by $t/gh" \
		-e 'fake env GITHUB_TOKEN' -e "allow env GITHUB_TOKEN by $t/gh" "$@"
}
is() { # NAME WANTED GOT
	[ "$2" = "$3" ] && return
	echo "FAILED: $1: '$3' is not '$2'"
	cat "$here/errors"
	failed=1
}

# -- what works -----------------------------------------------------------------
is "started by a tracer" "$HOME" "$(held "$t/other" debug "$t/other" env HOME)"
if command -v strace >/dev/null; then
	is "strace -f" "hello" "$(held strace -f -o trace sh -c "cd / && $t/other env HOME >/dev/null && /bin/echo hello")"
	grep -q 'chdir("/") *= 0' trace && grep -q 'execve(".*/echo", .*= 0\|execve resumed.*= 0' trace || {
		echo "FAILED: strace shows it"
		cat trace
		failed=1
	}
	is "strace -p" attached "$(held sh -c 'sleep 30 & strace -o attached -p $! 2>said & s=$!
		until grep -q attached said 2>/dev/null; do :; done
		kill $s; wait $s; kill %1 2>/dev/null || kill $!; echo attached')"
fi
if command -v gdb >/dev/null; then
	held gdb -nx -q -batch -ex 'break show' -ex run -ex bt -ex continue \
		--args "$t/other" env HOME >gdb 2>&1
	grep -q '#1 .* main' gdb && grep -q "^$HOME" gdb || { echo "FAILED: gdb"; cat gdb; failed=1; }
fi

# -- and what does not ------------------------------------------------------------
is "the program itself" "$real" "$(granted "$t/gh" env GITHUB_TOKEN)"
cat >siblings <<END
mkfifo told go
exec 3<>told 4<>go
$t/gh hold >told <go &
read pid <&3
$t/other attack \$pid
echo >&4
wait
END
is "one that is granted something" "" "$(granted sh ./siblings)"
is "its file, started by a tracer" ENOENT "$(granted "$t/other" debug "$t/gh" read "$here/secret")"
case $(granted "$t/other" debug "$t/gh" env GITHUB_TOKEN) in
*"$real"*) echo "FAILED: its variable, started by a tracer" failed=1 ;;
ghp_*) ;;
*) echo "FAILED: nothing was started by a tracer" failed=1 ;;
esac
is "attached to while it becomes that program" "0" \
	"$(granted sh -c "$t/other seize 200 $t/gh env GITHUB_TOKEN; echo \$?")"
# The supervisor is the parent, and nobody's debugger.
for who in ask-parent ask-parent-as-orphan; do
	is "$who" "EPERM
goes on" "$(timeout -k 1 30 "$interpose" -q --only -C "$here/work" -e 'allow read,write /**' \
		-e 'allow exec /**' -e 'allow env *' -e 'allow ptrace' "$t/other" $who 2>&1 </dev/null)"
done
[ "$(uname -m)" != x86_64 ] || ! command -v python3 >/dev/null ||
	held python3 "$fences" "$outside" >said || { echo "FAILED: a process outside"; cat said; failed=1; }
if timeout 60 "$interpose" -q --only -C "$here/work" -e 'allow read,write /**' \
	-e 'allow exec /**' -e 'allow env *' -e 'allow ptrace' -e 'deny ptrace' \
	"$t/other" debug "$t/other" env HOME 2>&1 </dev/null | grep -q TRACEME; then :; else
	echo "FAILED: deny ptrace"
	failed=1
fi
exit $failed
