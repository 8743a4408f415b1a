#include "supervisor/syscalls.h"

#include <errno.h>

#include "supervisor/arch/arch.h"
#include "supervisor/calls/calls.h"

/* clang-format off */

/* The shapes, as syscalls.def spells them. */
#define VALUE SHAPE_VALUE
#define FD    SHAPE_FD
#define DIRFD SHAPE_DIRFD
#define PATH  SHAPE_PATH
#define IN    SHAPE_IN
#define DATA  SHAPE_DATA
#define OUT   SHAPE_OUT
#define FLAGS SHAPE_FLAGS
#define MODE  SHAPE_MODE
#define PID   SHAPE_PID

/* TEST_##test is pasted before PID could be read as a shape. */
#define ROW(name, trap, error, test, handler, ...)                           \
	{ #name, NR_##name, trap, error, test, { __VA_ARGS__ }, handler },
#define NATIVE(name, ...)                                                    \
	ROW(name, TRAP_NATIVE, 0, TEST_NONE, NULL, __VA_ARGS__)
#define SERVE(name, ...)                                                     \
	ROW(name, TRAP_SERVE, 0, TEST_NONE, call_##name, __VA_ARGS__)
#define REFUSE(name, error, ...)                                             \
	ROW(name, TRAP_REFUSE, error, TEST_NONE, NULL, __VA_ARGS__)
#define FILTER(name, test, ...)                                              \
	ROW(name, TRAP_ARGUMENTS, 0, TEST_##test, NULL, __VA_ARGS__)
#define SIFT(name, test, ...)                                                \
	ROW(name, TRAP_ARGUMENTS, 0, TEST_##test, call_##name, __VA_ARGS__)
#define CREDENTIALS(name, ...)                                               \
	ROW(name, TRAP_CREDENTIALS, 0, TEST_NONE, call_##name, __VA_ARGS__)

const struct syscall_row syscall_rows[] = {
#include "supervisor/syscalls.def"
};

/* clang-format on */

#undef NATIVE
#undef SERVE
#undef REFUSE
#undef FILTER
#undef SIFT
#undef CREDENTIALS

#define NATIVE(name, ...)	 ROW_##name,
#define SERVE(name, ...)	 ROW_##name,
#define REFUSE(name, error, ...) ROW_##name,
#define FILTER(name, test, ...)	 ROW_##name,
#define SIFT(name, test, ...)	 ROW_##name,
#define CREDENTIALS(name, ...)	 ROW_##name,

enum {
#include "supervisor/syscalls.def"
	ROWS,
};

#undef NATIVE
#undef SERVE
#undef REFUSE
#undef FILTER
#undef SIFT
#undef CREDENTIALS

const size_t syscall_row_count = ROWS;

/* Above every number, on either architecture. */
#define NUMBERS 1024

/*
 * Row and one, by number: 0 is no row. A call that this architecture lacks has
 * a slot of its own above all numbers, where nothing looks, so that the
 * initialiser names no slot twice.
 */
#define SLOT(name)                                                             \
	[NR_##name < 0 ? NUMBERS + ROW_##name : NR_##name] = ROW_##name + 1,
#define NATIVE(name, ...)	 SLOT(name)
#define SERVE(name, ...)	 SLOT(name)
#define REFUSE(name, error, ...) SLOT(name)
#define FILTER(name, test, ...)	 SLOT(name)
#define SIFT(name, test, ...)	 SLOT(name)
#define CREDENTIALS(name, ...)	 SLOT(name)

static const uint16_t row_of[NUMBERS + ROWS] = {
#include "supervisor/syscalls.def"
};

const struct syscall_row *syscall_row(int number)
{
	if (number < 0 || number >= NUMBERS || row_of[number] == 0)
		return NULL;
	return &syscall_rows[row_of[number] - 1];
}
