/*
 * What a filter asks of arguments, as a list of clauses, and the compiler that
 * makes classic BPF of it.
 *
 * The first clause whose conditions all hold gives the answer; the last has no
 * condition. A condition looks at one 32-bit half of one argument, since that
 * is what classic BPF loads.
 */
#ifndef SUPERVISOR_FILTER_CLAUSE_H
#define SUPERVISOR_FILTER_CLAUSE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/filter.h"

/** What a clause answers. The zero value is the safe one: an errno. */
enum filter_answer {
	ANSWER_REFUSE = 0, /**< the clause's errno; 0 is a pretended success */
	ANSWER_NOTIFY,	   /**< to the supervisor */
	ANSWER_ALLOW,	   /**< run it */
	ANSWER_SCOPE_NOTIFY, /**< run where Landlock scopes signals, else notify
			      */
	ANSWER_SCOPE_REFUSE, /**< run where Landlock scopes signals, else refuse
			      */
	ANSWER_ROOT_NOTIFY,  /**< notify in a root session, else run */
	ANSWER_NET_NOTIFY,   /**< notify where there is a broker, else run */
	ANSWER_FENCE_NOTIFY, /**< notify where there is a fence, else run */
	ANSWER_APART_NOTIFY, /**< notify where programs are kept apart, else run
			      */
	ANSWER_VEILS_NOTIFY, /**< notify where directories are veiled, else run
			      */
	ANSWER_VEILS_ALLOW,  /**< run where directories are veiled, else notify
			      */
	ANSWER_TRACE_NOTIFY, /**< notify where tracing is allowed, else refuse
			      */
	ANSWER_TRACE_REFUSE, /**< refuse where tracing is allowed, else run */
	ANSWER_ROOT_REFUSE,  /**< refuse in a root session, else run */
};

enum filter_comparison {
	COMPARE_NONE = 0, /**< no condition */
	COMPARE_EQ,	  /**< (half & mask) == value */
	COMPARE_NE,	  /**< (half & mask) != value */
	COMPARE_GE,	  /**< (half & mask) >= value */
	COMPARE_LE,	  /**< (half & mask) <= value */
	COMPARE_ANY,	  /**< (half & mask & value) != 0 */
};

struct filter_condition {
	uint8_t half; /**< its offset in struct seccomp_data */
	enum filter_comparison comparison;
	uint32_t mask;
	uint32_t value;
};

/** The mask that leaves all bits. */
#define FILTER_ALL 0xffffffffu

#define FILTER_CONDITIONS 4

struct filter_clause {
	enum filter_answer answer;
	int error;
	struct filter_condition when[FILTER_CONDITIONS];
};

/** A program under construction: as long as the kernel takes. */
struct filter_program {
	struct sock_filter code[BPF_MAXINSNS];
	size_t length;
};

/** The action, SECCOMP_RET_*, that a clause comes to under the options. */
uint32_t filter_clause_action(const struct filter_clause *clause,
			      const struct filter_options *options);

/**
 * Whether clauses come to one answer whatever the arguments are, under these
 * options: then no code need look at them, and the kernel can keep the answer
 * in its bitmap.
 *
 * @param action  the answer, where true is returned
 */
bool filter_clauses_constant(const struct filter_clause *clauses, size_t count,
			     const struct filter_options *options,
			     uint32_t *action);

/**
 * Append the code of clauses. It is entered at its first instruction, with
 * anything in the accumulator, and always returns.
 *
 * @return 0; -E2BIG when the program has no room; -EINVAL without clauses, or
 *         with a last one that has a condition
 */
int filter_clauses_emit(const struct filter_clause *clauses, size_t count,
			const struct filter_options *options,
			struct filter_program *program);

#endif
