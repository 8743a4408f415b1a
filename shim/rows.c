#include "shim/rows.h"

#include <assert.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "shim/go.h"

const struct shim_row shim_rows[] = {
#ifdef SYS_open
	[SYS_open] = {SHIM_OPENS, 1, 0, 2, 0},
	[SYS_stat] = {SHIM_LOOKS, 1, 0, 0, 0},
	[SYS_lstat] = {SHIM_LOOKS, 1, 0, 0, 0},
	[SYS_access] = {SHIM_ASKS, 1, 0, 2, 0},
	[SYS_mkdir] = {SHIM_CHANGES, 1, 0, 0, 0},
	[SYS_rmdir] = {SHIM_CHANGES, 1, 0, 0, 0},
	[SYS_unlink] = {SHIM_CHANGES, 1, 0, 0, 0},
	[SYS_rename] = {SHIM_CHANGES, 1, 2, 0, 0},
	[SYS_link] = {SHIM_CHANGES, 1, 2, 0, 0},
	[SYS_symlink] = {SHIM_CHANGES, 2, 0, 0, 0},
	[SYS_readlink] = {SHIM_LINKS, 1, 0, 3, 0},
	[SYS_mknod] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_chmod] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_chown] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_lchown] = {SHIM_REPEATS, 0, 0, 0, 0},
#endif
#ifdef SYS_renameat
	[SYS_renameat] = {SHIM_CHANGES, 2, 4, 0, 1},
#endif
#ifdef SYS_newfstatat
	[SYS_newfstatat] = {SHIM_LOOKS, 2, 0, 0, 1},
#endif
#ifdef SYS_faccessat2
	[SYS_faccessat2] = {SHIM_ASKS, 2, 0, 3, 1},
#endif
	[SYS_openat] = {SHIM_OPENS, 2, 0, 3, 1},
	[SYS_statx] = {SHIM_LOOKS, 2, 0, 0, 1},
	[SYS_faccessat] = {SHIM_ASKS, 2, 0, 3, 1},
	[SYS_mkdirat] = {SHIM_CHANGES, 2, 0, 0, 1},
	[SYS_unlinkat] = {SHIM_CHANGES, 2, 0, 0, 1},
	[SYS_renameat2] = {SHIM_CHANGES, 2, 4, 0, 1},
	[SYS_linkat] = {SHIM_CHANGES, 2, 4, 0, 1},
	[SYS_symlinkat] = {SHIM_CHANGES, 3, 0, 0, 1},
	[SYS_readlinkat] = {SHIM_LINKS, 2, 0, 4, 1},
	[SYS_getdents64] = {SHIM_LISTS, 0, 0, 0, 0},
	[SYS_getcwd] = {SHIM_WHERE, 0, 0, 0, 0},
	[SYS_execve] = {SHIM_RUNS, 1, 0, 0, 0},
	/* Not all that could be: of the pages of libc's code that hold these,
	 * most are changed for the others. */
	[SYS_mknodat] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_fchmod] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_fchmodat] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_fchown] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_fchownat] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_utimensat] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_truncate] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_statfs] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_chdir] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_umask] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_setpgid] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_setpriority] = {SHIM_REPEATS, 0, 0, 0, 0},
	[SYS_prctl] = {SHIM_FILTERS, 0, 0, 0, 0},
	[SYS_seccomp] = {SHIM_FILTERS, 0, 0, 0, 0},
};

enum { ROWS = sizeof(shim_rows) / sizeof(shim_rows[0]) };

#ifdef __x86_64__
static_assert(ROWS == GO_ROWS && sizeof(struct shim_row) == GO_ROW_SIZE &&
		      SHIM_WHERE == GO_LAST_HOW && SHIM_RUNS > SHIM_WHERE &&
		      SHIM_FILTERS == GO_FILTERS_HOW && SYS_prctl == GO_PRCTL &&
		      SHIM_REPEATS > SHIM_WHERE,
	      "go_x86_64.S looks into the table");
#endif

const struct shim_row *shim_row(unsigned long number)
{
	return number < ROWS && shim_rows[number].how != SHIM_NOT_HERE
		       ? &shim_rows[number]
		       : NULL;
}

bool shim_gates(uint32_t number)
{
	return shim_row(number) != NULL;
}
