# Databases, copies, searches, editors and terminals.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"

both '
has() { command -v "$1" >/dev/null; }
mkdir -p s/a && echo needle >s/a/f && echo hay >s/b && ln -s a/f s/l && chmod 640 s/b
# Times that do not depend on how fast the lines above were.
touch -hd @1000 s/a/f s/a && touch -hd @2000 s/b s/l s
if has rsync; then
	rsync -a s/ copy && find copy -printf "%p %y %m %l\n" | sort
	echo more >>s/b && rsync -a --delete s/ copy && cat copy/b
fi
if has sqlite3; then
	sqlite3 base "create table t(a); insert into t values(1),(2); select sum(a) from t; pragma journal_mode=wal; insert into t values(3); select count(*) from t; pragma integrity_check;"
	rm -f base base-wal base-shm
fi
if has rg; then
	rg --sort path needle s; rg --files --sort path s
fi
find s -newer s/a -name "*" | sort | wc -l
if has vim; then
	printf "one\ntwo\n" >v && vim -Nu NONE -i NONE -n -es -c "%s/one/three/" -c wq v && cat v
fi
if has ssh-keygen; then
	ssh-keygen -q -t ed25519 -N "" -f key && ssh-keygen -lf key.pub | cut -d" " -f1,4 && stat -c %a key && rm key key.pub
fi
if has script; then
	script -qec "test -t 0 && tty | cut -d/ -f1-3 && stty size" /dev/null </dev/null | tr -d "\r"
fi
if has tmux; then
	tmux -S ./sock -f /dev/null new-session -d "echo in tmux >said; tmux -S ./sock wait-for -S said; sleep 60" &&
		tmux -S ./sock wait-for said && cat said &&
		tmux -S ./sock list-sessions -F "#{session_windows}" && tmux -S ./sock kill-server
	rm -f sock said
fi
sh -c "kill -SEGV \$\$"; echo "crashed: $?"
rm -rf s copy v
'
