#include "supervisor/commands/log.h"

#include "policy/scope.h"
#include "supervisor/commands/export.h"
#include "supervisor/commands/log_events.h"
#include "supervisor/commands/log_print.h"
#include "supervisor/commands/log_prune.h"
#include "supervisor/jtext.h"
#include "supervisor/visible.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WRONG_USE = 2 };

static const char help[] =
	"Usage: interpose log [OPTION...] [SESSION...]\n"
	"       interpose log --list [--json]\n"
	"       interpose log verify [SESSION]\n"
	"       interpose log export [OPTION...] [SESSION...]\n"
	"       interpose log prune OPTION...\n"
	"\n"
	"Show what sessions did; without SESSION, the newest one.\n"
	"\n"
	"  --denied        what was refused or hidden, and alerts\n"
	"  --asked         questions and what they were answered\n"
	"  --faked         what was served a stand-in\n"
	"  --exec          programs that were run\n"
	"  --net           connections, listeners and requests\n"
	"  --program NAME  by the program of that name\n"
	"  --match TEXT    with the text in what it was about\n"
	"  --since WHEN    a date, a time of today, or how long ago: 10m, 2h, "
	"1d\n"
	"  --all           of all sessions, the oldest first\n"
	"  --project DIR   of all sessions of a project\n"
	"  --each          the same thing again is a line again, not a number\n"
	"  --follow        wait for more until the session ends\n"
	"  --json          the events as they are in the file; of several "
	"sessions,\n"
	"                  each with the session it is of\n"
	"  --list          all sessions, the newest first\n"
	"  --help          this text\n"
	"\n"
	"SESSION is an id, a unique start of one, or a session's directory.\n"
	"`verify` checks the hash chain: its exit status is 1 where a line "
	"was\n"
	"changed, moved or removed. `export` is for collectors, `prune` "
	"deletes "
	"old\n"
	"sessions; each has --help.\n";

enum {
	OPTION_SINCE = 256,
	OPTION_FOLLOW,
	OPTION_JSON,
	OPTION_LIST,
	OPTION_HELP,
	OPTION_PROGRAM,
	OPTION_MATCH,
	OPTION_ALL,
	OPTION_PROJECT,
	OPTION_EACH
};

static const struct option long_options[] = {
	{"denied", no_argument, NULL, LOG_DENIED},
	{"asked", no_argument, NULL, LOG_ASKED},
	{"faked", no_argument, NULL, LOG_FAKED},
	{"exec", no_argument, NULL, LOG_EXEC},
	{"net", no_argument, NULL, LOG_NET},
	{"program", required_argument, NULL, OPTION_PROGRAM},
	{"match", required_argument, NULL, OPTION_MATCH},
	{"all", no_argument, NULL, OPTION_ALL},
	{"project", required_argument, NULL, OPTION_PROJECT},
	{"each", no_argument, NULL, OPTION_EACH},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"follow", no_argument, NULL, OPTION_FOLLOW},
	{"json", no_argument, NULL, OPTION_JSON},
	{"list", no_argument, NULL, OPTION_LIST},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* What the command line asks for. */
struct request {
	struct log_options options;
	bool list, help, verify;
	struct log_sessions sessions;
};

/* ----------------------------------------------------------------- list -- */

static const char *state_of(const struct session_entry *entry)
{
	if (entry->live)
		return "running";
	return entry->info.status >= 0 ? "ended" : "killed";
}

static void list_plain(const struct session_entry *entry)
{
	const struct session_info *info = &entry->info;
	char time[32] = "?", status[16] = "-", events[24] = "-";
	struct timespec started;
	struct tm tm;

	if (!audit_time_parse(info->started, &started) &&
	    localtime_r(&started.tv_sec, &tm))
		strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &tm);
	if (info->status >= 0)
		snprintf(status, sizeof(status), "%d", (int)info->status);
	if (info->events >= 0)
		snprintf(events, sizeof(events), "%" PRId64, info->events);
	printf("%-*s  %-19s  %-7s  %6s  %8s  ", SESSION_ID_SIZE - 17, entry->id,
	       time, state_of(entry), status, events);
	visible_puts(stdout, info->project ? info->project : "");
	putchar('\n');
}

static void json_field(struct jtext *text, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	jtext_putf(text, ",\"%s\":\"", name);
	jtext_escaped(text, value, strlen(value));
	jtext_puts(text, "\"");
}

static void json_number(struct jtext *text, const char *name, int64_t value)
{
	if (value >= 0)
		jtext_putf(text, ",\"%s\":%" PRId64, name, value);
}

static int list_json(const struct session_entry *entry)
{
	enum { SIZE = 256 * 1024 };
	const struct session_info *info = &entry->info;
	auto_free char *bytes = malloc(SIZE);
	struct jtext text = {.bytes = bytes, .size = SIZE};

	if (!bytes)
		return -ENOMEM;
	jtext_putf(&text, "{\"id\":\"%s\"", entry->id);
	json_field(&text, "state", state_of(entry));
	json_field(&text, "path", entry->path);
	json_field(&text, "program", info->program);
	json_field(&text, "project", info->project);
	json_field(&text, "started", info->started);
	json_field(&text, "ended", info->ended);
	json_number(&text, "pid", info->pid);
	json_number(&text, "status", info->status);
	json_number(&text, "events", info->events);
	json_field(&text, "hash", info->hash);
	jtext_puts(&text, "}\n");
	if (text.full)
		return -EFBIG;
	fwrite(text.bytes, 1, text.length, stdout);
	return 0;
}

static int list(bool json)
{
	struct session_entry *entries;
	size_t count;
	int error = sessions_list(&entries, &count);

	for (size_t i = 0; !error && i < count; i++) {
		if (json)
			error = list_json(&entries[i]);
		else
			list_plain(&entries[i]);
	}
	sessions_free(entries, count);
	if (!error)
		return 0;
	fprintf(stderr, "interpose: cannot list the sessions: %s\n",
		strerror(-error));
	return 1;
}

/* -------------------------------------------------------------- options -- */

/* Returns 0, or -EINVAL after saying why. */
static int parse_option(int option, struct request *request)
{
	switch (option) {
	case OPTION_SINCE:
		if (!log_since_parse(optarg, time(NULL),
				     &request->options.filter.since))
			return 0;
		fputs("interpose: --since does not understand `", stderr);
		visible_puts(stderr, optarg);
		fputs("'; it wants 10m, 2h, 1d, 14:30, 2026-01-31 or a time as "
		      "in the log\n",
		      stderr);
		return -EINVAL;
	case OPTION_FOLLOW:
		request->options.filter.follow = true;
		return 0;
	case OPTION_JSON:
		request->options.json = true;
		return 0;
	case OPTION_PROGRAM:
		request->options.filter.program = optarg;
		return 0;
	case OPTION_MATCH:
		request->options.filter.match = optarg;
		return 0;
	case OPTION_ALL:
		request->sessions.all = true;
		return 0;
	case OPTION_PROJECT:
		request->sessions.project = optarg;
		return 0;
	case OPTION_EACH:
		request->options.each = true;
		return 0;
	case OPTION_LIST:
		request->list = true;
		return 0;
	case OPTION_HELP:
		request->help = true;
		return 0;
	case LOG_DENIED:
	case LOG_ASKED:
	case LOG_FAKED:
	case LOG_EXEC:
	case LOG_NET:
		request->options.filter.kinds |= (unsigned)option;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse(int argc, char **argv, struct request *request)
{
	int option, error = 0;

	optind = 0;
	while (!error &&
	       (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		error = parse_option(option, request);
	if (error)
		return error;
	if (optind < argc && !strcmp(argv[optind], "verify")) {
		request->verify = true;
		optind++;
	}
	request->sessions.names = argv + optind;
	request->sessions.name_count = (size_t)(argc - optind);
	request->options.several = request->sessions.all ||
				   request->sessions.project ||
				   request->sessions.name_count > 1;
	if (request->options.several &&
	    (request->verify || request->options.filter.follow)) {
		fputs("interpose: that is for one SESSION\n", stderr);
		return -EINVAL;
	}
	request->options.filter.quick = request->options.several;
	return 0;
}

/* -------------------------------------------------------------- command -- */

static int show(const struct request *request)
{
	struct session_entry *sessions;
	size_t count;
	int status = 0;

	if (log_sessions_find(&request->sessions, &sessions, &count))
		return WRONG_USE;
	for (size_t i = 0; i < count; i++)
		status |= request->verify
				  ? log_verify(&sessions[i])
				  : log_events(&sessions[i], &request->options);
	sessions_free(sessions, count);
	return status;
}

int command_log(int argc, char **argv)
{
	struct request request = {0};

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return command_log_export(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "prune") == 0)
		return command_log_prune(argc - 1, argv + 1);
	if (parse(argc, argv, &request)) {
		fputs("interpose: see `interpose log --help`\n", stderr);
		return WRONG_USE;
	}
	if (request.help) {
		fputs(help, stdout);
		return 0;
	}
	if (request.list)
		return list(request.options.json);
	request.options.colour = log_colour(stdout);
	return show(&request);
}
