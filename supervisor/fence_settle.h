/* Between the files that find a fence. Nobody else includes this. */
#ifndef SUPERVISOR_FENCE_SETTLE_H
#define SUPERVISOR_FENCE_SETTLE_H

#include <stdbool.h>

struct fence;
struct fence_input;

/** Is the path in the fence, as far as that was found, with all of these rights
 * (enum fence_right)? */
bool fence_holds(const struct fence *fence, unsigned rights, const char *path);

/** All trees were found: say which may have names made in them, and which stay,
 * and put them in order. Returns 0 or -ENOMEM. */
int fence_settle(struct fence *fence, const struct fence_input *input);

#endif
