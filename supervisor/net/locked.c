#include "supervisor/net/locked.h"

#include <sys/mman.h>

#include <openssl/crypto.h>

void *locked_new(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* A child of a fork has none of it. */
	if (mlock(memory, size) || madvise(memory, size, MADV_DONTDUMP) ||
	    madvise(memory, size, MADV_DONTFORK)) {
		munmap(memory, size);
		return NULL;
	}
	return memory;
}

bool locked_fits(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool fits = memory != MAP_FAILED &&
		    mlock2(memory, size, MLOCK_ONFAULT) == 0;

	if (memory != MAP_FAILED)
		munmap(memory, size);
	return fits;
}

void locked_free(void *memory, size_t size)
{
	if (!memory)
		return;
	OPENSSL_cleanse(memory, size);
	munmap(memory, size);
}
