#!/bin/sh
# What a rule keeps is kept under the name that a mount gives it, too: a
# directory mounted elsewhere, a whole file system at two places. And mounts that
# give nothing a second name take nothing from the fence.
set -u
if [ -z "${WITHIN-}" ]; then
	map=
	[ "$(id -u)" = 0 ] || map=-Ur
	# shellcheck disable=SC2086 # no option, or one
	unshare $map -m true 2>/dev/null || { echo "SKIP: no mounts of one's own"; exit 77; }
	# shellcheck disable=SC2086
	WITHIN=1 exec unshare $map -m sh "$0"
fi
here=$(mktemp -d "${TMPDIR:-/tmp}/mounts.XXXXXX") || exit 99
here=$(cd "$here" && pwd -P)
trap 'umount "$here"/other/* "$here"/disk "$here"/same 2>/dev/null; rm -rf "$here"' EXIT
interpose=${INTERPOSE:-$PWD/interpose}
HOME=$here/home XDG_STATE_HOME=$here/state XDG_RUNTIME_DIR=$here/run
export HOME XDG_STATE_HOME XDG_RUNTIME_DIR
unset XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$here/run" "$here/project" "$here/other" "$here/other/part" \
	"$here/other/whole" "$here/disk" "$here/same"
failed=0
cd "$here/project" || exit 99

# The trees of the fence, but for what is made anew with each session, and what
# others make beside us meanwhile.
fence() {
	"$interpose" policy show --fence -C . --only -e 'allow read,write,exec /**' \
		-e "hide read $here/disk/**/key" 2>&1 |
		awk -v beside=" ${here%/*}/" -v here="$here" \
			'!index($0, beside) || index($0, here)'
}
attack() { # WHAT PATH: a copy of what is kept
	for fence in off auto strict; do
		for rule in 'deny read' 'hide read' 'deny read,write'; do
			(timeout 60 "$interpose" -q --fence $fence -C . --only -e 'allow read,write,exec /**' \
				-e 'allow env *' -e "$rule $here/disk/**/key" \
				sh -c 'cat "$0"; cat <"$0"; ln "$0" hard; cat hard; cp "$0" copy; cat copy' "$2") \
				>"$here/said" 2>&1
			! grep -q TOPSECRET "$here/said" || { echo "FAILED: $1, --fence $fence, $rule"; failed=1; }
			rm -f hard copy
		done
	done
	# It would have been read.
	grep -q TOPSECRET "$2" || { echo "FAILED: $1: nothing there"; failed=1; }
}

mount -t tmpfs none "$here/disk" || exit 99
mkdir -p "$here/disk/in/it"
echo TOPSECRET >"$here/disk/in/it/key"
before=$(fence)

# Onto itself, and of another file system: no second name.
mount -t tmpfs none "$here/same" && mkdir "$here/same/in" "$here/same/also" &&
	mount --bind "$here/same/in" "$here/same/in" || exit 99
after=$(fence)
[ "$before" = "$after" ] || {
	echo "FAILED: a mount that names nothing anew changes the fence"
	printf '%s\n' "$before" >"$here/before"
	printf '%s\n' "$after" | diff "$here/before" -
	failed=1
}
umount "$here/same/in"
mount --bind "$here/disk/in" "$here/other/part" || exit 99
attack "a directory" "$here/other/part/it/key"
umount "$here/other/part"
mount --bind "$here/disk" "$here/other/whole" || exit 99
attack "a whole file system" "$here/other/whole/in/it/key"
exit $failed
