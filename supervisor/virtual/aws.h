/*
 * Marks secrets in the files of ~/.aws: profiles, regions and roles stay, so
 * that the tools find a configuration that works up to its keys.
 */
#ifndef SUPERVISOR_VIRTUAL_AWS_H
#define SUPERVISOR_VIRTUAL_AWS_H

#include <stddef.h>

#include "supervisor/virtual/marks.h"

/** Mark; `path` says which file it is. */
void aws_mark(struct marks *marks, const char *path, const char *text,
	      size_t length);

#endif
