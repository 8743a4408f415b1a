/*
 * Changing what else is kept with files: extended attributes. By path or on a
 * descriptor, which is a write either way. Name and value are read once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/target.h"
#include "supervisor/path.h"
#include "supervisor/tracee.h"

enum { MOST_VALUE = 65536 /* XATTR_SIZE_MAX */ };

/* The name and the value, read once. */
struct attribute {
	char name[XATTR_NAME_MAX + 2];
	void *value;
	size_t size;
	int flags;
};

static int read_name(struct call *call, uint64_t at,
		     struct attribute *attribute)
{
	ssize_t got = tracee_read_string(call->tid, at, attribute->name,
					 sizeof(attribute->name));

	if (got == -EFAULT || got == -EPERM)
		return -EFAULT;
	return got <= 0 ? -ERANGE : 0;
}

static int read_attribute(struct call *call, uint64_t name_at,
			  uint64_t value_at, uint64_t size, int flags,
			  struct attribute *attribute)
{
	attribute->value = NULL;
	attribute->size = size;
	attribute->flags = flags;
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int error = read_name(call, name_at, attribute);

	if (error || size == 0)
		return error;
	if (size > MOST_VALUE)
		return -E2BIG;
	attribute->value = malloc(size);
	if (!attribute->value)
		return -ENOMEM;
	return call_read(call, value_at, attribute->value, size) ? -EFAULT : 0;
}

static void serve_setxattr(struct call *call, int dirfd, unsigned index,
			   unsigned walk, struct attribute *attribute,
			   int error)
{
	struct target target;

	if (error) {
		call_result(call, error);
	} else {
		if (target_at(call, &target, dirfd, index, walk) == 0)
			target_finish(call, &target,
				      setxattr(target.link, attribute->name,
					       attribute->value,
					       attribute->size,
					       attribute->flags));
		target_close(&target);
	}
	free(attribute->value);
}

static void setxattr_by_path(struct call *call, unsigned walk)
{
	struct attribute attribute;
	int error = read_attribute(call, call_arg(call, 1), call_arg(call, 2),
				   call_arg(call, 3), call_int(call, 4),
				   &attribute);

	serve_setxattr(call, AT_FDCWD, 0, walk, &attribute, error);
}

void call_setxattr(struct call *call)
{
	setxattr_by_path(call, PATH_FOLLOW);
}

void call_lsetxattr(struct call *call)
{
	setxattr_by_path(call, 0);
}

/* xattr.h of Linux 6.13 */
struct xattr_arguments {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

void call_setxattrat(struct call *call)
{
	struct xattr_arguments arguments;
	struct attribute attribute = {.value = NULL};
	int error = 0;

	if ((call_int(call, 2) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) ||
	    call_arg(call, 5) != sizeof(arguments))
		error = -EINVAL;
	if (!error &&
	    call_read(call, call_arg(call, 4), &arguments, sizeof(arguments)))
		error = -EFAULT;
	if (!error)
		error = read_attribute(call, call_arg(call, 3), arguments.value,
				       arguments.size, (int)arguments.flags,
				       &attribute);
	serve_setxattr(call, call_int(call, 0), 1,
		       target_flags(call_int(call, 2)), &attribute, error);
}

void call_fsetxattr(struct call *call)
{
	struct attribute attribute;
	struct target target;
	int error = read_attribute(call, call_arg(call, 1), call_arg(call, 2),
				   call_arg(call, 3), call_int(call, 4),
				   &attribute);

	if (error) {
		call_result(call, error);
	} else {
		if (target_of(call, &target, call_int(call, 0)) == 0)
			target_finish(call, &target,
				      fsetxattr(target.fd, attribute.name,
						attribute.value, attribute.size,
						attribute.flags));
		target_close(&target);
	}
	free(attribute.value);
}

static void serve_removexattr(struct call *call, int dirfd, unsigned index,
			      unsigned walk, uint64_t name_at)
{
	struct attribute attribute;
	struct target target;
	int error = read_name(call, name_at, &attribute);

	if (error) {
		call_result(call, error);
		return;
	}
	if (target_at(call, &target, dirfd, index, walk) == 0)
		target_finish(call, &target,
			      removexattr(target.link, attribute.name));
	target_close(&target);
}

void call_removexattr(struct call *call)
{
	serve_removexattr(call, AT_FDCWD, 0, PATH_FOLLOW, call_arg(call, 1));
}

void call_lremovexattr(struct call *call)
{
	serve_removexattr(call, AT_FDCWD, 0, 0, call_arg(call, 1));
}

void call_removexattrat(struct call *call)
{
	if (call_int(call, 2) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		call_fail(call, EINVAL);
		return;
	}
	serve_removexattr(call, call_int(call, 0), 1,
			  target_flags(call_int(call, 2)), call_arg(call, 3));
}

void call_fremovexattr(struct call *call)
{
	struct attribute attribute;
	struct target target;
	int error = read_name(call, call_arg(call, 1), &attribute);

	if (error) {
		call_result(call, error);
		return;
	}
	if (target_of(call, &target, call_int(call, 0)) == 0)
		target_finish(call, &target,
			      fremovexattr(target.fd, attribute.name));
	target_close(&target);
}
