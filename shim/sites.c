#include "shim/sites.h"

enum {
	NEAR = 64 * 4096, /* bytes of code */
	MOST_FAR = 4,	  /* one in so many may be left out */
};

size_t shim_sites_near(struct shim_site *sites, size_t count)
{
	size_t best = 0, most = 0;

	for (size_t from = 0, to = 0; from < count; from++) {
		while (to < count && sites[to].at - sites[from].at < NEAR)
			to++;
		if (to - from > most) {
			most = to - from;
			best = from;
		}
	}
	if (count - most > count / MOST_FAR)
		return count;
	for (size_t i = 0; i < most; i++)
		sites[i] = sites[best + i];
	return most;
}
