#!/bin/sh
# bootstrap over a build directory that is there: what was configured before the
# library of the unit tests was installed is configured anew, since its
# `make check` would be green without them. Nothing is built: configure, make
# and pkg-config are scripts that say what they were asked.
set -u
[ -e /usr/include/stdio.h ] || { echo "SKIP: bootstrap would want headers here"; exit 77; }
source=$(cd "$(dirname "$0")/../.." && pwd)
here=$(mktemp -d "${TMPDIR:-/tmp}/bootstrap.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
here=$(cd "$here" && pwd -P)
failed=0
mkdir "$here/bin" "$here/build" && cp "$source/bootstrap" "$here" || exit 99
printf '#!/bin/sh\n' >"$here/configure"
for name in make autoreconf automake gcc git python3 ps; do
	printf '#!/bin/sh\n' >"$here/bin/$name"
done
# Nothing is to be installed.
for name in apt-get sudo; do
	printf '#!/bin/sh\nexit 1\n' >"$here/bin/$name"
done
# All libraries are there; check in the version that $check says.
cat >"$here/bin/pkg-config" <<'END'
#!/bin/sh
case $2 in
check) [ "$check" != none ] ;;
"check >= 0.14") [ "$check" = new ] ;;
esac
END
printf '#!/bin/sh\necho "$*" >>asked\n' >"$here/build/config.status"
chmod +x "$here/configure" "$here/build/config.status" "$here/bin"/*

# configured CHECK WAS TIMES: with CHECK there, and this build's Makefile saying
# that it WAS, `bootstrap build` has the directory configured anew as many TIMES.
configured() {
	: >"$here/build/asked"
	sed "s/^have_check = .*/have_check = $2/" Makefile >"$here/build/Makefile"
	grep -qx "have_check = $2" "$here/build/Makefile" ||
		{ failed=1; echo "FAILED: a Makefile does not say have_check"; }
	env -u BUILD_DIR PATH="$here/bin:$PATH" check="$1" "$here/bootstrap" build 2>"$here/said" ||
		{ failed=1; echo "FAILED: check $1, was $2: ended with $?"; cat "$here/said"; }
	times=$(grep -c -e --recheck "$here/build/asked")
	[ "$times" -eq "$3" ] ||
		{ failed=1; echo "FAILED: check $1, was $2: configured anew $times times, not $3"; }
}

configured new no 1
configured new yes 0
configured none no 0
# One that configure does not take would have it configured anew each time.
configured old no 0
exit $failed
