#include "supervisor/ask/prompt.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/ask/draw.h"
#include "supervisor/ask/input.h"
#include "supervisor/ask/notice.h"
#include "supervisor/jtext.h"

enum { LINE = 256 * 1024 };

struct prompt {
	int socket, terminal;
	bool lines;
	char *line; /* from the socket */
	size_t length;
	struct draw draw; /* what is on the screen */
	struct input input;
	struct notice notice;
	char news[256];
	char typed[1024]; /* --ask lines: the line so far */
	size_t typed_length;
};

static void take_key(void *context, char key);

struct prompt *prompt_new(int socket, int terminal, bool lines)
{
	struct prompt *prompt = calloc(1, sizeof(*prompt));

	if (!prompt)
		return NULL;
	prompt->line = malloc(LINE);
	prompt->notice.running = -1;
	prompt->socket = socket;
	prompt->terminal = terminal;
	prompt->lines = prompt->input.lines = lines;
	prompt->input.take = take_key;
	prompt->input.context = prompt;
	if (!prompt->line) {
		free(prompt);
		return NULL;
	}
	return prompt;
}

void prompt_free(struct prompt *prompt)
{
	if (!prompt)
		return;
	draw_clear(&prompt->draw);
	if (prompt->notice.running >= 0)
		close(prompt->notice.running);
	free(prompt->line);
	free(prompt);
}

/* ---------------------------------------------------------------- socket -- */

static void forget(struct prompt *prompt)
{
	draw_clear(&prompt->draw);
	input_forget(&prompt->input);
	prompt->typed_length = 0;
}

static long long number(const struct prompt *prompt)
{
	return json_integer_value(
		json_object_get(prompt->draw.question, "question"));
}

static bool is_shown(const struct prompt *prompt, const json_t *id)
{
	return prompt->draw.question && json_is_integer(id) &&
	       json_integer_value(id) == number(prompt);
}

/* How a question ended. */
static bool take_end(struct prompt *prompt, json_t *object)
{
	const json_t *value;

	if ((value = json_object_get(object, "answered"))) {
		const char *verdict =
			json_string_value(json_object_get(object, "verdict"));
		const char *by =
			json_string_value(json_object_get(object, "by"));

		snprintf(prompt->news, sizeof(prompt->news), "%s, by %s",
			 verdict ?: "?", by ?: "?");
	} else if ((value = json_object_get(object, "withdrawn"))) {
		snprintf(prompt->news, sizeof(prompt->news),
			 "withdrawn: who asked is gone");
	} else {
		return false;
	}
	if (is_shown(prompt, value))
		forget(prompt);
	return true;
}

/* What we wanted to know about the question that is shown. */
static void take_reply(struct prompt *prompt, json_t *object)
{
	struct draw *draw = &prompt->draw;
	const json_t *value;

	if (is_shown(prompt, json_object_get(object, "stack"))) {
		json_decref(draw->stack);
		draw->stack = json_incref(json_object_get(object, "lines"));
		if (draw->view == DRAW_STACK)
			prompt_draw(prompt);
	} else if (is_shown(prompt, json_object_get(object, "tried"))) {
		draw->covers =
			json_integer_value(json_object_get(object, "covers"));
		draw->covers_of =
			json_integer_value(json_object_get(object, "of"));
		if (draw->view == DRAW_CONFIRM)
			draw_question(draw, prompt->terminal);
	} else if (json_object_get(object, "error") && draw->question) {
		const char *message =
			json_string_value(json_object_get(object, "message"));

		snprintf(draw->error, sizeof(draw->error), "%s",
			 message ?: "refused");
		if (draw->rule[0] && draw->view != DRAW_REASON) {
			draw->view = DRAW_EDIT;
			prompt->input.text = true;
		}
		prompt_draw(prompt);
	} else if ((value = json_object_get(object, "waiting"))) {
		draw->waiting = json_integer_value(value);
		/* Beside the question; it does not start it anew. */
		if (draw->question && prompt->input.seen && !prompt->lines)
			draw_waiting(draw, prompt->terminal);
	}
}

static void take_message(struct prompt *prompt, json_t *object)
{
	if (json_object_get(object, "question")) {
		forget(prompt);
		prompt->draw.question = json_incref(object);
		prompt->draw.waiting =
			json_integer_value(json_object_get(object, "waiting"));
	} else if (!take_end(prompt, object)) {
		take_reply(prompt, object);
	}
}

bool prompt_receive(struct prompt *prompt)
{
	for (;;) {
		ssize_t got =
			recv(prompt->socket, prompt->line + prompt->length,
			     LINE - prompt->length, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (got <= 0) {
			forget(prompt);
			return false;
		}
		prompt->length += (size_t)got;
		for (char *end;
		     (end = memchr(prompt->line, '\n', prompt->length));) {
			size_t used = (size_t)(end - prompt->line) + 1;
			json_t *object = NULL;

			if (jtext_load(prompt->line, used - 1, &object) == 0)
				take_message(prompt, object);
			json_decref(object);
			prompt->length -= used;
			memmove(prompt->line, prompt->line + used,
				prompt->length);
		}
		if (prompt->length == LINE)
			prompt->length = 0;
	}
}

bool prompt_wanted(const struct prompt *prompt)
{
	return prompt->draw.question != NULL;
}

const char *prompt_news(struct prompt *prompt)
{
	static char news[sizeof(prompt->news)];

	if (!prompt->news[0])
		return NULL;
	memcpy(news, prompt->news, sizeof(news));
	prompt->news[0] = '\0';
	return news;
}

/* --------------------------------------------------------------- sending -- */

/* {"KIND":ID,"verdict":…,"NAME":…}; what is NULL is left out. */
static void tell(struct prompt *prompt, const char *kind, const char *verdict,
		 const char *name, const char *value)
{
	struct text text = {0};
	auto_free char *line = NULL;

	text_format(&text, "{\"%s\":%lld", kind, number(prompt));
	if (verdict)
		text_format(&text, ",\"verdict\":\"%s\"", verdict);
	if (value) {
		text_format(&text, ",\"%s\":", name);
		text_add_json(&text, value, strlen(value));
	}
	text_add_string(&text, "}\n");
	if (text_finish(&text, &line) == 0)
		(void)!send(prompt->socket, line, strlen(line), MSG_NOSIGNAL);
}

static const struct {
	char key;
	const char *verdict;
	const char *rule; /* the member that holds what would be kept */
} answers[] = {
	{'a', "once", NULL},	       {'s', "session", "allow"},
	{'p', "project", "allow"},     {'d', "deny", NULL},
	{'D', "deny-session", "deny"},
};

enum { ANSWERS = sizeof(answers) / sizeof(*answers) };

/* ----------------------------------------------------------------- views -- */

static void show(struct prompt *prompt, enum draw_view view)
{
	prompt->draw.view = view;
	prompt->input.text = view == DRAW_EDIT || view == DRAW_REASON;
	prompt_draw(prompt);
}

static void set_rule(struct prompt *prompt, const char *rule)
{
	struct draw *draw = &prompt->draw;

	snprintf(draw->rule, sizeof(draw->rule), "%s", rule);
	draw->covers_of = 0;
	if (rule[0])
		tell(prompt, "try", NULL, "rule", draw->rule);
}

/* What would be kept is shown first. */
static void confirm(struct prompt *prompt, const char *verdict,
		    const char *member, bool edit)
{
	struct draw *draw = &prompt->draw;
	const char *rule =
		json_string_value(json_object_get(draw->question, member));

	draw->verdict = verdict;
	draw->wider = 0;
	draw->error[0] = '\0';
	set_rule(prompt, rule ?: "");
	show(prompt, rule && !edit ? DRAW_CONFIRM : DRAW_EDIT);
}

static void key_in_question(struct prompt *prompt, char key)
{
	struct draw *draw = &prompt->draw;

	for (size_t i = 0; i < ANSWERS; i++) {
		if (answers[i].key != key)
			continue;
		if (answers[i].rule)
			confirm(prompt, answers[i].verdict, answers[i].rule,
				false);
		else
			tell(prompt, "answer", answers[i].verdict, NULL, NULL);
		return;
	}
	if (key == 'e') {
		confirm(prompt, "session", "allow", true);
	} else if (key == 'w') {
		show(prompt, DRAW_WHY);
	} else if (key == 'k') {
		if (!draw->stack)
			tell(prompt, "stack", NULL, NULL, NULL);
		show(prompt, DRAW_STACK);
	} else if (key == 'r') {
		draw->rule[0] = '\0';
		show(prompt, DRAW_REASON);
	} else if (key == '?') {
		show(prompt, DRAW_HELP);
	} else if (draw->view != DRAW_QUESTION) {
		show(prompt, DRAW_QUESTION);
	}
}

static void key_in_confirm(struct prompt *prompt, char key)
{
	struct draw *draw = &prompt->draw;
	const char *wider = json_string_value(json_array_get(
		json_object_get(draw->question, "wider"), draw->wider));

	if (key == '\r' || key == '\n') {
		tell(prompt, "answer", draw->verdict, "rule", draw->rule);
	} else if (key == 'e') {
		show(prompt, DRAW_EDIT);
	} else if (key == 'w' && wider && draw->rule[0] == 'a') {
		draw->wider++;
		set_rule(prompt, wider);
		show(prompt, DRAW_CONFIRM);
	} else {
		show(prompt, DRAW_QUESTION);
	}
}

/* Bytes of a line that is edited; returns whether it is finished. */
static bool edit_line(char *line, size_t size, char key)
{
	size_t length = strlen(line);

	if (key == '\r' || key == '\n')
		return true;
	if (key == 0x7f || key == '\b') {
		/* A whole character. */
		while (length > 0 && (line[--length] & 0xc0) == 0x80)
			;
		line[length] = '\0';
	} else if (key == 0x15) {
		line[0] = '\0';
	} else if ((unsigned char)key >= 0x20 && length + 1 < size) {
		line[length] = key;
		line[length + 1] = '\0';
	}
	return false;
}

static void key_in_text(struct prompt *prompt, char key)
{
	struct draw *draw = &prompt->draw;

	draw->error[0] = '\0';
	if (key == 0x1b || key == 0x03) {
		show(prompt, DRAW_QUESTION);
		return;
	}
	if (!edit_line(draw->rule, sizeof(draw->rule), key)) {
		draw_question(draw, prompt->terminal);
		return;
	}
	if (draw->view == DRAW_REASON)
		tell(prompt, "answer", "deny", "reason", draw->rule);
	else
		tell(prompt, "answer", draw->verdict, "rule", draw->rule);
}

/* ----------------------------------------------------------------- lines -- */

/* `a 17`: with its number, an answer cannot be meant for another question. */
static void take_typed(struct prompt *prompt)
{
	char word[16] = "", *rest;
	long long id = 0;
	int used = 0;

	prompt->typed[prompt->typed_length] = '\0';
	prompt->typed_length = 0;
	prompt->input.text = false;
	(void)!write(prompt->terminal, "\r\n", 2);
	if (sscanf(prompt->typed, " %15s %lld %n", word, &id, &used) < 2 ||
	    id != number(prompt) || strlen(word) != 1) {
		draw_lines_help(&prompt->draw, prompt->terminal);
		return;
	}
	rest = prompt->typed + used;
	for (size_t i = 0; i < ANSWERS; i++) {
		if (answers[i].key != word[0])
			continue;
		const char *kept = answers[i].rule
					   ? json_string_value(json_object_get(
						     prompt->draw.question,
						     answers[i].rule))
					   : NULL;

		if (answers[i].rule)
			tell(prompt, "answer", answers[i].verdict, "rule",
			     used && *rest ? rest : kept);
		else
			tell(prompt, "answer", answers[i].verdict, "reason",
			     used && *rest ? rest : NULL);
		return;
	}
	draw_lines_help(&prompt->draw, prompt->terminal);
}

static void type(struct prompt *prompt, char byte)
{
	if (byte == '\r' || byte == '\n') {
		take_typed(prompt);
	} else if (byte == 0x7f || byte == '\b') {
		if (prompt->typed_length > 0) {
			prompt->typed_length--;
			(void)!write(prompt->terminal, "\b \b", 3);
		}
	} else if ((unsigned char)byte >= 0x20 &&
		   prompt->typed_length + 1 < sizeof(prompt->typed)) {
		prompt->typed[prompt->typed_length++] = byte;
		(void)!write(prompt->terminal, &byte, 1);
	}
	prompt->input.text = prompt->typed_length > 0;
}

static void take_key(void *context, char key)
{
	struct prompt *prompt = context;

	if (prompt->lines) {
		type(prompt, key);
		return;
	}
	if (prompt->draw.view == DRAW_EDIT ||
	    prompt->draw.view == DRAW_REASON) {
		key_in_text(prompt, key);
		return;
	}
	prompt->draw.error[0] = '\0';
	if (prompt->draw.view == DRAW_CONFIRM)
		key_in_confirm(prompt, key);
	else
		key_in_question(prompt, key);
}

/* ------------------------------------------------------------ the terminal --
 */

void prompt_draw(struct prompt *prompt)
{
	struct winsize size = {0};
	char request[INPUT_REQUEST];
	struct draw *draw = &prompt->draw;

	if (ioctl(prompt->terminal, TIOCGWINSZ, &size) || size.ws_row < 4 ||
	    size.ws_col < 20)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	draw->rows = size.ws_row;
	draw->columns = size.ws_col;
	draw->ready = false;
	prompt->typed_length = 0;
	input_drawn(&prompt->input, draw->view == DRAW_CONFIRM
					    ? INPUT_SOON_MS
					    : INPUT_QUIET_MS);
	if (prompt->lines) {
		/* There is no screen to be drawn at a place. */
		prompt->input.seen = true;
		prompt->input.text = false;
		draw_lines(draw, prompt->terminal);
		return;
	}
	draw_question(draw, prompt->terminal);
	size_t length = input_request(&prompt->input, size.ws_row, size.ws_col,
				      request);

	(void)!write(prompt->terminal, request, length);
}

size_t prompt_input(struct prompt *prompt, const char *bytes, size_t length,
		    char *rest)
{
	size_t used = 0;

	for (size_t i = 0; i < length && prompt->draw.question; i++)
		used += input_byte(&prompt->input, bytes[i], rest + used);
	return used;
}

bool prompt_ready(const struct prompt *prompt)
{
	return prompt->draw.question && input_ready(&prompt->input);
}

void prompt_notice(struct prompt *prompt)
{
	auto_free char *program = draw_program(&prompt->draw);

	/* One notice: the desktop's own, or else by the terminal. */
	draw_notice(program, !notice_send(&prompt->notice, program),
		    prompt->terminal);
}

/* Is there something that was typed by now? */
static bool typed(const struct prompt *prompt)
{
	struct pollfd terminal = {.fd = prompt->terminal, .events = POLLIN};

	return poll(&terminal, 1, 0) != 0;
}

void prompt_tick(struct prompt *prompt)
{
	if (!prompt->draw.question)
		return;
	(void)input_tick(&prompt->input);
	/* In this order: who is held up in between has read nothing yet of what
	 * was typed meanwhile. */
	bool ready = input_ready(&prompt->input);

	if (ready && !prompt->input.open) {
		if (typed(prompt))
			return;
		input_open(&prompt->input);
	}
	/* Whether a key would count is to be seen. */
	if (ready == prompt->draw.ready || prompt->input.text)
		return;
	prompt->draw.ready = ready;
	if (!prompt->lines)
		draw_ready(&prompt->draw, prompt->terminal);
	else if (ready)
		draw_lines_ready(prompt->terminal);
}

int prompt_timeout(const struct prompt *prompt)
{
	if (!prompt->draw.question)
		return -1;
	/* What was typed may have made it unready: to be seen at once. */
	if (prompt->draw.ready != input_ready(&prompt->input) &&
	    !prompt->input.text)
		return 0;
	return input_timeout(&prompt->input);
}
