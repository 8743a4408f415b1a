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
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if ((i >= best && i < best + most) || sites[i].kind != SHIM_ONE)
			sites[kept++] = sites[i];
	return kept;
}

size_t shim_sites_stretch(const struct shim_site *sites, size_t count,
			  size_t first)
{
	size_t next = first + 1;

	while (next < count && sites[next].at - sites[next - 1].at < NEAR)
		next++;
	return next - first;
}
