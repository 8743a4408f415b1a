#!/bin/sh
# What is granted to one program only, and how the others try to get it: a file
# and variables, with copies, links, loaders, scripts, threads, forks and what
# steers a program from outside.
set -u
here=$(mktemp -d "${TMPDIR:-/tmp}/programs.XXXXXX") || exit 99
trap 'rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
build=$PWD
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$here/run" "$here/tools" "$here/work"
real=ghp_abcdefghijklmnopqrstuvwxyz0123456789
GITHUB_TOKEN=$real API_KEY=key-0123456789-abcdefgh
export GITHUB_TOKEN API_KEY
echo SECRET >"$here/secret"
echo plain >"$here/plain"
for name in gh static other; do
	from=granted
	[ $name = static ] && from=granted_static
	cp "$build/tests/escape/$from" "$here/tools/$name" || exit 99
done
t=$here/tools
cp "$t/gh" "$here/work/writable"
printf '#!/bin/sh\nread line <"%s"; echo "$line"\n' "$here/secret" >"$t/script"
cp "$t/script" "$t/script2"
printf '#!/bin/sh\n(read line <"%s"; echo "$line")\n' "$here/secret" >"$t/forking"
printf '#!/bin/sh\n. "$1"\n' >"$t/sourcing"
chmod +x "$t"/*
cd "$here/work" || exit 99
failed=0

# Run under the policy; the rest of it stands in $rules, one a line.
held() {
	timeout 60 "$interpose" -q --only -C "$here/work" -p "$here/policy" "$@" 2>"$here/errors" </dev/null
}
is() { # NAME WANTED GOT
	[ "$2" = "$3" ] && return
	echo "FAILED: $1: '$3' is not '$2'"
	cat "$here/errors"
	failed=1
}
policy() {
	cat >"$here/policy" <<-END
		policy 1
		allow read,write /**
		deny  write $t/** /usr/** /bin/** /lib/** /lib64/**
		allow exec /**
		allow env *
		hide  read $here/secret
	END
	cat >>"$here/policy"
}

# -- a file for one program ---------------------------------------------------

policy <<-END
	allow read $here/secret by $t/gh
	allow read $here/secret by $t/static
	allow read $here/secret by $here/work/writable
	allow read $here/secret by /bin/sh script $t/script
	allow read $here/secret by /bin/sh script $t/forking
	allow read $here/secret by $t/other argv0 multi
END
s=$here/secret
is "the program itself" SECRET "$(held "$t/gh" read "$s")"
is "a static one" SECRET "$(held "$t/static" read "$s")"
is "by another program" ENOENT "$(held "$t/other" read "$s")"
is "from a shell" SECRET "$(held sh -c "$t/gh read $s; :")"
is "by a fork of it" SECRET "$(held "$t/gh" fork "$s")"
is "by a fork of it whose parent is gone" SECRET "$(held "$t/gh" orphan "$s")"
is "exec by a thread" SECRET "$(held "$t/other" thread "$t/gh" read "$s")"
is "exec by its thread of another" ENOENT "$(held "$t/gh" thread "$t/other" read "$s")"
is "from a child of before the exec" "ENOENT SECRET" \
	"$(held sh -c "$t/other parent $s $t/gh read $s | cat" | sort | xargs)"
is "through /proc/self/root" SECRET "$(held sh -c "/proc/self/root$t/gh read $s")"
is "a copy" ENOENT "$(held sh -c "cp $t/gh gh; ./gh read $s")"
is "a hard link" ENOENT "$(held sh -c "ln $t/gh hard 2>/dev/null || cp $t/gh hard; ./hard read $s")"
is "a symbolic link is the program" SECRET "$(held sh -c "ln -s $t/gh soft; ./soft read $s")"
is "a link that is called as it" ENOENT "$(held sh -c "mkdir -p d; ln -sf $t/other d/gh; d/gh read $s")"
is "argv[0] lies" ENOENT "$(held bash -c "exec -a $t/gh $t/other read $s")"
is "a memfd" ENOENT "$(held "$t/other" memfd "$t/gh" read "$s")"
loader=$(LC_ALL=C readelf -l "$t/gh" 2>/dev/null | sed -n 's/.*interpreter: \(.*\)]/\1/p')
[ -z "$loader" ] || is "the loader" ENOENT "$(held "$loader" "$t/gh" read "$s")"
is "its name in PATH" ENOENT "$(held sh -c "cp $t/other gh; PATH=.:\$PATH; gh read $s")"
is "a wrapper in front" SECRET "$(held env nice timeout 9 "$t/gh" read "$s")"
is "what it starts" ENOENT "$(held "$t/gh" thread "$t/other" read "$s")"
is "called by the name that is granted" SECRET "$(held bash -c "exec -a multi $t/other read $s")"
is "one that may be written to, as it was" SECRET "$(held ./writable read "$s")"
is "and changed" ENOENT "$(held sh -c "cat $t/other >copy; chmod +x copy; mv copy writable; ./writable read $s")"
cp "$t/gh" writable
is "and touched" ENOENT "$(held sh -c "chmod 700 writable; ./writable read $s")"
is "a script" SECRET "$(held "$t/script")"
is "a script that forks" SECRET "$(held "$t/forking")"
is "another script of its interpreter" "" "$(held "$t/script2")"
is "its interpreter" "" "$(held sh -c "read line <$s; echo \$line")"
is "its text in a shell" "" "$(held sh "$t/script")"
is "a script by a link, which may be turned" "" "$(held sh -c "ln -sf $t/script turn; ./turn")"
is "hard link of the file" ENOENT "$(held sh -c "ln $s h 2>/dev/null; $t/other read h")"

# -- who started it -----------------------------------------------------------

policy <<-END
	allow read $here/secret under $t/gh
	hide  read $here/plain under $t/other
END
p=$here/plain
is "under it" SECRET "$(held "$t/gh" thread "$t/static" read "$s")"
is "under it, further down" SECRET "$(held "$t/gh" thread /bin/sh -c "sh -c '$t/static read $s'")"
is "not under it" ENOENT "$(held "$t/static" read "$s")"
is "kept from what is under it" ENOENT "$(held "$t/other" thread "$t/static" read "$p")"
is "from an orphan under it" ENOENT "$(held "$t/other" thread "$t/static" orphan "$p")"
is "from an orphan's programs" ENOENT \
	"$(held sh -c "$t/other thread /bin/sh -c 'setsid sh -c \"sleep 0; $t/static read $p\" & exit'; wait; sleep 0.2")"
is "not from others" plain "$(held "$t/static" read "$p")"

# -- variables of one program -------------------------------------------------

policy <<-END
	fake  env GITHUB_TOKEN
	allow env GITHUB_TOKEN by $t/gh
	allow env GITHUB_TOKEN by $t/static
	hide  env API_KEY
	allow env API_KEY by $t/gh
	allow env API_KEY by $t/static
END
# What has no room, where the kernel does not let it be shown elsewhere.
beside='not in environ: GITHUB_TOKEN
not in environ: API_KEY
'
outside=
"$t/other" movable || outside=$beside
long=$(head -c 20000 /dev/zero | tr '\0' k)
for name in gh static; do
	g=$t/$name
	is "the value for $name" "$real" "$(held "$g" env GITHUB_TOKEN)"
	is "from a shell for $name" "$real" "$(held sh -c "$g env GITHUB_TOKEN; :")"
	is "one more than the starter has ($name)" "$API_KEY" "$(held sh -c "$g env API_KEY; :")"
	is "one more in an empty one ($name)" "$API_KEY" "$(held env -i "$g" env API_KEY)"
	is "and nothing is disturbed ($name)" "as agree a  c" "$(held sh -c "$g agree a '' c; :" | grep -v environ:)"
	is "what there is no room for ($name)" "${outside}as agree a  c" "$(held env -i A=1 B=2 "$g" agree a '' c)"
	is "into an empty one ($name)" "${outside}as agree a  c" "$(held env -i "$g" agree a '' c)"
	is "of a full environment ($name)" "${outside}as agree" \
		"$(held env -i PATH="$PATH" sh -c "i=0; while [ \$i -lt 700 ]; do export V\$i=value; i=\$((i+1)); done; $g agree; :")"
	is "a long value ($name)" "${outside}as agree" "$(API_KEY=$long && held env -i A=1 "$g" agree)"
	is "as the program has it ($name)" "$long" "$(API_KEY=$long && held env -i A=1 "$g" env API_KEY)"
	is "beside more than can be moved ($name)" "${beside}as agree" \
		"$(held env -i A="$long$long$long$long" B="$long$long$long$long" "$g" agree)"
	is "with a filter of the program's own ($name)" "${beside}as agree" \
		"$(held env -i A=1 "$t/other" strictly "$g" agree)"
	is "its own value stays ($name)" mine "$(held sh -c "GITHUB_TOKEN=mine $g env GITHUB_TOKEN; :")"
	is "exec by a thread ($name)" "$real" "$(held "$t/other" thread "$g" env GITHUB_TOKEN)"
	for variable in LD_LIBRARY_PATH LD_AUDIT GCONV_PATH BASH_ENV NODE_OPTIONS \
		PYTHONSTARTUP GIT_SSH_COMMAND; do
		is "$variable into $name" unset "$(held sh -c "$variable=/x $g env $variable; :")"
	done
	is "HOME turned for $name" "$HOME" "$(held sh -c "HOME=/x $g env HOME; :")"
	is "a proxy set for $name" unset "$(held sh -c "https_proxy=http://127.0.0.1:1 $g env https_proxy; :")"
done

# What others see of it, ps(1) above all.
mkfifo "$here/told" "$here/go"
exec 3<>"$here/told" 4<>"$here/go"
for name in gh static; do
	timeout 60 "$interpose" -q --only -C "$here/work" -p "$here/policy" \
		env -i A=1 "$t/$name" hold >"$here/told" <"$here/go" 2>"$here/errors" &
	read -r pid <&3
	[ -n "$outside" ] ||
		is "ps e ($name)" "$t/$name hold A=1 GITHUB_TOKEN=$real API_KEY=$API_KEY" \
			"$(ps eww -o args= -p "$pid" | sed 's/ *$//')"
	echo >&4
	wait
done
exec 3<&- 4<&-
if "$t/other" movable; then
	is "a command line forged, bare" forged "$("$t/other" forge)"
	is "and held" "EPERM $t/other" "$(held "$t/other" forge | xargs)"
fi

a_fake() { # as it is another in each session
	case $2 in
	"$real" | *[!ghp_a-zA-Z0-9]*) is "$1" ghp_… "$2" ;;
	ghp_????????????????????????????????????) ;;
	*) is "$1" ghp_… "$2" ;;
	esac
}
a_fake "what it starts has the placeholder" "$(held "$t/gh" thread "$t/other" env GITHUB_TOKEN)"
is "or nothing" unset "$(held "$t/gh" thread "$t/other" env API_KEY)"
a_fake "the shell in between" "$(held sh -c 'echo $GITHUB_TOKEN')"
is "steering where nothing is granted" /x "$(held sh -c "LD_LIBRARY_PATH=/x $t/other env LD_LIBRARY_PATH; :")"
is "the user's own, at the start" /x "$(LD_LIBRARY_PATH=/x held "$t/gh" env LD_LIBRARY_PATH)"
is "a preloaded library in place of it" "$real" "$(held sh -c "LD_PRELOAD=$t/none.so $t/gh env GITHUB_TOKEN; :")"
is "two threads exec at once: the winner has its own" "$real" \
	"$(held "$t/other" race 100 "$t/gh" "$t/static" | sort -u)"
is "and not the other's" 0 "$(held "$t/gh" race 100 "$t/other" /bin/false | grep -c "$real")"

# -- closed to the others -----------------------------------------------------

cat >"$here/work/siblings" <<-END
	mkfifo told go
	exec 3<>told 4<>go
	$t/gh hold >told <go &
	read pid <&3
	$t/other attack \$pid
	cat /proc/\$pid/cmdline >cmdline && echo cmdline
	grep -c . /proc/\$pid/status >/dev/null && echo status
	echo >&4
	wait
END
is "a sibling looks into it" "cmdline status" "$(held sh ./siblings | xargs)"
rm -f told go
is "looked into while it becomes that program" "" \
	"$(held "$t/other" peek 60 "$t/gh" env GITHUB_TOKEN | sort -u)"
is "into itself" "as agree" "$(held "$t/gh" agree | grep -v environ)"
is "no value of a secret in the log" 0 \
	"$(cat "$here"/state/interpose/sessions/*/* | grep -c -e "$real" -e "$API_KEY")"
exit $failed
