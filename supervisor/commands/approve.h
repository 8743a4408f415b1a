/*
 * `approve`: answer a session's questions from another terminal. `ps`: the
 * sessions that run.
 */
#ifndef SUPERVISOR_COMMANDS_APPROVE_H
#define SUPERVISOR_COMMANDS_APPROVE_H

int command_approve(int argc, char **argv);
int command_ps(int argc, char **argv);

#endif
