/*
 * A first line that need be no request's, and is passed on as it comes.
 */
#ifndef SUPERVISOR_NET_BEGINNING_H
#define SUPERVISOR_NET_BEGINNING_H

#include "supervisor/net/sniff.h"

struct beginning {
	size_t gone; /**< bytes that were passed on, and are kept */
	bool cut;    /**< what is kept is not all of them */
};

/**
 * Look on where sniff_first() said SNIFF_WORD. `line` has `used` of SNIFF_MOST
 * bytes, which become fewer where all are used and gone; `ended`: no more come.
 * SNIFF_WORD: all of it may go. SNIFF_MORE: nothing may yet. SNIFF_OTHER: all
 * may, and what follows. SNIFF_HTTP: a request, whose head has come as a whole.
 * SNIFF_BAD, with `why`.
 */
enum sniff beginning_look(struct beginning *beginning, uint8_t *line,
			  size_t *used, bool ended, struct request *request,
			  const char **why);

#endif
