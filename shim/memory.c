/*
 * What compilers call though they were not asked to.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int value, size_t length);

/* So that neither loop is taken for what it is. */
#define NO_IDIOM() __asm__ volatile("" : : : "memory")

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		NO_IDIOM();
	}
	return to;
}

void *memset(void *to, int value, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		((char *)to)[i] = (char)value;
		NO_IDIOM();
	}
	return to;
}
