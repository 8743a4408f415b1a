/*
 * Theory of operation. A return address is a word on the stack. So the files
 * that an unwinder could ask for are those whose code some word of the copied
 * stack, or the program counter, points into: they are opened beforehand, and
 * it needs to ask nobody.
 */
#include "supervisor/stack/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "policy/scope.h"
#include "shim/static.h"
#include "supervisor/static_image.h"
#include "supervisor/tracee.h"

enum {
	TEXT_MOST = 8 * 1024 * 1024, /* of /proc/TID/maps */
	TEXT_START = 64 * 1024,
};

/* A mapping as /proc/TID/maps tells of it, beside what the helper is told. */
struct origin {
	dev_t device;
	ino_t inode;
	bool wanted;
};

struct survey {
	struct snapshot_map maps[SNAPSHOT_MAPS];
	struct origin origins[SNAPSHOT_MAPS];
	size_t count;
	bool cut;
	char names[SNAPSHOT_NAMES];
	size_t names_length;
	uint64_t pointer, code; /* stack pointer, program counter */
	uint64_t stack_end;	/* of the mapping that `pointer` is in; or 0 */
};

/* Where a blocked thread stands: the last two words of /proc/TID/syscall. */
static int read_place(pid_t tid, struct survey *survey)
{
	char text[256];
	unsigned long long pointer, code;
	auto_fd fd = tracee_proc_open(tid, "syscall", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return -ESRCH;
	text[length] = '\0';
	if (sscanf(text, "%*s %*s %*s %*s %*s %*s %*s %llx %llx", &pointer,
		   &code) != 2)
		return -ESRCH; /* "running": it is on its way out */
	survey->pointer = pointer;
	survey->code = code;
	return 0;
}

/* A call that the shim makes on a stack of its own has nothing above it: what
 * counts is where the function stands that made it. */
static void read_caller(pid_t tid, struct survey *survey,
			struct shim_go_caller *caller)
{
	uint64_t at = survey->pointer - GO_STACKS;
	uint64_t end = GO_STACKS + (at / GO_STACK_SIZE + 1) * GO_STACK_SIZE;

	if (at >= (uint64_t)GO_STACK_COUNT * GO_STACK_SIZE ||
	    tracee_read(tid, end - GO_STACK_TOP - sizeof(*caller), caller,
			sizeof(*caller)))
		*caller = (struct shim_go_caller){0};
	if (!caller->code)
		return;
	survey->pointer = caller->stack;
	survey->code = caller->code;
}

/* The function that has its call made by way of this stub goes on behind it. */
static bool read_stub(pid_t tid, uint64_t call, uint64_t *behind)
{
	static const unsigned char stub[] = {0x0f, 0x05, 0xe9};
	unsigned char bytes[sizeof(stub) + 4];
	int32_t distance;

	if (call >> 47 || tracee_read(tid, call, bytes, sizeof(bytes)) ||
	    memcmp(bytes, stub, sizeof(stub)) != 0)
		return false;
	memcpy(&distance, bytes + sizeof(stub), sizeof(distance));
	*behind = call + sizeof(bytes) + (uint64_t)distance;
	return true;
}

/* Stubs, and the shim's copy to which they lead, are in no file that an
 * unwinder could ask. The copy takes the stack of the function; a call that it
 * leaves to the stub is made there, all else being as it was. */
static void read_static_caller(pid_t tid, struct survey *survey,
			       struct snapshot *snapshot)
{
	enum { MOST_TAKEN = 2048 }; /* bytes of the stack; it is 1.3 kB */
	struct shim_go_caller *caller = &snapshot->caller;
	struct static_caller found;

	if (caller->code || !static_image_is(tid))
		return;
	if (read_stub(tid, survey->code - STATIC_CALL, &caller->code)) {
		snapshot->in_frame = true;
		caller->stack = survey->pointer;
	}
	for (uint64_t at = survey->pointer;
	     !caller->code && at < survey->pointer + MOST_TAKEN &&
	     tracee_read(tid, at, &found, sizeof(found)) == 0;
	     at += sizeof(uint64_t)) {
		if (!read_stub(tid, found.call, &caller->code))
			continue;
		caller->frame = found.frame;
		caller->stack = at + sizeof(found);
	}
	if (!caller->code)
		return;
	survey->pointer = caller->stack;
	survey->code = caller->code;
}

/* The whole of /proc/TID/maps: malloc()ed, NUL at the end; or NULL. */
static char *read_maps(pid_t tid)
{
	size_t size = TEXT_START, used = 0;
	char *text = malloc(size);
	auto_fd fd = tracee_proc_open(tid, "maps", O_RDONLY);

	while (text && fd >= 0) {
		ssize_t got = read(fd, text + used, size - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		if (size - 1 - used > TEXT_START / 4)
			continue;
		char *larger =
			size < TEXT_MOST ? realloc(text, size *= 2) : NULL;

		if (!larger)
			break;
		text = larger;
	}
	if (text)
		text[used] = '\0';
	if (used == 0) {
		free(text);
		return NULL;
	}
	return text;
}

static uint32_t add_name(struct survey *survey, const char *name)
{
	size_t length = strlen(name) + 1;

	/* Mappings of one file mostly follow each other. */
	if (survey->count > 0) {
		uint32_t last = survey->maps[survey->count - 1].name;

		if (last && strcmp(survey->names + last, name) == 0)
			return last;
	}
	if (survey->names_length == 0)
		survey->names[survey->names_length++] = '\0';
	if (!name[0] || length > SNAPSHOT_NAMES - survey->names_length)
		return 0;
	uint32_t at = (uint32_t)survey->names_length;

	memcpy(survey->names + at, name, length);
	survey->names_length += length;
	return at;
}

/* One line of maps: "start-end perms offset major:minor inode   path". */
static void add_line(struct survey *survey, const char *line)
{
	unsigned long long start, end, offset, inode;
	unsigned major_number, minor_number;
	char permissions[5];
	int name = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end,
		   permissions, &offset, &major_number, &minor_number, &inode,
		   &name) < 7)
		return;
	if (survey->pointer >= start && survey->pointer < end)
		survey->stack_end = end;
	if (strlen(permissions) < 3 || permissions[2] != 'x')
		return;
	if (survey->count == SNAPSHOT_MAPS) {
		survey->cut = true;
		return;
	}
	uint32_t named = add_name(survey, line + name);

	survey->origins[survey->count] = (struct origin){
		.device = makedev(major_number, minor_number),
		.inode = inode,
	};
	survey->maps[survey->count++] = (struct snapshot_map){
		.start = start,
		.end = end,
		.offset = offset,
		.file = -1,
		.name = named,
	};
}

static int survey_maps(pid_t tid, struct survey *survey)
{
	auto_free char *text = read_maps(tid);
	char *rest = text, *line;

	if (!text)
		return -ESRCH;
	while ((line = strsep(&rest, "\n")))
		if (line[0])
			add_line(survey, line);
	return 0;
}

/* The mapping of code that an address is in, or -1. */
static ssize_t find_map(const struct survey *survey, uint64_t address)
{
	size_t low = 0, high = survey->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address >= survey->maps[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < survey->count && address >= survey->maps[low].start
		       ? (ssize_t)low
		       : -1;
}

static void want(struct survey *survey, uint64_t address)
{
	ssize_t index = find_map(survey, address);

	if (index >= 0)
		survey->origins[index].wanted = true;
}

/*
 * The file that a mapping is of, if its name still leads there: a regular file
 * with its inode. So it is one that the program has mapped, and reading it
 * blocks on nothing (O_PATH opens neither FIFOs nor devices). Where stat's
 * device is not the one that maps shows (btrfs, overlayfs) it is an anonymous
 * one, and only the inode is compared.
 */
static int open_mapped(const char *name, const struct origin *origin)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char link[40];
	struct stat status;

	if (name[0] != '/')
		return -1;
	auto_fd pinned =
		(int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof(how));

	if (pinned < 0 || fstat(pinned, &status) || !S_ISREG(status.st_mode) ||
	    status.st_ino != origin->inode ||
	    (status.st_dev != origin->device && major(status.st_dev) != 0))
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", pinned);
	return open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static void open_files(struct survey *survey, struct snapshot *snapshot)
{
	for (size_t i = 0; i < survey->count; i++) {
		struct snapshot_map *map = &survey->maps[i];

		if (!survey->origins[i].wanted || !map->name)
			continue;
		/* Another mapping of the same file. */
		for (size_t before = 0; before < i; before++)
			if (survey->maps[before].file >= 0 &&
			    survey->maps[before].name == map->name)
				map->file = survey->maps[before].file;
		if (map->file >= 0 || snapshot->file_count == SNAPSHOT_FILES)
			continue;
		int fd = open_mapped(survey->names + map->name,
				     &survey->origins[i]);

		if (fd < 0)
			continue;
		map->file = (int32_t)snapshot->file_count;
		snapshot->files[snapshot->file_count++] = fd;
	}
}

static int make_memory(struct snapshot *snapshot)
{
	snapshot->memory = memfd_create("stack", MFD_CLOEXEC);
	if (snapshot->memory < 0 ||
	    ftruncate(snapshot->memory, (off_t)snapshot->size))
		return -errno;
	void *memory = mmap(NULL, snapshot->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, snapshot->memory, 0);

	if (memory == MAP_FAILED)
		return -errno;
	snapshot->header = memory;
	return 0;
}

static int fill(pid_t tid, struct survey *survey, struct snapshot *snapshot)
{
	uint64_t start = survey->pointer & ~UINT64_C(7);
	uint64_t length =
		survey->stack_end > start ? survey->stack_end - start : 0;
	size_t maps = survey->count * sizeof(*survey->maps);
	size_t names = (survey->names_length + 7) & ~(size_t)7;

	if (length > SNAPSHOT_STACK)
		length = SNAPSHOT_STACK;
	snapshot->size = sizeof(*snapshot->header) + maps + names + length;
	int error = make_memory(snapshot);

	if (error)
		return error;
	struct snapshot_header *header = snapshot->header;
	char *base = (char *)header;

	header->map_count = (uint32_t)survey->count;
	header->maps_cut = survey->cut;
	header->names_at = (uint32_t)(sizeof(*header) + maps);
	header->names_length = (uint32_t)survey->names_length;
	header->stack = start;
	header->stack_at = header->names_at + (uint32_t)names;
	memcpy(base + header->names_at, survey->names, survey->names_length);
	if (length > 0 &&
	    tracee_read(tid, start, base + header->stack_at, length) == 0)
		header->stack_length = (uint32_t)length;
	want(survey, survey->code);
	for (uint32_t at = 0; at + 8 <= header->stack_length; at += 8) {
		uint64_t word;

		memcpy(&word, base + header->stack_at + at, sizeof(word));
		want(survey, word);
	}
	open_files(survey, snapshot);
	memcpy(header + 1, survey->maps, maps);
	return 0;
}

int snapshot_take(pid_t tid, struct snapshot **result)
{
	auto_free struct survey *survey = calloc(1, sizeof(*survey));
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!survey || !snapshot) {
		free(snapshot);
		return -ENOMEM;
	}
	snapshot->memory = -1;
	int error = read_place(tid, survey);

	if (!error) {
		read_caller(tid, survey, &snapshot->caller);
		read_static_caller(tid, survey, snapshot);
		error = survey_maps(tid, survey);
	}
	if (!error)
		error = fill(tid, survey, snapshot);
	if (error) {
		snapshot_free(snapshot);
		return error;
	}
	*result = snapshot;
	return 0;
}

void snapshot_registers(struct snapshot *snapshot,
			const struct registers *registers)
{
	uint64_t *words = snapshot->header->registers;

	registers_dwarf(registers, words);
#ifdef __x86_64__
	enum { RBP = 6, RSP = 7, RIP = 16 };

	if (!snapshot->caller.code)
		return;
	if (!snapshot->in_frame)
		words[RBP] = snapshot->caller.frame;
	words[RSP] = snapshot->caller.stack;
	words[RIP] = snapshot->caller.code;
#endif
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	if (snapshot->header)
		munmap(snapshot->header, snapshot->size);
	if (snapshot->memory >= 0)
		close(snapshot->memory);
	for (size_t i = 0; i < snapshot->file_count; i++)
		close(snapshot->files[i]);
	free(snapshot);
}
