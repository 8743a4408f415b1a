/*
 * What is on its way to the user's terminal. A terminal may stand still (flow
 * control, a network that stalls): what it does not take is kept here, so that
 * keys and signals pass meanwhile.
 */
#ifndef SUPERVISOR_ASK_OUTLET_H
#define SUPERVISOR_ASK_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

struct outlet {
	int fd;	     /* the terminal */
	bool blocks; /* it could not be opened anew: writes wait */
	char *bytes; /* not taken yet: `length` from `at` */
	size_t at, length, capacity;
};

/** Write to that terminal, which stays the caller's and must outlive this. */
void outlet_open(struct outlet *outlet, int terminal);
void outlet_close(struct outlet *outlet);

/** Write, in order; what the terminal does not take now is kept. */
void outlet_put(struct outlet *outlet, const char *bytes, size_t length);

/** Write what was kept as far as it goes. */
void outlet_flush(struct outlet *outlet);

/** How many bytes are kept. */
size_t outlet_kept(const struct outlet *outlet);

/** Write all that was kept. Gives up where the terminal is gone, or has taken
 * nothing for `patience` ms (-1: never). */
void outlet_drain(struct outlet *outlet, int patience);

#endif
