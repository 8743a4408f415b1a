#include "supervisor/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "supervisor/say.h"

enum {
	OPTION_ONLY = 256,
	OPTION_ASK,
	OPTION_ASK_TIMEOUT,
	OPTION_FENCE,
	OPTION_LOG,
	OPTION_SESSION_DIR,
	OPTION_STACK,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option known[] = {
	{"policy", required_argument, NULL, 'p'},
	{"rule", required_argument, NULL, 'e'},
	{"only", no_argument, NULL, OPTION_ONLY},
	{"project", required_argument, NULL, 'C'},
	{"dry-run", optional_argument, NULL, 'n'},
	{"ask", required_argument, NULL, OPTION_ASK},
	{"ask-timeout", required_argument, NULL, OPTION_ASK_TIMEOUT},
	{"fence", required_argument, NULL, OPTION_FENCE},
	{"log", required_argument, NULL, OPTION_LOG},
	{"session-dir", required_argument, NULL, OPTION_SESSION_DIR},
	{"stack", no_argument, NULL, OPTION_STACK},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static void help(void)
{
	fputs("Usage: interpose [OPTION...] PROGRAM [ARGUMENT...]\n"
	      "       interpose COMMAND [ARGUMENT...]\n"
	      "\n"
	      "Run PROGRAM under a policy.\n"
	      "\n"
	      "  -p, --policy NAME|FILE  a policy on top of the defaults\n"
	      "  -e, --rule 'RULE'       one rule after all files\n"
	      "      --only              nothing but what -p and -e name\n"
	      "  -C, --project DIR       the project (default: the git work "
	      "tree here)\n"
	      "  -n, --dry-run[=FILE]    refuse nothing, record all, propose "
	      "a policy\n"
	      "      --ask tty|lines|socket|deny\n"
	      "                          who answers questions: you, here "
	      "(lines: in plain\n"
	      "                          lines); `interpose approve`; nobody\n"
	      "      --ask-timeout SECONDS\n"
	      "                          until a question without answer is "
	      "refused\n"
	      "      --fence auto|strict|off\n"
	      "                          what the kernel lets pass by itself\n"
	      "      --log decisions|all which events are kept\n"
	      "      --session-dir DIR   where the session's files go\n"
	      "      --stack             log the stack of each refused call\n"
	      "  -q, --quiet             no line at the end\n"
	      "  -v, --verbose           say what is done\n"
	      "      --version, --help\n"
	      "\n"
	      "Commands: run, policy, explain, propose, replay, log, report, "
	      "apply, approve,\n"
	      "ps, doctor, demo.\n"
	      "Manual pages: interpose(1), interpose-policy(5), "
	      "interpose-audit(5).\n",
	      stdout);
}

static int add(const char **list, size_t *count, const char *value,
	       const char *option)
{
	if (*count == OPTIONS_MOST) {
		say("more than %d of %s", OPTIONS_MOST, option);
		return 125;
	}
	list[(*count)++] = value;
	return -1;
}

static int choose_ask(struct options *options, const char *value)
{
	static const char *const modes[] = {
		[ASK_DENY] = "deny",
		[ASK_TTY] = "tty",
		[ASK_LINES] = "lines",
		[ASK_SOCKET] = "socket",
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(value, modes[i]) != 0)
			continue;
		options->ask = (enum ask_mode)i;
		options->ask_chosen = true;
		return -1;
	}
	say("--ask %s: not one of tty, lines, socket, deny", value);
	return 125;
}

static int choose_timeout(struct options *options, const char *value)
{
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || seconds > 1000000) {
		say("--ask-timeout %s: not a number of seconds", value);
		return 125;
	}
	options->ask_timeout = (unsigned)seconds;
	return -1;
}

static int choose_fence(struct options *options, const char *from,
			const char *value)
{
	static const char *const modes[] = {
		[FENCE_OFF] = "off",
		[FENCE_AUTO] = "auto",
		[FENCE_STRICT] = "strict",
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(value, modes[i]) == 0) {
			options->fence = (enum fence_mode)i;
			return -1;
		}
	}
	say("%s%s: not one of auto, strict, off", from, value);
	return 125;
}

static int choose_log(struct options *options, const char *value)
{
	options->log_all = strcmp(value, "all") == 0;
	if (options->log_all || strcmp(value, "decisions") == 0)
		return -1;
	say("--log %s: not one of decisions, all", value);
	return 125;
}

static int take(struct options *options, int option)
{
	switch (option) {
	case 'p':
		return add(options->policies, &options->policy_count, optarg,
			   "--policy");
	case 'e':
		return add(options->rules, &options->rule_count, optarg,
			   "--rule");
	case 'C':
		options->project = optarg;
		return -1;
	case 'n':
		options->dry_run = true;
		if (optarg)
			options->proposal = optarg;
		return -1;
	case 'q':
		options->quiet = true;
		return -1;
	case 'v':
		options->verbose = true;
		return -1;
	case OPTION_ONLY:
		options->only = true;
		return -1;
	case OPTION_ASK:
		return choose_ask(options, optarg);
	case OPTION_ASK_TIMEOUT:
		return choose_timeout(options, optarg);
	case OPTION_FENCE:
		return choose_fence(options, "--fence ", optarg);
	case OPTION_LOG:
		return choose_log(options, optarg);
	case OPTION_SESSION_DIR:
		options->session_dir = optarg;
		return -1;
	case OPTION_STACK:
		options->log_stacks = true;
		return -1;
	case OPTION_VERSION:
		puts("interpose " PACKAGE_VERSION);
		return 0;
	case OPTION_HELP:
		help();
		return 0;
	default:
		say("see interpose --help");
		return 125;
	}
}

/* What a user sets once for all sessions. It is read before any program of one
 * has run, and no session can change it for another. */
static int take_environment(struct options *options)
{
	const char *fence = getenv("INTERPOSE_FENCE");

	return fence && *fence
		       ? choose_fence(options, "INTERPOSE_FENCE=", fence)
		       : -1;
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option;

	memset(options, 0, sizeof(*options));
	options->fence = FENCE_AUTO;
	option = take_environment(options);
	if (option >= 0)
		return option;
	/* getopt's messages begin with it. */
	argv[0] = program_invocation_short_name;
	/* `+`: what follows the program's name is the program's. */
	while ((option = getopt_long(argc, argv, "+p:e:C:nqv", known, NULL)) !=
	       -1) {
		int status = take(options, option);

		if (status >= 0)
			return status;
	}
	if (optind == argc) {
		say("no program was named; see interpose --help");
		return 125;
	}
	options->program = argv + optind;
	return -1;
}
