#include "supervisor/calls/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/types.h>

#include "supervisor/call.h"
#include "supervisor/path.h"

unsigned lookup_flags(int at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0U : PATH_FOLLOW) |
	       (at_flags & AT_EMPTY_PATH ? PATH_EMPTY : 0U);
}

int lookup(struct call *call, int dirfd, unsigned index, unsigned flags,
	   struct place *place)
{
	char path[PATH_MAX];
	ssize_t length = call_path(call, index, path);
	int error = length < 0 ? (int)length
			       : path_resolve(call, dirfd, path, flags, place);

	if (error)
		call_result(call, error);
	return error;
}

void lookup_write(struct call *call, uint64_t address, const void *bytes,
		  size_t length, int64_t result)
{
	if (call_write(call, address, bytes, length))
		call_fail(call, EFAULT);
	else
		call_return(call, result);
}
