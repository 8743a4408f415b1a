#include "supervisor/virtual/aws.h"

#include <string.h>

#include "supervisor/virtual/keys.h"
#include "supervisor/virtual/lines.h"

void aws_mark(struct marks *marks, const char *path, const char *text,
	      size_t length)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	/* These have no ending that would tell; the caches are .json. */
	if (strcmp(name, "credentials") == 0 || strcmp(name, "config") == 0)
		ini_mark(marks, text, length);
	else
		keys_mark(marks, path, text, length);
}
