/*
 * Theory of operation. Each frame's function either has unwind information,
 * and libunwind steps by that; or it has none (compiled at run time, Go,
 * assembler), and the chain of frame pointers is followed for that one step,
 * after which libunwind begins anew with what is known then. All memory is the
 * snapshot's stack, or bytes of the files that are mapped there: nothing else
 * is readable, and each frame must lie above the one before. Names are looked
 * for when all frames are known, so that each table of symbols is read once.
 */
#include "supervisor/stack/unwind.h"

#include <errno.h>
#include <libunwind.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/stack/elf.h"
#include "supervisor/stack/memory.h"
#include "supervisor/stack/stack.h"

enum {
	TIME_US = 5000,
	NAME_SHOWN = 160, /* bytes of a function's name */
	FILE_SHOWN = 120, /* and of a file's, from its end */
};

/* Exported for tracers that bring their own way to the memory, as perf does. */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_unwind_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t *,
			       unw_proc_info_t *, int, void *);

#if defined(__aarch64__)
#define FRAME_POINTER UNW_AARCH64_X29
#else
#define FRAME_POINTER UNW_X86_64_RBP
#endif

struct frame {
	uint64_t address; /* where it goes on; the first: where it is */
	const struct snapshot_map *map;
	bool exact; /* not behind a call: the first, or a signal's */
	struct elf_symbol symbol;
};

/* One process unwinds one stack, so this is that stack's. */
static struct {
	const struct snapshot_header *snapshot;
	int out;
	uint64_t registers[REGISTERS_DWARF];
	bool known[REGISTERS_DWARF];
	struct frame frames[STACK_FRAMES];
	size_t count;
	const char *end; /* why there are no more; NULL: that is all */
	bool late;	 /* the time is used up */
	unsigned reads;
} it;

static bool enough(void)
{
	struct timespec used;

	if (it.late)
		return true;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	it.late = used.tv_sec > 0 || used.tv_nsec > TIME_US * 1000L;
	return it.late;
}

/* ------------------------------------------------- what libunwind calls -- */

static int access_mem(unw_addr_space_t space, unw_word_t address,
		      unw_word_t *value, int write, void *context)
{
	(void)space;
	(void)context;
	uint64_t word;

	/* To ask for the time each time would take most of it. */
	if (write || (++it.reads % 64 == 0 && enough()) || it.late ||
	    !memory_word(address, &word))
		return -UNW_EINVAL;
	*value = word;
	return 0;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number,
		      unw_word_t *value, int write, void *context)
{
	(void)space;
	(void)context;
	if (write || number < 0 || number >= REGISTERS_DWARF ||
	    !it.known[number])
		return -UNW_EBADREG;
	*value = it.registers[number];
	return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number,
			unw_fpreg_t *value, int write, void *context)
{
	(void)space;
	(void)number;
	(void)value;
	(void)write;
	(void)context;
	return -UNW_EBADREG;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t address,
			  unw_proc_info_t *info, int need, void *context)
{
	const struct snapshot_map *map = memory_map(address);
	const struct elf *elf = map ? memory_elf(map) : NULL;
	const struct elf_unwind *table = elf ? memory_unwind(map) : NULL;
	uint64_t by;

	if (!table || !memory_moved(map, elf, &by))
		return -UNW_ENOINFO;
	unw_dyn_info_t dynamic = {
		.start_ip = map->start,
		.end_ip = map->end,
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.u.rti =
			{
				.segbase = table->base + by,
				.table_data = table->made ? memory_made(map)
							  : table->table + by,
				.table_len =
					table->count * 8 / sizeof(unw_word_t),
			},
	};

	return search_unwind_table(space, address, &dynamic, info, need,
				   context);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info,
			    void *context)
{
	(void)space;
	(void)info;
	(void)context;
}

static int get_list(unw_addr_space_t space, unw_word_t *list, void *context)
{
	(void)space;
	(void)list;
	(void)context;
	return -UNW_ENOINFO;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *context)
{
	(void)space;
	(void)cursor;
	(void)context;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t address, char *name,
			 size_t size, unw_word_t *offset, void *context)
{
	(void)space;
	(void)address;
	(void)name;
	(void)size;
	(void)offset;
	(void)context;
	return -UNW_ENOINFO;
}

/* -------------------------------------------------------------- walking -- */

static void stop(const char *why)
{
	it.end = why;
}

/* Is what is before this address a call? Else it is a word that only looks
 * like an address of code. */
static bool behind_call(uint64_t address)
{
#if defined(__aarch64__)
	return memory_file_bytes(address - 4, 4) != NULL;
#else
	const unsigned char *code = memory_file_bytes(address - 7, 7);

	/* E8 with four bytes, or FF /2 in its lengths. */
	return code && (code[2] == 0xe8 || code[5] == 0xff || code[4] == 0xff ||
			code[3] == 0xff || code[1] == 0xff || code[0] == 0xff);
#endif
}

/* Where the innermost function returns to if it made no frame of its own, as
 * assembler around a system call does. */
static bool return_without_frame(uint64_t *back, uint64_t *pointer)
{
#if defined(__aarch64__)
	*back = it.registers[30];
	*pointer = it.registers[UNW_REG_SP];
	return memory_map(*back) && behind_call(*back);
#else
	uint64_t stack = it.registers[UNW_REG_SP];

	*pointer = stack + 8;
	return memory_word(stack, back) && memory_map(*back) &&
	       behind_call(*back);
#endif
}

/* One step without unwind information: sets the registers of the caller. */
static bool step_by_pointer(void)
{
	uint64_t frame = it.registers[FRAME_POINTER], back, before = 0, pointer;

	if (it.count == 1 && return_without_frame(&back, &pointer)) {
		before = frame;
	} else if (!it.known[FRAME_POINTER] || frame % 8 != 0 ||
		   frame < it.registers[UNW_REG_SP] ||
		   !memory_word(frame, &before) ||
		   !memory_word(frame + 8, &back) || !memory_map(back)) {
		return false;
	} else {
		pointer = frame + 16;
	}
	memset(it.known, 0, sizeof(it.known));
	it.known[FRAME_POINTER] = true;
	it.known[UNW_REG_SP] = it.known[UNW_REG_IP] = true;
	it.registers[FRAME_POINTER] = before;
	it.registers[UNW_REG_SP] = pointer;
	it.registers[UNW_REG_IP] = back;
	return true;
}

/* The registers as the cursor has them. */
static void take_registers(unw_cursor_t *cursor)
{
	for (int i = 0; i < REGISTERS_DWARF; i++) {
		unw_word_t value;

		it.known[i] = i <= UNW_REG_LAST &&
			      unw_get_reg(cursor, i, &value) == 0;
		if (it.known[i])
			it.registers[i] = value;
	}
}

/* Names at which a stack that has no unwind information ends. */
static bool outermost(const struct frame *frame)
{
	static const char *const names[] = {
		"runtime.goexit",   "runtime.rt0_go",	   "runtime.mstart",
		"runtime.mcall",    "runtime.systemstack", "_start",
		"_rt0_amd64_linux", "_rt0_arm64_linux",
	};

	for (size_t i = 0;
	     frame->symbol.name && i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(frame->symbol.name, names[i], strlen(names[i])) ==
		    0)
			return true;
	return false;
}

static void add_frame(uint64_t address, bool exact)
{
	it.frames[it.count++] = (struct frame){
		.address = address,
		.map = memory_map(address - !exact),
		.exact = exact,
	};
}

/* A cursor at the frame. Behind a call the function is the one of the byte
 * before, which may be another than that of the address. */
static int begin(unw_cursor_t *cursor, unw_addr_space_t space,
		 const struct frame *frame, bool *trampoline)
{
	int error = unw_init_remote(cursor, space, NULL);

	*trampoline = !error && unw_is_signal_frame(cursor) > 0;
	if (error || frame->exact || *trampoline)
		return error;
	it.registers[UNW_REG_IP]--;
	return unw_init_remote(cursor, space, NULL);
}

/* One step; sets the registers of the caller. Returns whether there is one. */
static bool step(unw_addr_space_t space, bool *exact)
{
	struct frame *frame = &it.frames[it.count - 1];
	unw_proc_info_t info;
	unw_cursor_t cursor;

	*exact = false;
	if (!frame->map) {
		stop("the next one is not in any code");
		return false;
	}
	if (find_proc_info(space, frame->address - !frame->exact, &info, 0,
			   NULL)) {
		if (step_by_pointer())
			return true;
		stop("no unwind information");
		return false;
	}
	/* What a signal interrupted goes on where it was. */
	if (begin(&cursor, space, frame, exact)) {
		stop("no registers");
		return false;
	}
	int result = unw_step(&cursor);

	if (result < 0)
		stop(enough() ? "out of time" : "bad unwind information");
	if (result <= 0)
		return false; /* 0: the outermost, by its own word */
	take_registers(&cursor);
	return true;
}

static void walk(unw_addr_space_t space)
{
	bool exact = true;

	memcpy(it.registers, it.snapshot->registers, sizeof(it.registers));
	memset(it.known, true, sizeof(it.known));
	for (;;) {
		uint64_t pointer = it.registers[UNW_REG_SP];

		add_frame(it.registers[UNW_REG_IP], exact);
		if (!step(space, &exact) || it.registers[UNW_REG_IP] == 0)
			break;
		if (it.registers[UNW_REG_SP] < pointer ||
		    it.registers[UNW_REG_SP] - it.snapshot->stack >
			    it.snapshot->stack_length) {
			/* A stack of signals lies anywhere. */
			stop(it.snapshot->stack_length == SNAPSHOT_STACK
				     ? "deeper than what is looked at"
				     : "it goes on in another stack");
			break;
		}
		if (it.count == STACK_FRAMES) {
			stop("more frames");
			break;
		}
		if (enough()) {
			stop("out of time");
			break;
		}
	}
}

/* ---------------------------------------------------------------- lines -- */

static void find_names(void)
{
	bool done[STACK_FRAMES] = {false};

	for (size_t i = 0; i < it.count && !enough(); i++) {
		const struct snapshot_map *map = it.frames[i].map;
		const struct elf *elf = map ? memory_elf(map) : NULL;
		struct elf_symbol wanted[STACK_FRAMES];
		size_t of[STACK_FRAMES], count = 0;

		if (!elf || done[i])
			continue;
		for (size_t j = i; j < it.count; j++) {
			const struct frame *frame = &it.frames[j];
			uint64_t by;

			if (done[j] || !frame->map ||
			    frame->map->file != map->file ||
			    !memory_moved(frame->map, elf, &by))
				continue;
			done[j] = true;
			of[count] = j;
			wanted[count++] = (struct elf_symbol){
				.address = frame->address - !frame->exact - by,
			};
		}
		elf_symbols(elf, wanted, count, enough);
		for (size_t j = 0; j < count; j++)
			it.frames[of[j]].symbol = wanted[j];
	}
}

static void put(char *line, int length)
{
	size_t size = length < STACK_LINE ? (size_t)length + 1 : STACK_LINE;

	(void)!write(it.out, line, size);
}

static void put_frame(const struct frame *frame)
{
	char line[STACK_LINE];
	const char *file = frame->map ? memory_name(frame->map) : "";
	size_t length = strlen(file);
	uint64_t by;

	if (length > FILE_SHOWN)
		file += length - FILE_SHOWN;
	const struct elf *elf = frame->map ? memory_elf(frame->map) : NULL;
	bool placed = elf && memory_moved(frame->map, elf, &by);

	if (placed && frame->symbol.name)
		put(line, snprintf(line, sizeof(line), "%.*s+0x%llx %s",
				   NAME_SHOWN, frame->symbol.name,
				   (unsigned long long)(frame->address - by -
							frame->symbol.start),
				   file));
	else if (placed)
		put(line,
		    snprintf(line, sizeof(line), "0x%llx %s",
			     (unsigned long long)(frame->address - by), file));
	else
		put(line,
		    snprintf(line, sizeof(line), "0x%llx %s",
			     (unsigned long long)frame->address,
			     !frame->map			? "[no code]"
			     : file[0] == '/' || file[0] == '[' ? file
								: "[jit]"));
}

/* The shim's own, which stands in for an instruction of the next one. (A
 * program can name a file of its own so, as it can name functions.) */
static bool is_shim(const struct frame *frame)
{
	const char *file = frame->map ? memory_name(frame->map) : "";
	const char *slash = strrchr(file, '/');

	return slash && strcmp(slash, "/interpose-shim.so") == 0;
}

static void put_lines(void)
{
	char line[STACK_LINE];
	size_t first = 0;

	while (first + 1 < it.count && is_shim(&it.frames[first]))
		first++;
	for (size_t i = first; i < it.count; i++)
		put_frame(&it.frames[i]);
	if (it.end)
		put(line,
		    snprintf(line, sizeof(line), "(partial: %s)", it.end));
}

void unwind_crashed(const char *why)
{
	stop(why);
	put_lines();
}

void unwind(const struct snapshot_header *snapshot, const int *files,
	    size_t file_count, int out)
{
	unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = get_list,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = resume,
		.get_proc_name = get_proc_name,
	};

	it.snapshot = snapshot;
	memory_use(snapshot, files, file_count);
	it.out = out;
	unw_addr_space_t space = unw_create_addr_space(&accessors, 0);

	if (!space) {
		stop("out of memory");
	} else {
		unw_set_caching_policy(space, UNW_CACHE_NONE);
		walk(space);
		find_names();
	}
	/* It has an outermost frame, but nothing tells where that is. */
	if (it.end && it.count > 0 && outermost(&it.frames[it.count - 1]))
		it.end = NULL;
	put_lines();
}
