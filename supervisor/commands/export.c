#include "supervisor/commands/export.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/commands/log_walk.h"
#include "supervisor/visible.h"

enum {
	WRONG_USE = 2,
	BATCH = 256,		   /* events of one request */
	BATCH_BYTES = 1024 * 1024, /* and about so many bytes */
};

static const char help[] =
	"Usage: interpose log export [OPTION...] [SESSION...]\n"
	"\n"
	"Print events for a collector, or send them to one.\n"
	"\n"
	"  --format json    JSON lines with the session they are of (the "
	"default)\n"
	"  --format otlp    requests of OTLP/HTTP in JSON, one a line\n"
	"  --format syslog  lines of syslog, as RFC 5424 has them\n"
	"  --to WHERE       http[s]://HOST[:PORT][/PATH] for otlp;\n"
	"                   unix:PATH, udp:HOST:PORT, tcp:HOST:PORT or\n"
	"                   tls:HOST[:PORT] for syslog\n"
	"  --ca FILE        whom https and tls believe, in place of the "
	"system's\n"
	"                   certificates\n"
	"  --all            all sessions, the oldest first\n"
	"  --project DIR    all sessions of a project\n"
	"  --since WHEN     as `interpose log` has it\n"
	"  --follow         go on as the session does\n"
	"  --help           this text\n";

enum format { FORMAT_JSON = 0, FORMAT_OTLP, FORMAT_SYSLOG };

enum {
	OPTION_FORMAT = 256,
	OPTION_TO,
	OPTION_CA,
	OPTION_ALL,
	OPTION_PROJECT,
	OPTION_SINCE,
	OPTION_FOLLOW,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"format", required_argument, NULL, OPTION_FORMAT},
	{"to", required_argument, NULL, OPTION_TO},
	{"ca", required_argument, NULL, OPTION_CA},
	{"all", no_argument, NULL, OPTION_ALL},
	{"project", required_argument, NULL, OPTION_PROJECT},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"follow", no_argument, NULL, OPTION_FOLLOW},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	enum format format;
	const char *to, *ca;
	struct log_sessions sessions;
	struct log_filter filter;
	bool help;
};

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "interpose: %s", what);
	if (value) {
		fputs(" `", stderr);
		visible_puts(stderr, value);
		fputs("'", stderr);
	}
	fputc('\n', stderr);
	return -EINVAL;
}

static int parse_format(const char *name, enum format *format)
{
	static const char *const names[] = {"json", "otlp", "syslog"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*format = (enum format)i;
		return 0;
	}
	return wrong("--format is json, otlp or syslog, not", name);
}

static int parse_option(int option, struct request *request)
{
	switch (option) {
	case OPTION_FORMAT:
		return parse_format(optarg, &request->format);
	case OPTION_TO:
		request->to = optarg;
		return 0;
	case OPTION_CA:
		request->ca = optarg;
		return 0;
	case OPTION_ALL:
		request->sessions.all = true;
		return 0;
	case OPTION_PROJECT:
		request->sessions.project = optarg;
		return 0;
	case OPTION_SINCE:
		return log_since_parse(optarg, time(NULL),
				       &request->filter.since)
			       ? wrong("--since does not understand", optarg)
			       : 0;
	case OPTION_FOLLOW:
		request->filter.follow = true;
		return 0;
	case OPTION_HELP:
		request->help = true;
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
	request->sessions.names = argv + optind;
	request->sessions.name_count = (size_t)(argc - optind);
	if (error || request->help)
		return error;
	if (request->to && request->format == FORMAT_JSON)
		return wrong("--to wants --format otlp or syslog", NULL);
	if (request->ca && !request->to)
		return wrong("--ca wants --to", NULL);
	if (request->filter.follow &&
	    (request->sessions.all || request->sessions.project ||
	     request->sessions.name_count > 1))
		return wrong("--follow is for one session", NULL);
	return 0;
}

/* -------------------------------------------------------------- delivery -- */

struct export
{
	const struct request *request;
	struct export_target *target;
	struct export_source source;
	struct text text;
	size_t batch; /* events in it: otlp */
};

static int deliver(struct export *export)
{
	struct text *text = &export->text;
	int error = 0;

	if (text->failed)
		return -ENOMEM;
	if (export->target) {
		error = export_send(export->target, text->data, text->length);
	} else {
		fwrite(text->data, 1, text->length, stdout);
		putchar('\n');
		error = ferror(stdout) ? -EIO : 0;
	}
	text->length = 0;
	return error;
}

static int finish_batch(void *context)
{
	struct export *export = context;

	if (!export->batch)
		return fflush(stdout) ? -errno : 0;
	export_otlp_end(&export->text);
	export->batch = 0;
	int error = deliver(export);

	return error ? error : fflush(stdout) ? -errno : 0;
}

static int take(void *context, const struct audit_entry *entry)
{
	struct export *export = context;

	if (export->request->format == FORMAT_OTLP) {
		if (!export->batch)
			export_otlp_start(&export->text, &export->source);
		export_otlp(&export->text, entry, export->batch > 0);
		if (++export->batch < BATCH &&
		    export->text.length < BATCH_BYTES)
			return 0;
		return finish_batch(export);
	}
	if (export->request->format == FORMAT_SYSLOG)
		export_syslog(&export->text, &export->source, entry);
	else
		export_json(&export->text, &export->source, entry);
	return deliver(export);
}

static int take_sessions(struct export *export, struct session_entry *sessions,
			 size_t count)
{
	bool broken = false;
	int error = 0;

	if (gethostname(export->source.host, sizeof(export->source.host) - 1))
		snprintf(export->source.host, sizeof(export->source.host), "-");
	if (export->request->to)
		error = export_target_new(export->request->to,
					  export->request->ca, &export->target);
	if (!error && export->target &&
	    export_target_is_http(export->target) !=
		    (export->request->format == FORMAT_OTLP))
		error = wrong("http:// and https:// are for otlp, and the "
			      "others are for "
			      "syslog",
			      NULL);
	for (size_t i = 0; i < count && !error; i++) {
		export->source.session = &sessions[i];
		error = log_walk(&sessions[i], &export->request->filter, take,
				 finish_batch, export, &broken);
	}
	broken |= export->target && export_target_rejected(export->target);
	export_target_free(export->target);
	text_free(&export->text);
	return error || broken;
}

int command_log_export(int argc, char **argv)
{
	struct request request = {0};
	struct export export = {.request = &request};
	struct session_entry *sessions;
	size_t count;
	int status;

	if (parse(argc, argv, &request)) {
		fputs("interpose: see `interpose log export --help`\n", stderr);
		return WRONG_USE;
	}
	if (request.help) {
		fputs(help, stdout);
		return 0;
	}
	if (log_sessions_find(&request.sessions, &sessions, &count))
		return WRONG_USE;
	status = take_sessions(&export, sessions, count);
	sessions_free(sessions, count);
	return status;
}
