#include "supervisor/ask/facts.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/questions.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"

enum {
	MOST_ANCESTORS = 8,
	MOST_BEATEN = 12,
	MOST_ARGUMENTS = 64,
	MOST_COMMAND = 2048,
};

static void add_name(struct text *text, const char *name, const char *value)
{
	text_format(text, ",\"%s\":", name);
	text_add_json(text, value, strlen(value));
}

static bool read_link(pid_t pid, const char *name, char path[PATH_MAX])
{
	auto_fd directory = tracee_proc_open(pid, "", O_PATH | O_DIRECTORY);
	ssize_t length =
		directory < 0 ? -1
			      : readlinkat(directory, name, path, PATH_MAX - 1);

	path[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/* The command line, its arguments parted by spaces; cut where it is long. */
static void add_command(struct text *text, pid_t pid)
{
	char bytes[MOST_COMMAND];
	auto_fd fd = tracee_proc_open(pid, "cmdline", O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes) - 1);

	if (length <= 0)
		return;
	while (length > 0 && bytes[length - 1] == '\0')
		length--;
	for (ssize_t i = 0; i < length; i++)
		if (bytes[i] == '\0')
			bytes[i] = ' ';
	text_add_string(text, ",\"command\":");
	text_add_json(text, bytes, (size_t)length);
}

/* The programs that lead from the caller to the one the user started. One that
 * forked and has not become another yet is named once. */
static void add_chain(struct ask *ask, struct text *text, pid_t pid)
{
	char exe[PATH_MAX], before[PATH_MAX] = "";
	bool first = true;

	text_add_string(text, ",\"chain\":[");
	for (int i = 0;
	     i < MOST_ANCESTORS && pid > 1 && pid != ask->session->supervisor;
	     i++) {
		const char *name = read_link(pid, "exe", exe) ? exe : "?";
		const char *slash = strrchr(name, '/');

		if (strcmp(name, before) != 0) {
			snprintf(before, sizeof(before), "%s", name);
			text_add_string(text, first ? "" : ",");
			name = slash ? slash + 1 : name;
			text_add_json(text, name, strlen(name));
			first = false;
		}
		if (pid == ask->session->program)
			break;
		pid = tracee_parent(pid);
	}
	text_add_byte(text, ']');
}

static void add_caller(struct ask *ask, struct text *text, pid_t tid)
{
	char path[PATH_MAX];
	pid_t pid = tracee_process(tid);

	if (pid <= 0)
		return;
	text_format(text, ",\"pid\":%d", (int)pid);
	if (read_link(pid, "exe", path))
		add_name(text, "exe", path);
	if (read_link(tid, "cwd", path))
		add_name(text, "cwd", path);
	add_command(text, pid);
	add_chain(ask, text, pid);
}

static void add_rule(struct text *text, const struct policy_rule *rule)
{
	struct policy_rule_info info;

	if (!rule)
		return;
	policy_rule_info(rule, &info);
	text_add_string(text, ",\"rule\":{\"text\":");
	text_add_json(text, info.text, strlen(info.text));
	add_name(text, "file", info.file);
	text_format(text, ",\"line\":%u", info.line);
	if (info.because)
		add_name(text, "because", info.because);
	text_add_byte(text, '}');
}

struct beaten {
	struct text *text;
	int count;
};

static bool add_beaten(void *context, const struct policy_match *match)
{
	struct beaten *beaten = context;
	struct policy_rule_info info;
	char line[1024];

	if (match->decides)
		return true;
	policy_rule_info(match->rule, &info);
	snprintf(line, sizeof(line), "%s  (%s:%u)%s%s", info.text, info.file,
		 info.line, match->beaten_because ? ": " : "",
		 match->beaten_because ?: "");
	if (beaten->count++ > 0)
		text_add_byte(beaten->text, ',');
	text_add_json(beaten->text, line, strlen(line));
	return beaten->count < MOST_BEATEN;
}

/* What the deciding rule beat, in the words of `explain`. */
static void add_why(struct ask *ask, struct text *text,
		    const struct question *question)
{
	size_t count = question->argument_count + 2;
	auto_free const char **words = calloc(count + 2, sizeof(*words));
	struct policy_subject *subject = NULL;
	struct beaten beaten = {text, 0};
	auto_free char *message = NULL;

	if (!words)
		return;
	words[0] = action_name(question->action);
	words[1] = question->subject;
	for (size_t i = 2; i < count; i++)
		words[i] = question->arguments[i - 2];
	if (question->program) {
		words[count++] = "by";
		words[count++] = question->program;
	}
	if (policy_subject_parse(ask->setup.input, words, count, &subject,
				 &message))
		return;
	struct policy_query query = *policy_subject_query(subject);

	query.now = time(NULL);
	text_add_string(text, ",\"beats\":[");
	policy_explain(ask->session->policy, &query, add_beaten, &beaten);
	text_add_byte(text, ']');
	policy_subject_free(subject);
}

/* The rule with the path as one would write it: below the home, with `~`. Takes
 * it over. */
static char *with_tilde(const char *home, char *rule)
{
	size_t length = home ? strlen(home) : 0;
	char *at = rule ? strchr(rule, ' ') : NULL;

	at = at ? strchr(at + 1, ' ') : NULL;
	at = at && strncmp(at, " unix:", 6) == 0 ? at + 6 : at ? at + 1 : NULL;
	if (!at || length < 2 || strncmp(at, home, length) != 0 ||
	    at[length] != '/')
		return rule;
	*at = '~';
	memmove(at + 1, at + length, strlen(at + length) + 1);
	return rule;
}

static void add_wider(struct text *text, int *count, const char *rule,
		      const char *end)
{
	struct text made = {0};
	auto_free char *string = NULL;

	if (!rule)
		return;
	text_format(&made, "%s%s", rule, end);
	if (text_finish(&made, &string))
		return;
	text_add_string(text, (*count)++ ? "," : ",\"wider\":[");
	text_add_json(text, string, strlen(string));
}

/* This directory and what is below: never the root, or what lies right in it.
 */
static void widen_path(struct text *text, int *count, const char *home,
		       struct grants_subject subject)
{
	auto_free char *copy = strdup(subject.subject);
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (!slash || slash == copy || strchr(copy + 1, '/') == slash)
		return;
	*slash = '\0';
	subject.subject = copy;
	auto_free char *rule = with_tilde(home, grants_rule("allow", &subject));

	/* What must be quoted ends with the quote. */
	if (rule && rule[strlen(rule) - 1] != '"')
		add_wider(text, count, rule, "/**");
}

/* The first words of the command, as `git push`; then whatever arguments. */
static void widen_command(struct text *text, int *count, const char *home,
			  struct grants_subject subject)
{
	if (subject.argument_count > 1 && subject.arguments[0][0] != '-') {
		subject.argument_count = 1;
		auto_free char *rule =
			with_tilde(home, grants_rule("allow", &subject));

		add_wider(text, count, rule, " **");
	}
	if (subject.argument_count > 0) {
		subject.argument_count = 0;
		auto_free char *rule =
			with_tilde(home, grants_rule("allow", &subject));

		add_wider(text, count, rule, "");
	}
}

/* Rules that could be kept: the narrowest first, then wider ones. */
static void add_offers(struct text *text, const char *home,
		       const struct question *question)
{
	struct grants_subject subject = question_subject(question);
	auto_free char *allow =
		with_tilde(home, grants_rule("allow", &subject));
	auto_free char *deny = with_tilde(home, grants_rule("deny", &subject));
	const char *port = strrchr(question->subject, ':');
	int count = 0;

	if (!allow || !deny)
		return;
	add_name(text, "allow", allow);
	add_name(text, "deny", deny);
	if (question->action == ACTION_READ ||
	    question->action == ACTION_WRITE) {
		widen_path(text, &count, home, subject);
	} else if (question->action == ACTION_EXEC) {
		widen_command(text, &count, home, subject);
	} else if (question->action == ACTION_CONNECT && port &&
		   strncmp(question->subject, "unix:", 5) != 0) {
		allow[strlen(allow) - strlen(port)] = '\0';
		add_wider(text, &count, allow, ":*");
	}
	if (count > 0)
		text_add_byte(text, ']');
}

static void add_arguments(struct text *text, const struct question *question)
{
	text_add_string(text, ",\"arguments\":[");
	for (size_t i = 0; i < question->argument_count && i < MOST_ARGUMENTS;
	     i++) {
		if (i > 0)
			text_add_byte(text, ',');
		text_add_json(text, question->arguments[i],
			      strlen(question->arguments[i]));
	}
	text_add_byte(text, ']');
	if (question->argument_count > MOST_ARGUMENTS)
		text_format(text, ",\"more_arguments\":%zu",
			    question->argument_count - MOST_ARGUMENTS);
}

static const char *home_of(const struct ask *ask)
{
	const struct policy_input *input = ask->setup.input;

	for (size_t i = 0; i < input->variable_count; i++)
		if (strcmp(input->variables[i].name, "home") == 0)
			return input->variables[i].value;
	return NULL;
}

const char *question_shown(struct ask *ask, struct question *question)
{
	struct text text = {0};
	struct stat status;

	if (question->shown)
		return question->shown;
	text_format(&text, "{\"question\":%llu,\"action\":\"%s\"",
		    (unsigned long long)question->id,
		    action_name(question->action));
	add_name(&text, "subject", question->subject);
	if (question->action == ACTION_EXEC)
		add_arguments(&text, question);
	if (question->action == ACTION_WRITE)
		text_format(&text, ",\"exists\":%s",
			    lstat(question->subject, &status) == 0 ? "true"
								   : "false");
	add_name(&text, "program", ask->setup.program);
	if (home_of(ask))
		add_name(&text, "home", home_of(ask));
	if (question->waiters)
		add_caller(ask, &text, (pid_t)question->waiters->request.pid);
	add_rule(&text, question->rule);
	add_why(ask, &text, question);
	add_offers(&text, home_of(ask), question);
	text_format(&text, ",\"answered_before\":%llu",
		    (unsigned long long)ask->answered_before);
	if (text_finish(&text, &question->shown))
		question->shown = NULL;
	return question->shown;
}
