#include "supervisor/loading.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	PROCESSES = 4096,	 /* a later one takes another's place */
	LOADER_CODE = 160 << 10, /* as much as any glibc's has */
};

struct process {
	atomic_int pid;
	_Atomic uint64_t base;
};

struct loading {
	struct process processes[PROCESSES];
};

struct loading *loading_new(void)
{
	return calloc(1, sizeof(struct loading));
}

void loading_free(struct loading *loading)
{
	free(loading);
}

static struct process *process_of(struct loading *loading, pid_t pid)
{
	return &loading->processes[(unsigned)pid % PROCESSES];
}

void loading_start(struct loading *loading, pid_t pid, uint64_t base)
{
	if (!loading)
		return;
	struct process *process = process_of(loading, pid);

	atomic_store(&process->pid, 0);
	atomic_store(&process->base, base);
	atomic_store(&process->pid, pid);
}

bool loading_calls(struct loading *loading, pid_t tid, uint64_t address)
{
	if (!loading)
		return false;
	struct process *process = process_of(loading, tid);
	uint64_t base = atomic_load(&process->base);

	return atomic_load(&process->pid) == tid && base &&
	       address - base < LOADER_CODE;
}
