/*
 * The proposal after a dry run: written where it was asked for, with a word on
 * what the run really showed the session's programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/options.h"
#include "supervisor/output.h"
#include "supervisor/proposal.h"
#include "supervisor/say.h"

int proposal_open(struct options *options)
{
	options->proposal_fd = -1;
	if (!options->proposal)
		return 0;
	options->proposal_fd = output_open(options->proposal, 0666);
	return options->proposal_fd < 0 ? options->proposal_fd : 0;
}

/* Is the file still what its name leads to? */
static bool is_there(const struct options *options)
{
	struct stat opened, named;

	return fstat(options->proposal_fd, &opened) == 0 &&
	       stat(options->proposal, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int write_text(const struct options *options, const char *text)
{
	int fd = options->proposal_fd;
	struct stat file;

	if (!options->proposal)
		return fputs(text, stderr) < 0 ? -EIO : 0;
	if (!is_there(options))
		return -ESTALE;
	if (fstat(fd, &file) || (S_ISREG(file.st_mode) && ftruncate(fd, 0)))
		return -errno;
	for (size_t left = strlen(text); left > 0;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void say_really(const char *what, struct text *lines, unsigned count,
		       const char *kind)
{
	char *line = lines->data, *rest = NULL;

	for (line = line ? strtok_r(line, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		say("REALLY %s, for this was a dry run: %s", what, line);
	if (count > PROPOSAL_MOST_SHOWN)
		say("and %u more protected %s", count - PROPOSAL_MOST_SHOWN,
		    kind);
}

static int propose_from(const struct layers_options *wanted, const char *events,
			const char *session, const struct options *options,
			struct proposal *proposal)
{
	struct history *history = history_new();
	auto_fd fd = open(events, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_free char *string = NULL;
	struct text text = {0};
	int error = !history ? -ENOMEM : fd < 0 ? -errno : 0;

	if (!error)
		error = history_read(history, fd);
	text_format(&text, "# Proposed from session %s.\npolicy 1\n", session);
	if (!error)
		error = proposal_make(wanted, history, &text, proposal);
	if (!error) {
		error = text_finish(&text, &string);
		if (!error && (options->proposal || proposal->rules))
			error = write_text(options, string);
		if (error)
			proposal_clear(proposal);
	}
	text_free(&text);
	history_free(history);
	return error;
}

int proposal_after_run(const struct options *options, const char *project,
		       const char *session, const char *session_path)
{
	const char *slash = strrchr(options->program[0], '/');
	const struct layers_options wanted = {
		.program = slash ? slash + 1 : options->program[0],
		.policies = options->policies,
		.policy_count = options->policy_count,
		.rules = options->rules,
		.rule_count = options->rule_count,
		.only = options->only,
		.project = project,
	};
	struct proposal proposal;
	char events[PATH_MAX];

	snprintf(events, sizeof(events), "%s/events.jsonl", session_path);
	int error = propose_from(&wanted, events, session, options, &proposal);

	if (error) {
		say("the proposal%s%s could not be made: %s; interpose propose "
		    "%s prints it",
		    options->proposal ? " in " : "", options->proposal ?: "",
		    error == -ESTALE ? "the session put another file there"
				     : strerror(-error),
		    session);
		return error;
	}
	say_really("READ", &proposal.really_read, proposal.really_read_count,
		   "files");
	say_really("SEEN", &proposal.really_seen, proposal.really_seen_count,
		   "variables");
	if (!options->quiet)
		say("a dry run: nothing was refused; today's policy would have "
		    "asked %llu times and refused %llu; %u rule%s proposed%s%s",
		    (unsigned long long)proposal.asked,
		    (unsigned long long)proposal.refused, proposal.rules,
		    proposal.rules == 1 ? "" : "s",
		    options->proposal ? " in " : "", options->proposal ?: "");
	proposal_clear(&proposal);
	return 0;
}
