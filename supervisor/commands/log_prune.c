#include "supervisor/commands/log_prune.h"

#include "policy/scope.h"
#include "supervisor/audit_read.h"
#include "supervisor/commands/log_walk.h"
#include "supervisor/visible.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WRONG_USE = 2 };

static const char help[] =
	"Usage: interpose log prune OPTION...\n"
	"\n"
	"Delete what is kept of sessions that have ended. Of these options, "
	"what "
	"any\n"
	"one names is deleted; sessions that run never are.\n"
	"\n"
	"  --older-than AGE  those that started longer ago: 30d, 12h\n"
	"  --keep NUMBER     all but the newest so many\n"
	"  --size SIZE       the oldest, until all together take less: 500M, "
	"2G\n"
	"  --dry-run         only say which\n"
	"  --help            this text\n";

enum {
	OPTION_OLDER = 256,
	OPTION_KEEP,
	OPTION_SIZE,
	OPTION_DRY_RUN,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"older-than", required_argument, NULL, OPTION_OLDER},
	{"keep", required_argument, NULL, OPTION_KEEP},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* Beyond which a session goes; -1: not said. */
struct limits {
	int64_t age, keep, size;
	bool dry_run, help;
};

static int64_t parse_number(const char *text, bool units)
{
	static const char letters[] = "kMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit;
	int64_t value = 0;

	if (!digits || digits > 12)
		return -1;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	if (!text[digits])
		return value;
	unit = units && !text[digits + 1] ? strchr(letters, text[digits])
					  : NULL;
	if (units && !unit && text[digits] == 'K' && !text[digits + 1])
		unit = letters;
	if (!unit)
		return -1;
	for (const char *at = letters; at <= unit; at++) {
		if (value > INT64_MAX / 1024)
			return -1;
		value *= 1024;
	}
	return value;
}

static int parse(int argc, char **argv, struct limits *limits)
{
	int option;

	*limits = (struct limits){-1, -1, -1, false, false};
	optind = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
	       -1) {
		int64_t *value = NULL;

		if (option == OPTION_OLDER) {
			value = &limits->age;
			*value = log_ago_parse(optarg);
		} else if (option == OPTION_KEEP) {
			value = &limits->keep;
			*value = parse_number(optarg, false);
		} else if (option == OPTION_SIZE) {
			value = &limits->size;
			*value = parse_number(optarg, true);
		} else if (option == OPTION_DRY_RUN) {
			limits->dry_run = true;
		} else if (option == OPTION_HELP) {
			limits->help = true;
		} else {
			return -EINVAL;
		}
		if (value && *value < 0) {
			fputs("interpose: prune does not understand `", stderr);
			visible_puts(stderr, optarg);
			fputs("'\n", stderr);
			return -EINVAL;
		}
	}
	if (limits->help)
		return 0;
	if (optind < argc ||
	    (limits->age < 0 && limits->keep < 0 && limits->size < 0)) {
		fputs("interpose: prune wants --older-than, --keep or --size\n",
		      stderr);
		return -EINVAL;
	}
	return 0;
}

/* What a session's files take on the disk. */
static int64_t size_of(const struct session_entry *entry)
{
	DIR *directory = opendir(entry->path);
	struct dirent *file;
	struct stat st;
	int64_t size = 0;

	while (directory && (file = readdir(directory)))
		if (!fstatat(dirfd(directory), file->d_name, &st,
			     AT_SYMLINK_NOFOLLOW))
			size += (int64_t)st.st_blocks * 512;
	if (directory)
		closedir(directory);
	return size;
}

static bool is_old(const struct session_entry *entry, int64_t age)
{
	struct timespec started;

	return age >= 0 && !audit_time_parse(entry->info.started, &started) &&
	       started.tv_sec < time(NULL) - age;
}

/* The entries are the newest first. */
static int prune(struct session_entry *entries, size_t count,
		 const struct limits *limits)
{
	int64_t all = 0, freed = 0;
	size_t deleted = 0;
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct session_entry *entry = &entries[i];
		int64_t size = size_of(entry);
		bool goes = (limits->keep >= 0 && (int64_t)i >= limits->keep) ||
			    is_old(entry, limits->age) ||
			    (limits->size >= 0 && all + size > limits->size);
		int error = 0;

		if (!goes || session_live(entry)) {
			all += size;
			continue;
		}
		if (!limits->dry_run)
			error = sessions_remove(entry);
		if (error) {
			fprintf(stderr,
				"interpose: %s: cannot be deleted: "
				"%s\n",
				entry->id, strerror(-error));
			failed = 1;
			continue;
		}
		printf("%s\n", entry->id);
		deleted++;
		freed += size;
	}
	fprintf(stderr, "interpose: %zu session%s %s, %" PRId64 " kB\n",
		deleted, deleted == 1 ? "" : "s",
		limits->dry_run ? "would be deleted" : "deleted", freed / 1024);
	return failed;
}

int command_log_prune(int argc, char **argv)
{
	struct session_entry *entries;
	struct limits limits;
	size_t count;
	int error;

	if (parse(argc, argv, &limits)) {
		fputs("interpose: see `interpose log prune --help`\n", stderr);
		return WRONG_USE;
	}
	if (limits.help) {
		fputs(help, stdout);
		return 0;
	}
	error = sessions_list(&entries, &count);
	if (error) {
		fprintf(stderr, "interpose: cannot list the sessions: %s\n",
			strerror(-error));
		return 1;
	}
	error = prune(entries, count, &limits);
	sessions_free(entries, count);
	return error;
}
