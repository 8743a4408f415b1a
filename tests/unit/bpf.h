/*
 * Classic BPF as seccomp runs it, for tests of a filter: one run over one set
 * of arguments, and all runs that one system call can have.
 */
#ifndef TESTS_UNIT_BPF_H
#define TESTS_UNIT_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_result {
	uint32_t action; /**< what the program returned */
	size_t steps;	 /**< instructions that ran */
	bool arguments;	 /**< it looked at more than number and architecture */
};

/**
 * Run a program.
 *
 * @return false where the kernel would not have loaded the program: an
 *         instruction that seccomp does not have, a load out of bounds, or no
 *         return at the end
 */
bool bpf_run(const struct sock_fprog *program, const struct seccomp_data *data,
	     struct bpf_result *result);

/** The actions that a call can get, whatever its arguments are. */
struct bpf_actions {
	uint32_t actions[16];
	size_t count;
};

/**
 * Follow every path that a program has for one number and architecture, taking
 * both branches wherever an argument decides.
 *
 * @return false as bpf_run(), or with more actions than there is room for
 */
bool bpf_explore(const struct sock_fprog *program, uint32_t arch,
		 uint32_t number, struct bpf_actions *found);

#endif
