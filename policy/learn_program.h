/*
 * Which programs a learned rule may name behind `by`.
 */
#ifndef POLICY_LEARN_PROGRAM_H
#define POLICY_LEARN_PROGRAM_H

#include <stdbool.h>

/**
 * Is the program at this path one of a purpose of its own, so that what it
 * alone used is its own, and the next run will use it by the same program? Not
 * an interpreter or a shell, which run what they are told to; not a tool that
 * any script may take in the place of another (cat for sed); not a helper or a
 * compiler, which others start and tell by their environment what to do; and
 * not one whose path changes.
 */
bool learn_program_has_purpose(const char *exe);

#endif
