/** Numbers drawn at random, the same ones in every run. */
#ifndef TEST_DRAW_H
#define TEST_DRAW_H

#include <stdint.h>

static inline uint64_t draw(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static inline unsigned draw_below(unsigned limit)
{
	return (unsigned)(draw() >> 33) % limit;
}

#endif
