/*
 * The program that a calling thread runs, and those that started it: for `by`
 * and `under`.
 */
#ifndef SUPERVISOR_PROGRAM_H
#define SUPERVISOR_PROGRAM_H

struct policy_program;

/**
 * The caller's program, with those that started it. `context` is the struct
 * call. The result lives as long as the session; NULL where it is not known.
 */
const struct policy_program *program_of_call(void *context);

#endif
