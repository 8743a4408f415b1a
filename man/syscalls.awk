# The rows of supervisor/syscalls.def as rows of an mdoc table: what a call is
# called, what becomes of it, and on what that depends.
#
#	awk -f syscalls.awk syscalls.def | LC_ALL=C sort

BEGIN {
	FS = "[(), \t]+"
	on["FCNTL"] = "signals to others: served or refused; F_DUPFD as dup"
	on["DUP"] = "with a fence, of 200 and above: served"
	on["IOCTL"] = "file attributes served; input, namespaces refused"
	on["CLONE"] = "a new namespace: EPERM"
	on["UNSHARE"] = "a new namespace: EPERM"
	on["PERSONALITY"] = "asking and ADDR_NO_RANDOMIZE; else EPERM"
	on["PRCTL"] = "PR_SET_DUMPABLE is pretended; PR_SET_MM: EPERM"
	on["SECCOMP"] = "filters of a program are noted"
	on["SIGNAL"] = "served where Landlock does not scope signals"
	on["PID"] = "another process: served"
	on["PRLIMIT"] = "another process: served; RLIMIT_CORE stays"
	on["RLIMIT"] = "RLIMIT_CORE stays"
	on["OWN"] = "another process: EPERM"
	on["PRIORITY"] = "another process: served"
	on["IOPRIO"] = "another process: served"
	on["SOCKET"] = "Unix, TCP, UDP and route netlink only"
	on["SOCKETPAIR"] = "Unix only"
	on["SETSOCKOPT"] = "no source routes"
	on["PEER"] = "served where the policy names hosts"
	on["TRACE"] = "served with `allow ptrace`, else EPERM"
	on["RECVFROM"] = "with an address, and where the policy names hosts: served"
	on["SENDTO"] = "with an address: served"
	on["USER"] = "in a root session: EPERM"
}

function row(what, note)
{
	print ".It Ic " $2 " Ta " what " Ta" (note == "" ? "" : " " note)
}

$1 == "NATIVE" { row("native", "") }
$1 == "SERVE" { row("served", "") }
$1 == "REFUSE" { row("refused", "Er " $3) }
$1 == "CREDENTIALS" { row("native", "in a root session: noted") }
$1 == "FILTER" || $1 == "SIFT" {
	if (!($3 in on)) {
		printf "syscalls.awk: %s: unknown test %s\n", $2, $3 \
			| "cat 1>&2"
		exit 1
	}
	row("by argument", on[$3])
}
