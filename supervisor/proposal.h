/*
 * A proposal: the rules that would have let sessions pass without a question,
 * beside what today's policy refuses, which stays refused.
 */
#ifndef SUPERVISOR_PROPOSAL_H
#define SUPERVISOR_PROPOSAL_H

#include <stdint.h>
#include <stdio.h>

#include "policy/text.h"
#include "supervisor/history.h"
#include "supervisor/layers.h"

/** The most lines of a kind that are shown. */
enum { PROPOSAL_MOST_SHOWN = 40 };

struct proposal {
	unsigned rules;	  /**< lines of the proposal that allow something */
	unsigned unsaid;  /**< things asked for that no rule can say */
	uint64_t asked;	  /**< events that today's policy would ask about */
	uint64_t refused; /**< and that it denies, hides or fakes */
	/** Protected files that a dry run really let be read, with how often
	 * and by which rule they are protected: lines for a person. */
	struct text really_read;
	unsigned really_read_count;
	/** The same of variables whose values its programs really had. */
	struct text really_seen;
	unsigned really_seen_count;
};

/**
 * Add to `text` the rules to add to the policy of `options`, with comments.
 * The proposal is loaded and asked before it is given out: it allows all that
 * it was made from, and nothing of what is refused.
 *
 * Returns 0, with `proposal` for proposal_clear(), or -errno with a line on
 * standard error.
 */
int proposal_make(const struct layers_options *options,
		  const struct history *history, struct text *text,
		  struct proposal *proposal);
void proposal_clear(struct proposal *proposal);

struct options;
/** Before a dry run, open the file that its proposal goes to, if one is named:
 * later a program of the session could have put a link to another there, which
 * would be written with interpose's rights. Returns 0 or -errno. */
int proposal_open(struct options *options);

/** Make and write the proposal of a dry run that has ended; say what it met.
 * Returns 0 or -errno. */
int proposal_after_run(const struct options *options, const char *project,
		       const char *session, const char *session_path);

#endif
