#include "supervisor/commands/explain.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/names.h"
#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/ask/grants.h"
#include "supervisor/commands/layered.h"

/** What the program gets, by verdict and by the kind of its subject. */
static const char *what_it_gets(const struct policy_decision *decision,
				const struct policy_query *query)
{
	bool file = query->action <= ACTION_EXEC;
	bool env = query->action == ACTION_ENV;

	switch (decision->verdict) {
	case VERDICT_ALLOW:
		return "the real thing";
	case VERDICT_ASK:
		return "an answer from a person; unattended, a refusal";
	case VERDICT_HIDE:
		return env ? "no such variable"
		       : file || decision->by_read
			       ? "ENOENT: it is not there, nor listed"
			       : "no such host";
	case VERDICT_FAKE:
		return env ? "a stand-in for its value"
			   : "a stand-in, that writes go to as well";
	default:
		return env ? "no such variable"
		       : file || query->action == ACTION_HTTP
			       ? "EACCES: permission denied"
			       : "ECONNREFUSED: connection refused";
	}
}

struct printing {
	struct text *text;
	bool json;
	bool any;
};

static void add_rule_json(struct text *text,
			  const struct policy_rule_info *info)
{
	text_add_string(text, "{\"file\":");
	text_add_json(text, info->file, strlen(info->file));
	text_format(text, ",\"line\":%u,\"text\":", info->line);
	text_add_json(text, info->text, strlen(info->text));
	if (info->because) {
		text_add_string(text, ",\"because\":");
		text_add_json(text, info->because, strlen(info->because));
	}
}

static void add_rule(struct text *text, const char *label,
		     const struct policy_rule_info *info)
{
	text_format(text, "  %-6s ", label);
	text_add_shown(text, info->text, strlen(info->text));
	text_add_string(text, "\n         ");
	text_add_shown(text, info->file, strlen(info->file));
	text_format(text, ":%u\n", info->line);
}

static bool print_beaten(void *context, const struct policy_match *match)
{
	struct printing *printing = context;
	struct policy_rule_info info;

	if (match->decides)
		return true;
	policy_rule_info(match->rule, &info);
	if (printing->json) {
		text_add_string(printing->text, printing->any ? "," : "");
		add_rule_json(printing->text, &info);
		text_format(printing->text,
			    ",\"verdict\":\"%s\",\"beaten_because\":\"%s\"}",
			    verdict_name(match->verdict),
			    match->beaten_because ?: "");
	} else {
		add_rule(printing->text, printing->any ? "" : "beats", &info);
		if (match->beaten_because)
			text_format(printing->text, "         (%s)\n",
				    match->beaten_because);
	}
	printing->any = true;
	return true;
}

static void print_json(const struct policy *policy, const struct grants *grants,
		       const struct policy_query *query, const char *subject,
		       struct text *text)
{
	struct printing printing = {text, true, false};
	struct policy_decision decision;
	struct policy_rule_info info;

	grants_decide(grants, policy, query, &decision);
	text_format(text, "{\"action\":\"%s\",\"subject\":",
		    action_name(query->action));
	text_add_json(text, subject, strlen(subject));
	text_format(text, ",\"verdict\":\"%s\",\"final\":%s,\"by_read\":%s",
		    verdict_name(decision.verdict),
		    decision.final ? "true" : "false",
		    decision.by_read ? "true" : "false");
	if (decision.rule) {
		policy_rule_info(decision.rule, &info);
		text_add_string(text, ",\"rule\":");
		add_rule_json(text, &info);
		text_add_byte(text, '}');
	}
	if (decision.fake)
		text_format(text, ",\"fake\":\"%s\"",
			    fake_kind_name(decision.fake->kind));
	text_format(text, ",\"gets\":\"%s\",\"beats\":[",
		    what_it_gets(&decision, query));
	policy_explain(policy, query, print_beaten, &printing);
	text_add_string(text, "]}\n");
}

static void print_text(const struct policy *policy, const struct grants *grants,
		       const struct policy_query *query, const char *subject,
		       struct text *text)
{
	struct printing printing = {text, false, false};
	struct policy_decision decision;
	struct policy_rule_info info;

	grants_decide(grants, policy, query, &decision);
	text_format(text, "%s%s  %s ", decision.final ? "final " : "",
		    verdict_name(decision.verdict), action_name(query->action));
	text_add_shown(text, subject, strlen(subject));
	text_add_byte(text, '\n');
	if (decision.rule) {
		policy_rule_info(decision.rule, &info);
		add_rule(text, "rule", &info);
		if (info.because) {
			text_add_string(text, "         because ");
			text_add_shown(text, info.because,
				       strlen(info.because));
			text_add_byte(text, '\n');
		}
		if (decision.by_read && query->action != ACTION_READ)
			text_add_string(text,
					"         (what `read` hides or fakes "
					"governs every action)\n");
	} else {
		text_add_string(text, "  rule   none matches\n");
	}
	text_format(text, "  gets   %s\n", what_it_gets(&decision, query));
	policy_explain(policy, query, print_beaten, &printing);
}

/** A path that is relative is one from here; other words stay as they are. */
static char *absolute(const char *action, const char *word)
{
	auto_free char *here = NULL;
	char *path = NULL;
	bool program = strcmp(action, "exec") == 0 && strchr(word, '/');

	if (*word == '/' || *word == '~' || *word == '$' ||
	    (strcmp(action, "read") != 0 && strcmp(action, "write") != 0 &&
	     !program))
		return strdup(word);
	here = getcwd(NULL, 0);
	if (!here || asprintf(&path, "%s/%s", here, word) < 0)
		return NULL;
	return path;
}

/** What is asked, as the lines say it: its canonical form where it has one. */
static char *shown_subject(const struct policy_query *query,
			   const struct layered *layered)
{
	struct text text = {0};
	char *string = NULL;
	size_t first = 1;

	if (query->text && query->action <= ACTION_EXEC) {
		text_add(&text, query->text, query->length);
		first = 2;
	}
	for (size_t i = first; i < layered->word_count; i++) {
		if (text.length)
			text_add_byte(&text, ' ');
		text_add_string(&text, layered->words[i]);
	}
	return text_finish(&text, &string) ? NULL : string;
}

static int explain(struct layers *layers, const struct layered *layered)
{
	auto_free char *subject_word =
		absolute(layered->words[0], layered->words[1]);
	auto_free const char **words =
		calloc(layered->word_count, sizeof(*words));
	auto_free char *message = NULL, *shown = NULL, *string = NULL;
	struct policy_subject *subject = NULL;
	struct policy *policy = NULL;
	struct grants *grants = NULL;
	struct policy_query query;
	struct text text = {0};
	int error;

	if (!subject_word || !words)
		return -ENOMEM;
	memcpy(words, layered->words, layered->word_count * sizeof(*words));
	words[1] = subject_word;
	error = layers_policy(layers, false, stderr, &policy);
	if (!error)
		error = grants_new(layers_input(layers), !layered->layers.only,
				   &grants);
	if (error) {
		policy_free(policy);
		return error;
	}
	error = policy_subject_parse(layers_input(layers), words,
				     layered->word_count, &subject, &message);
	if (!error) {
		query = *policy_subject_query(subject);
		query.now = time(NULL);
		shown = shown_subject(&query, layered);
		if (layered->json)
			print_json(policy, grants, &query, shown ?: "", &text);
		else
			print_text(policy, grants, &query, shown ?: "", &text);
		error = text_finish(&text, &string);
	}
	if (string)
		fputs(string, stdout);
	if (message)
		fprintf(stderr, "interpose: %s\n", message);
	policy_subject_free(subject);
	grants_free(grants);
	policy_free(policy);
	return error;
}

int command_explain(int argc, char **argv)
{
	static const char usage[] =
		"explain [OPTION...] ACTION SUBJECT [by PROGRAM]";
	struct layers *layers = NULL;
	struct layered layered;
	int status = layered_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count < 2) {
		fprintf(stderr, "interpose: usage: interpose %s\n", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	/* As for a session. */
	layered.layers.kept = layered.layers.policies;
	layered.layers.kept_count = layered.layers.policy_count;
	layered.layers.keeps_read = true;
	error = layers_load(&layered.layers, stderr, &layers);
	if (!error)
		error = explain(layers, &layered);
	layers_free(layers);
	layered_free(&layered);
	return error ? 1 : 0;
}
