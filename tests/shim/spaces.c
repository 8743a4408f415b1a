/*
 * A second copy of libc in a name space of its own (dlmopen), and one loaded
 * library more: their calls work as the first's.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	void *space = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	int (*other)(const char *, int, ...) =
		space ? (int (*)(const char *, int, ...))dlsym(space, "open")
		      : NULL;
	int fd = other ? other("/etc/passwd", O_RDONLY) : -1;
	char byte;

	printf("another libc: %d %d\n", space != NULL,
	       fd >= 0 && read(fd, &byte, 1) == 1);
	printf("a library: %d\n", dlopen("libm.so.6", RTLD_NOW) != NULL);
	return 0;
}
