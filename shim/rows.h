/*
 * The calls that are made at the gate, or need not be made there, and what is
 * known of each.
 */
#ifndef SHIM_ROWS_H
#define SHIM_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum shim_how {
	SHIM_NOT_HERE = 0,
	SHIM_LOOKS, /**< changes nothing */
	SHIM_ASKS,  /**< access(): may ask whether something can be written */
	SHIM_CHANGES,
	SHIM_OPENS,   /**< depends on its flags */
	SHIM_LINKS,   /**< readlink(): trapped, where there is a link */
	SHIM_LISTS,   /**< getdents64(): trapped, where it tells such a name */
	SHIM_WHERE,   /**< getcwd(): trapped in a stand-in */
	SHIM_RUNS,    /**< execve(): trapped, where there is such a file */
	SHIM_FILTERS, /**< may install a filter of the program's own */
	SHIM_REPEATS, /**< trapped, and made again after a signal */
};

/** Arguments are counted from 1; 0: none. `detail`: flags, the mode or
 * a size. `at`: each path has its directory's descriptor before it. */
struct shim_row {
	uint8_t how, path, other, detail, at;
};

/** All of them by their numbers, for the assembler; go.h has how many. */
extern const struct shim_row shim_rows[];

/** The row of a call by its number, or NULL. */
const struct shim_row *shim_row(unsigned long number);

/** Is it one of them? (A shim_wanted, sites.h.) */
bool shim_gates(uint32_t number);

#endif
