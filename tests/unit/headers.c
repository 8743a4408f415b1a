#include "tests/unit/headers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Second names of calls, for 32-bit architectures, and what is no call. */
static const char *const no_calls[] = {
	"arch_specific_syscall",
	"fadvise64_64",
	"fcntl64",
	"fstat64",
	"fstatat64",
	"fstatfs64",
	"ftruncate64",
	"llseek",
	"lstat64",
	"mmap2",
	"sendfile64",
	"stat64",
	"statfs64",
	"sync_file_range2",
	"syscalls",
	"truncate64",
};

static bool is_call(const struct header_call *call)
{
	for (size_t i = 0; i < sizeof(no_calls) / sizeof(no_calls[0]); i++) {
		if (strcmp(call->name, no_calls[i]) == 0)
			return false;
	}
	/* The calls with a 64-bit time_t of 32-bit architectures. */
	return call->number < 403 || call->number > 423;
}

/** The number that a name of the first step has; -1 for none. */
static int find(const struct header_call *calls, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	}
	return -1;
}

size_t headers_read(const char *path, struct header_call *calls, size_t max)
{
	struct header_call steps[32];
	size_t step_count = 0;
	size_t count = 0;
	FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		return 0;
	while (count < max && fgets(line, sizeof(line), file)) {
		struct header_call call = {.number = -1};
		char base[40];

		if (step_count < 32 && sscanf(line, "#define __NR3264_%39s %d",
					      call.name, &call.number) == 2) {
			steps[step_count++] = call;
			continue;
		}
		if (sscanf(line, "#define __NR_%39s __NR3264_%39s", call.name,
			   base) == 2)
			call.number = find(steps, step_count, base);
		else if (sscanf(line, "#define __NR_%39s %d", call.name,
				&call.number) != 2)
			continue;
		if (call.number >= 0 && is_call(&call))
			calls[count++] = call;
	}
	fclose(file);
	return count;
}
