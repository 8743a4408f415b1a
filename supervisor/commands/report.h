/*
 * interpose report: a session at a glance.
 */
#ifndef SUPERVISOR_COMMANDS_REPORT_H
#define SUPERVISOR_COMMANDS_REPORT_H

/** The command; argv[0] is "report". Returns the exit status: 0, 1 where the
 * log cannot be read or the page not written, 2 for wrong use. */
int command_report(int argc, char **argv);

#endif
