#include "tests/unit/fence_disk.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/identities.h"

char top[64];

void make_top(void)
{
	char made[] = "/tmp/fence.XXXXXX";
	char *real;

	ck_assert_ptr_nonnull(mkdtemp(made));
	real = realpath(made, NULL);
	ck_assert(real && strlen(real) < sizeof(top));
	strcpy(top, real);
	free(real);
}

static int take_out(const char *path, const struct stat *status, int type,
		    struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void drop(const char *directory)
{
	ck_assert_int_eq(nftw(directory, take_out, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

void drop_top(void)
{
	drop(top);
}

void put(const char *name)
{
	char path[ROOM];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	for (char *slash = path + strlen(top) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

struct policy *load(const char *rules)
{
	static const struct policy_host host = {.context = NULL};
	char text[16384] = "", *to = text;
	struct policy_source source = {POLICY_LAYER_USER, "t", text};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy_input input = {
		.sources = &source, .source_count = 1, .host = &host};
	struct policy *policy = NULL;

	for (; *rules; rules++) {
		if (*rules == '@')
			to = stpcpy(to, top);
		else
			*to++ = *rules;
	}
	*to = '\0';
	policy_load(&input, list, &policy);
	policy_diagnostics_print(list, stderr, false);
	policy_diagnostics_free(list);
	ck_assert_ptr_nonnull(policy);
	return policy;
}

unsigned rights_at(const struct fence *fence, const char *path)
{
	unsigned rights = 0;

	for (size_t i = 0; i < fence->count; i++) {
		const struct fence_tree *tree = &fence->trees[i];
		size_t length = strlen(tree->path);

		if (strncmp(path, tree->path, length) == 0 &&
		    (path[length] == '\0' ||
		     (tree->directory && path[length] == '/')))
			rights |= tree->rights;
	}
	return rights;
}

void expect(const struct fence *fence, const char *name, unsigned rights)
{
	char path[ROOM];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	ck_assert_msg(rights_at(fence, path) == rights, "%s: %x, not %x", name,
		      rights_at(fence, path), rights);
}

struct fence *found_with(struct fence_input *input)
{
	struct identities *identities;
	struct fence *fence;

	ck_assert_int_eq(identities_scan(input->policy, input->project,
					 input->listings, &identities),
			 0);
	input->identities = identities;
	ck_assert_int_eq(fence_find(input, &fence), 0);
	identities_free(identities);
	return fence;
}
