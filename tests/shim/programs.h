/* What the files of programs.c have for its main(): each is run in the directory,
 * prints what it finds and returns 0. */
#ifndef SHIM_PROGRAMS_H
#define SHIM_PROGRAMS_H

int programs_errors(void);
int programs_listings(void);
int programs_registers(void);
int programs_stacks(void);
int programs_tight(void);

#endif
