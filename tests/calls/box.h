/*
 * A directory `box` with a file of every kind and every kind of link, and a sum
 * over all of it that tells whether a call changed anything.
 */
#ifndef TESTS_CALLS_BOX_H
#define TESTS_CALLS_BOX_H

#include <stdbool.h>

/** Make the box in the current directory, and enter it. Where that fails, the
 * program ends. */
void box_begin(void);

/** Make it anew, as it was at the beginning, and enter it. */
void box_furnish(void);

/** Enter the box. Is anything in it (names, modes, owners, links, sizes, times
 * that were set) other than when it was made? */
bool box_changed(void);

/** Print what is in it. */
void box_print(void);

/** Remove it, and leave. */
void box_end(void);

#endif
