/*
 * What a decision costs with few rules and with many: bench/engine [MAX_RATIO].
 *
 * Policies of 10, 100, 1,000 and 10,000 rules, made of the kinds that people
 * write (trees, single files, names anywhere, endings, exceptions), are asked
 * about the same paths, in turns. Prints nanoseconds a decision, the fastest of
 * the rounds, and ratios to ten rules. Exit 1 where 10,000 rules take more than
 * MAX_RATIO (1.5) times as long as 10, or a decision takes more than 1 µs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"

enum {
	SIZES = 4,
	SUBJECTS = 512,
	ROUNDS = 15,
	TURNS = 40,
	MOST_NANOSECONDS = 1000,
};

static const size_t sizes[SIZES] = {10, 100, 1000, 10000};
static char subjects[SUBJECTS][128];
static volatile unsigned sink; /* so that no decision is optimised away */

static int no_file(void *context, const char *path, char **text, size_t *length)
{
	(void)context, (void)path, (void)text, (void)length;
	return -ENOENT;
}

static int no_policy(void *context, const char *name, char **path)
{
	(void)context, (void)name, (void)path;
	return -ENOENT;
}

static int same(void *context, const char *path, char **canonical)
{
	(void)context;
	*canonical = strdup(path);
	return *canonical ? 0 : -ENOMEM;
}

static int in_bin(void *context, const char *name, char **path)
{
	(void)context;
	return asprintf(path, "/usr/bin/%s", name) < 0 ? -ENOMEM : 0;
}

static void write_rule(FILE *out, size_t number)
{
	switch (number % 5) {
	case 0:
		fprintf(out, "allow read,write /home/u/work%zu/**\n", number);
		break;
	case 1:
		fprintf(out, "deny read /home/u/work%zu/secret%zu.key\n",
			number - 1, number);
		break;
	case 2:
		fprintf(out, "hide read /srv/data%zu/**/*.private\n", number);
		break;
	case 3:
		fprintf(out, "allow read,exec /opt/tool%zu/bin/*\n", number);
		break;
	default:
		fprintf(out, "ask write /etc/part%zu/conf.d/*.conf\n", number);
	}
}

static struct policy *load(size_t rules)
{
	static const struct policy_host host = {
		.read_file = no_file,
		.find_policy = no_policy,
		.canonical = same,
		.find_program = in_bin,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!list || !out)
		abort();
	fputs("allow read /usr/**\ndeny read **/.env\n", out);
	for (size_t i = 2; i < rules; i++)
		write_rule(out, i);
	fclose(out);
	const struct policy_source source = {
		.kind = POLICY_LAYER_FILE,
		.name = "bench",
		.text = text,
	};
	const struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.host = &host,
	};

	if (policy_load(&input, list, &policy)) {
		policy_diagnostics_print(list, stderr, false);
		exit(1);
	}
	policy_diagnostics_free(list);
	free(text);
	return policy;
}

/* Paths that a rule of every size, of the largest only, and none matches. */
static void make_subjects(void)
{
	static const char *const shapes[][2] = {
		{"/usr/lib/python3/module", ".py"},
		{"/home/u/work", "/src/main/file.c"},
		{"/home/u/work", "/node_modules/a/b/.env"},
		{"/opt/tool", "/bin/run"},
		{"/etc/part", "/conf.d/site.conf"},
		{"/srv/data", "/year/month/day.private"},
		{"/var/lib/nothing", "/here"},
	};

	for (size_t i = 0; i < SUBJECTS; i++) {
		const char *const *shape =
			shapes[i % (sizeof(shapes) / sizeof(*shapes))];

		snprintf(subjects[i], sizeof(subjects[i]), "%s%zu%s", shape[0],
			 i * 7919 % 10000, shape[1]);
	}
}

/* Nanoseconds a decision, over TURNS times all subjects. */
static double measure(const struct policy *policy)
{
	struct timespec from, to;
	unsigned sum = 0;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t turn = 0; turn < TURNS; turn++)
		for (size_t i = 0; i < SUBJECTS; i++) {
			const struct policy_query query = {
				.action = ACTION_READ,
				.text = subjects[i],
				.length = strlen(subjects[i]),
			};
			struct policy_decision decision;

			policy_decide(policy, &query, &decision);
			sum += decision.verdict;
		}
	clock_gettime(CLOCK_MONOTONIC, &to);
	sink += sum;
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 +
		(double)(to.tv_nsec - from.tv_nsec)) /
	       (TURNS * SUBJECTS);
}

int main(int argc, char **argv)
{
	double most = argc > 1 ? strtod(argv[1], NULL) : 1.5;
	struct policy *policies[SIZES];
	double best[SIZES];
	int missed = 0;

	make_subjects();
	for (size_t i = 0; i < SIZES; i++) {
		policies[i] = load(sizes[i]);
		best[i] = measure(policies[i]);
	}
	for (size_t round = 1; round < ROUNDS; round++)
		for (size_t i = 0; i < SIZES; i++) {
			double taken = measure(policies[i]);

			if (taken < best[i])
				best[i] = taken;
		}
	for (size_t i = 0; i < SIZES; i++) {
		printf("%6zu rules: %5.0f ns a decision, %.2f times 10 rules\n",
		       sizes[i], best[i], best[i] / best[0]);
		missed |= best[i] > MOST_NANOSECONDS;
		policy_free(policies[i]);
	}
	missed |= best[SIZES - 1] > most * best[0];
	if (missed)
		printf("missed: at most %.2f times, and %d ns\n", most,
		       MOST_NANOSECONDS);
	return missed;
}
