/*
 * What programs see of a directory's names.
 */
#ifndef SUPERVISOR_CALLS_LISTING_H
#define SUPERVISOR_CALLS_LISTING_H

#include <stdbool.h>

struct call;

/**
 * Is there something in the directory that is not listed, or something listed
 * that is not there: for this program or another, now or at another time? The
 * descriptor is ours, at the start of the directory, and left there. Errs on the
 * side of true.
 */
bool listing_differs(struct call *call, int fd);

#endif
