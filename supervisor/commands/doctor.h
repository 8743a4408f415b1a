/*
 * interpose doctor: what this machine offers, and whether the filter does on it
 * what the table of system calls says.
 */
#ifndef SUPERVISOR_COMMANDS_DOCTOR_H
#define SUPERVISOR_COMMANDS_DOCTOR_H

/** `interpose doctor [--json]`. Returns 0 where all that is relied on holds,
 * else 1. */
int command_doctor(int argc, char **argv);

#endif
