/*
 * Fuzz target: recorded sessions as they are read for learning, and the rules
 * that are made from them: whatever a log says, the proposal loads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/learn.h"
#include "policy/scope.h"
#include "supervisor/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_variable variables[] = {{"home", "/home/u"},
						   {"project", "/home/u/p"}};
static struct policy_system_host context = {.search_path = "/nowhere"};
static struct policy_host host;

static struct policy *load(const char *text, bool must)
{
	const struct policy_source source = {POLICY_LAYER_FILE, "fuzz", text};
	struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.variables = variables,
		.variable_count = 2,
		.host = &host,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;

	policy_system_host_init(&host, &context);
	if (policy_load(&input, list, &policy) && must) {
		policy_diagnostics_print(list, stderr, false);
		abort();
	}
	policy_diagnostics_free(list);
	policy_system_host_clear(&context);
	return policy;
}

/* As a proposal takes them: files by an absolute path, and what a rule of this
 * language can name. */
static bool can_be_said(const struct policy_input *input,
			const struct observation *seen)
{
	struct question question = {0};
	bool can = question_of(input, seen, &question) == 0;

	question_clear(&question);
	if (seen->action <= ACTION_EXEC)
		return can && seen->subject[0] == '/';
	return can && seen->action == ACTION_ENV && seen->subject[0];
}

static void learn(const struct history *history)
{
	static struct policy *refusing;
	const struct policy_input input = {
		.variables = variables,
		.variable_count = 2,
		.host = &host,
	};
	size_t count = 0, all = history_count(history);
	struct learn_item *items = calloc(all + 1, sizeof(*items));
	struct text text = {0};
	auto_free char *rules = NULL;

	text_add_string(&text, "policy 1\n");
	if (!items)
		abort();
	if (!refusing)
		refusing = load("allow read,write,exec /**\n"
				"hide read /home/u/.ssh/**\n"
				"deny write /home/u/p/.git/**\n",
				true);
	for (size_t i = 0; i < all; i++) {
		const struct observation *seen = history_at(history, i);

		if (!can_be_said(&input, seen))
			continue;
		items[count] = (struct learn_item){
			.action = seen->action,
			.subject = seen->subject,
			.program = seen->exe,
			.nameable = count % 2,
			.argv = seen->argv,
			.argc = seen->argc,
			.by_arguments = true,
			.count = seen->count,
		};
		count++;
	}
	const struct learn_input learning = {refusing, "/home/u", "/home/u/p"};

	if (learn_rules(&learning, items, count, &text) < 0 ||
	    text_finish(&text, &rules))
		abort();
	policy_free(load(rules, true));
	free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_fd fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct history *history = history_new();

	if (!history || fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	policy_system_host_init(&host, &context);
	if (history_read(history, fd))
		abort();
	learn(history);
	history_free(history);
	return 0;
}
