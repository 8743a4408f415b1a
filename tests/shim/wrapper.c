/*
 * A library that programs of the tests preload themselves: it stands before
 * libc's open().
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned opened;

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	va_list list;

	va_start(list, flags);
	mode_t mode = (mode_t)va_arg(list, unsigned);

	va_end(list);
	opened++;
	return real(path, flags, mode);
}

__attribute__((destructor)) static void tell(void)
{
	if (opened)
		(void)!write(2, "opens were seen\n", 16);
}
