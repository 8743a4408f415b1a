#!/bin/sh
# A rule about a program and its arguments, and the ways around it: other names
# of the file, wrappers, shells, interpreters, loaders, programs of many names.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/exec.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
loader=$(LC_ALL=C readelf -l "$PWD/tests/escape/granted" | sed -n "s/.*interpreter: \(.*\)]/\1/p")
command -v readelf python3 >/dev/null || { echo "SKIP: no readelf, or no python3"; exit 77; }
granted=$PWD/tests/escape/granted
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/bin" "$here/bin/core" "$here/work"
t=$here/bin
# The tool is two files of one name, as git is on Debian; `env NAME` is what it
# may not do, and shows the variable's value.
cp "$granted" "$t/tool" && cp "$granted" "$t/core/tool" || exit 99
cp "$granted" "$t/busybox"
cp "$granted" "$t/other"
ln -s tool "$t/core/tool-env"
ln -s ../bin/tool "$here/work/link"
printf '#!/usr/bin/env -S %s env MARK\n' "$t/tool" >"$t/envs"
printf '#!%s\n' "$t/envs" >"$t/nested"
printf '%s env MARK\n' "$t/tool" >"$t/noshebang"
chmod +x "$t"/envs "$t"/nested "$t"/noshebang
cp "$loader" "$here/work/runner" && cp "$t/tool" "$here/work/copy" &&
	cp "$t/busybox" "$here/work/box" || exit 99
printf '#!/bin/sh\necho $MARK\n' >"$here/work/script"
chmod +x "$here/work/script"
MARK=it-ran PATH=$t:$PATH
export MARK PATH
cd "$here/work" || exit 99
failed=0
held() {
	timeout 60 "$interpose" -q --only -C "$here/work" \
		-e 'allow read,write /**' -e "deny write $t/**" \
		-e 'allow exec /**' -e 'allow env *' \
		-e 'deny exec tool ** env **' -e 'deny exec mtool ** env **' -e 'deny exec applet **' \
		"$@" </dev/null 2>"$here/errors"
}
refused() { # NAME COMMAND…
	name=$1
	shift
	# Bare it works, or it would show nothing.
	[ -z "$bare" ] || "$@" </dev/null 2>/dev/null | grep -q it-ran || {
		echo "FAILED: $name: does nothing, bare"
		failed=1
	}
	if held "$@" | grep -q it-ran; then
		echo "FAILED: $name"
		failed=1
	fi
}
allowed() {
	name=$1
	shift
	[ "$(held "$@")" = it-ran ] || {
		echo "FAILED: $name: refused"
		cat "$here/errors"
		failed=1
	}
}

bare=yes
refused "by name" tool env MARK
refused "by path" "$t/tool" env MARK
refused "the second file of the name" "$t/core/tool" env MARK
refused "the name with a dash" "$t/core/tool-env" MARK
refused "by a link" ./link env MARK
refused "through /proc/self/root" sh -c "/proc/self/root$t/tool env MARK"
refused "through a descriptor" sh -c "exec 3<$t/tool; /proc/self/fd/3 env MARK"
refused "its argv[0] lies" bash -c "exec -a other $t/tool env MARK"
refused "its name, of another file" bash -c "exec -a tool $t/other env MARK"
refused "the loader" "$loader" "$t/tool" env MARK
refused "the loader with options" "$loader" --library-path /x --argv0 y "$t/tool" env MARK
refused "a copy of the loader" ./runner "$t/tool" env MARK
refused "a copy of the loader, by python" python3 -c "import os; os.execv('./runner', ['x', '$t/tool', 'env', 'MARK'])"
# musl's loader is its libc, and has no name inside.
if command -v musl-gcc >/dev/null && echo 'int puts(const char *); char *getenv(const char *);
	int main(int c, char **v) { return puts(getenv(v[c - 1])); }' |
	musl-gcc -x c - -o "$t/mtool" 2>/dev/null; then
	musl=$(LC_ALL=C readelf -l "$t/mtool" | sed -n "s/.*interpreter: \(.*\)]/\1/p")
	cp "$musl" mrunner
	refused "musl's loader" "$musl" --argv0 x "$t/mtool" env MARK
	refused "a copy of musl's loader" ./mrunner -- "$t/mtool" env MARK
else
	echo "not tried: musl-gcc is not there"
fi
refused "options in front" tool -C . env MARK
refused "more options in front" tool -C . --color never env MARK
refused "env -S in a first line" "$t/envs"
refused "nested first lines" "$t/nested"
refused "no first line" sh "$t/noshebang"
refused "no first line, by a shell" sh -c "$t/noshebang"
for wrapper in env nice nohup setsid "timeout 9" "stdbuf -o0" "env -i MARK=it-ran" \
	"xargs -I@ echo" "find /dev/null -exec"; do
	# shellcheck disable=SC2086 # a wrapper and its options
	case $wrapper in
	xargs*) refused "xargs" sh -c "echo MARK | xargs $t/tool env" ;;
	find*) refused "find" find /dev/null -exec "$t/tool" env MARK ";" ;;
	*) refused "$wrapper" $wrapper "$t/tool" env MARK ;;
	esac
done
refused "a command substitution" sh -c 'echo $(tool env MARK)'
refused "a name that is put together" sh -c 'a=to b=ol; $a$b env MARK'
refused "a group" bash -c '{ tool env MARK; }'
refused "a process substitution" bash -c 'cat <(tool env MARK)'
refused "the last of many" sh -c "$(yes 'true;' | head -60 | tr '\n' ' ') tool env MARK"
refused "behind one that is allowed" sh -c 'true && true; tool env MARK'
refused "in the background" sh -c 'tool env MARK & wait'
refused "from a thread" other thread "$t/tool" env MARK
refused "python" python3 -c 'import os; os.execvp("tool", ["tool", "env", "MARK"])'
bare=
refused "an applet" busybox applet MARK
refused "an applet of a copy" sh -c 'cp "$(command -v busybox)" box; bash -c "exec -a busybox ./box applet"'
allowed "what is not refused" other env MARK
allowed "other arguments" sh -c "tool agree >out && echo it-ran"
allowed "another applet" busybox env MARK

# -- where a list says what may run, nothing else does --------------------------
listed() {
	timeout 60 "$interpose" -q --only -C "$here/work" \
		-e 'allow read,write /**' -e "deny write $t/**" \
		-e 'allow exec /usr/**' -e 'allow exec /bin/**' \
		-e 'allow exec /lib64/**' -e "allow exec $loader" \
		-e "allow exec $t/other" -e "allow exec $t/busybox" \
		-e 'allow env *' "$@" </dev/null 2>"$here/errors"
}
unlisted() { # NAME COMMAND…
	name=$1
	shift
	"$@" </dev/null 2>/dev/null | grep -q it-ran || {
		echo "FAILED: $name: does nothing, bare"
		failed=1
	}
	if listed "$@" | grep -q it-ran; then
		echo "FAILED: not in the list: $name"
		failed=1
	fi
}
unlisted "a program" "$t/tool" env MARK
unlisted "a copy" ./copy env MARK
unlisted "a copy of one that is listed" sh -c 'cp "$0" mine; ./mine env MARK' "$t/other"
unlisted "a renamed program of many names" ./box env MARK
unlisted "by the name of one that is listed" bash -c "exec -a $t/other ./copy env MARK"
unlisted "a link with a listed name" sh -c 'ln -sf ../bin/tool other; ./other env MARK'
unlisted "from memory" "$t/other" memfd "$t/tool" env MARK
unlisted "a deleted file" sh -c 'cp copy gone; exec 3<gone; rm gone; /proc/self/fd/3 env MARK'
unlisted "a script" ./script
unlisted "by the loader" "$loader" "$t/tool" env MARK
unlisted "by a copy of the loader" ./runner "$t/tool" env MARK
[ "$(listed "$t/other" env MARK)" = it-ran ] || { echo "FAILED: what is listed"; failed=1; }

# The loader that a program names may be a link, and be another the next time,
# whatever was settled about the first.
name=$(mktemp -u /tmp/ld.XXXXXX)
trap 'rm -rf "$here" "$name"' EXIT
cp "$loader" refused-loader
python3 - "$t/other" ./named "$loader" "$name" <<-'END' || exit 99
	import os, sys
	was, made, old, new = sys.argv[1:]
	with open(was, "rb") as file:
	    text = file.read()
	old, new = old.encode() + b"\0", new.encode() + b"\0"
	assert text.count(old) == 1 and len(new) <= len(old)
	with open(made, "wb") as file:
	    file.write(text.replace(old, new.ljust(len(old), b"\0")))
	os.chmod(made, 0o755)
END
ln -s "$loader" "$name"
[ "$(./named env MARK)" = it-ran ] || { echo "FAILED: the loader by a link, bare"; failed=1; }
got=$(held -e "deny exec $here/work/refused-loader" sh -c "for i in 1 2 3 4 5 6 7 8; do
	./named env MARK; ln -sf $here/work/refused-loader $name; ./named env MARK
	ln -sf $loader $name; done" | sort | uniq -c | xargs)
[ "$got" = "8 it-ran" ] || { echo "FAILED: the loader by a link: $got"; failed=1; cat "$here/errors"; }

# A refusal is an errno, not the end of the caller.
[ "$(held sh -c 'tool env MARK; echo $?')" = 126 ] || { echo "FAILED: the errno"; failed=1; }
exit $failed
