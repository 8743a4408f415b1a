/*
 * A store of empty pipes: what is not in use is used by the next.
 */
#ifndef SUPERVISOR_NET_PIPES_H
#define SUPERVISOR_NET_PIPES_H

#include <stdbool.h>

/** A pipe in place of {-1, -1}, or the one that is there. False: there is none
 * to be had. */
bool pipes_take(int ends[2]);

/** Give it back, if there is one: {-1, -1} is left. */
void pipes_give(int ends[2], bool empty);

#endif
