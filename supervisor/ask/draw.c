#include "supervisor/ask/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/page.h"
#include "supervisor/jtext.h"

void draw_clear(struct draw *draw)
{
	json_decref(draw->question);
	json_decref(draw->stack);
	memset(draw, 0, sizeof(*draw));
}

/* ----------------------------------------------------------------- pieces --
 */

/* The bytes of a string, malloc()ed; NULL where it is none. */
static char *bytes_in(const json_t *value)
{
	char *copy;

	if (!json_is_string(value))
		return NULL;
	copy = malloc(json_string_length(value) + 1);
	if (copy)
		jtext_bytes(value, copy);
	return copy;
}

static char *bytes_of(const json_t *object, const char *name)
{
	return bytes_in(json_object_get(object, name));
}

/* A path as one would say it: below the home, from there; also those that begin
 * a word of a command. Takes it over. */
static char *short_path(const struct draw *draw, char *path)
{
	auto_free char *home = bytes_of(draw->question, "home");
	size_t length = home ? strlen(home) : 0;

	for (char *at = path; at && length > 1; at = strchr(at, ' ')) {
		at += *at == ' ';
		at += *at == '(';
		if (strncmp(at, "unix:", 5) == 0)
			at += 5;
		if (strncmp(at, home, length) != 0 || !strchr("/ ", at[length]))
			continue;
		*at = '~';
		memmove(at + 1, at + length, strlen(at + length) + 1);
	}
	return path;
}

static char *path_of(const struct draw *draw, const json_t *object,
		     const char *name)
{
	return short_path(draw, bytes_of(object, name));
}

static const char *verb(const struct draw *draw, const char *action)
{
	if (strcmp(action, "exec") == 0)
		return "run";
	if (strcmp(action, "write") == 0)
		return json_is_false(json_object_get(draw->question, "exists"))
			       ? "create"
			       : "change";
	if (strcmp(action, "connect") == 0)
		return "reach";
	if (strcmp(action, "listen") == 0)
		return "listen";
	return action;
}

static void add_quoted(struct text *text, const char *word)
{
	text_add_byte(text, '\'');
	for (; *word; word++)
		if (*word == '\'')
			text_add_string(text, "'\\''");
		else
			text_add_byte(text, *word);
	text_add_byte(text, '\'');
}

static void add_word(struct text *text, const char *word)
{
	if (*word && !strpbrk(word, " \t\n\"'\\$`;&|<>()*?[]{}#~!"))
		text_add_string(text, word);
	else
		add_quoted(text, word);
}

/* A program's name in a row that has more of them: one that could be taken for
 * several is quoted. */
static void add_program(struct text *text, const char *name)
{
	if (*name && !strpbrk(name, " ,<('\"") && !strstr(name, "◂"))
		text_add_string(text, name);
	else
		add_quoted(text, name);
}

/* The command that would run, as it would be typed. */
static char *command_line(const struct draw *draw, const char *subject)
{
	const json_t *list = json_object_get(draw->question, "arguments");
	const char *slash = strrchr(subject, '/');
	struct text text = {0};
	char *line = NULL;
	const json_t *value;
	size_t i;

	add_word(&text, slash ? slash + 1 : subject);
	json_array_foreach(list, i, value)
	{
		auto_free char *word = bytes_in(value);

		text_add_byte(&text, ' ');
		add_word(&text, word ?: "");
	}
	if (json_object_get(draw->question, "more_arguments"))
		text_format(&text, " ... and %lld more",
			    json_integer_value(json_object_get(
				    draw->question, "more_arguments")));
	return text_finish(&text, &line) ? NULL : line;
}

/* `git < bash < claude (pid 4711)` */
static void add_chain(const struct page *page, const struct draw *draw,
		      struct text *text)
{
	const json_t *chain = json_object_get(draw->question, "chain");
	const json_t *value;
	size_t i;

	json_array_foreach(chain, i, value)
	{
		auto_free char *name = bytes_in(value);

		if (i > 0)
			text_add_string(text, page->utf8 ? " ◂ " : " < ");
		add_program(text, name ?: "?");
	}
	text_format(text, " (pid %lld)",
		    (long long)json_integer_value(
			    json_object_get(draw->question, "pid")));
}

static void put_wanted(struct page *page, const struct draw *draw)
{
	auto_free char *action = bytes_of(draw->question, "action");
	auto_free char *subject = bytes_of(draw->question, "subject");
	auto_free char *command = path_of(draw, draw->question, "command");
	auto_free char *by = NULL;
	struct text text = {0};

	if (!action || !subject)
		return;
	bool exec = strcmp(action, "exec") == 0;

	if (exec) {
		auto_free char *line = command_line(draw, subject);

		page_value(page, "run", line ?: subject, PAGE_STRONG);
	}
	(void)short_path(draw, subject);
	if (exec) {
		add_program(&text, subject);
		text_add_string(&text, ", from ");
	} else {
		page_value(page, verb(draw, action), subject, PAGE_STRONG);
	}
	add_chain(page, draw, &text);
	if (text_finish(&text, &by) == 0)
		page_value(page, exec ? "as" : "by", by, PAGE_PLAIN);
	if (command && !exec)
		page_value(page, "running", command, PAGE_PLAIN);
}

/* The rule, and behind it or below where it stands. */
static void put_place(struct page *page, const char *rule, const char *place)
{
	auto_free char *both = NULL;

	if (asprintf(&both, "%s%s", rule, place) < 0) {
		both = NULL;
		return;
	}
	if (page->lines || page_columns(both) <= page_width(page)) {
		page_value(page, "rule", both, PAGE_PLAIN);
		return;
	}
	page_value(page, "rule", rule, PAGE_PLAIN);
	if (page_room(page))
		page_value(page, "", place + strspn(place, " "), PAGE_PLAIN);
}

static void put_rule(struct page *page, const struct draw *draw)
{
	const json_t *rule = json_object_get(draw->question, "rule");
	auto_free char *text = bytes_of(rule, "text");
	auto_free char *file = path_of(draw, rule, "file");
	auto_free char *because = bytes_of(rule, "because");
	auto_free char *line = NULL;

	if (!rule) {
		page_value(page, "rule", "none, so it is asked", PAGE_PLAIN);
		return;
	}
	/* Why has a row of its own. */
	char *clause = text ? strstr(text, " because \"") : NULL;

	if (clause && because)
		*clause = '\0';
	if (asprintf(&line, "   %s:%lld", file ?: "",
		     (long long)json_integer_value(
			     json_object_get(rule, "line"))) < 0) {
		line = NULL;
		return;
	}
	if (because)
		page_value(page, "because", because, PAGE_PLAIN);
	put_place(page, text ?: "", line);
}

static void put_facts(struct page *page, const struct draw *draw)
{
	auto_free char *cwd = path_of(draw, draw->question, "cwd");

	put_wanted(page, draw);
	if (cwd)
		page_value(page, "in", cwd, PAGE_PLAIN);
	put_rule(page, draw);
}

static void put_heading(struct page *page, const struct draw *draw)
{
	auto_free char *program = bytes_of(draw->question, "program");
	auto_free char *bytes = NULL;
	struct text line = {0};

	text_add_string(&line, page->utf8 && !page->lines ? " interpose · "
							  : " interpose: ");
	page_shown(&line, program ?: "a program");
	text_add_string(&line, " wants to");
	/* The bar goes across. */
	for (unsigned i = 0; !page->lines && page->colour && i < page->columns;
	     i++)
		text_add_byte(&line, ' ');
	if (text_finish(&line, &bytes) == 0)
		page_line(page, bytes, PAGE_HEADING);
}

/* --------------------------------------------------------------- the keys --
 */

enum { MOST_LINES = 6 };

/* What stands below the facts: its lines and how many. */
static size_t keys_of(const struct draw *draw, const char *lines[MOST_LINES])
{
	static const char *const widest[] = {
		" [a]llow once  [s]ession  [p]roject  [d]eny  [D]eny for "
		"session  [e]dit rule  [w]hy  [k] stack  [?]",
		NULL};
	static const char *const wide[] = {
		" [a]llow once  [s]ession  [p]roject  [d]eny  [D]eny for "
		"session",
		" [e]dit rule  [w]hy  [k] stack  [?]", NULL};
	static const char *const narrow[] = {
		" [a]llow once  [s]ession  [p]roject",
		" [d]eny  [D]eny for session",
		" [e]dit rule  [w]hy  [k] stack  [?]", NULL};
	const char *const *from = draw->columns >= 102	? widest
				  : draw->columns >= 66 ? wide
							: narrow;
	size_t count = 0;

	while (from[count]) {
		lines[count] = from[count];
		count++;
	}
	return count;
}

/* As long as one of the two, so that it covers the other. */
static const char *ready_text(const struct draw *draw)
{
	return draw->ready ? " One key answers.                 "
			   : " Not yet: what is typed now is lost.";
}

void draw_ready(const struct draw *draw, int terminal)
{
	char line[160];

	if (draw->ready_row == 0)
		return;
	int length = snprintf(line, sizeof(line),
			      "\x1b"
			      "7\x1b[%u;1H\x1b[0m%s\x1b[K\x1b"
			      "8",
			      draw->ready_row, ready_text(draw));

	(void)!write(terminal, line, (size_t)length);
}

static void put_ready(struct page *page, struct draw *draw)
{
	draw->ready_row = page_room(page) ? page->row : 0;
	page_line(page, ready_text(draw), PAGE_PLAIN);
}

static void put_keys(struct page *page, struct draw *draw)
{
	const char *lines[MOST_LINES];
	size_t count = keys_of(draw, lines);

	for (size_t i = 0; i < count; i++)
		page_line(page, lines[i], PAGE_PLAIN);
	put_ready(page, draw);
}

/* -------------------------------------------------------------- the views --
 */

static void put_confirm(struct page *page, struct draw *draw)
{
	bool wider = draw->rule[0] == 'a' &&
		     json_array_get(json_object_get(draw->question, "wider"),
				    draw->wider);
	bool project = draw->verdict && strcmp(draw->verdict, "project") == 0;
	char note[160];

	page_line(page,
		  project ? " From now on, in this project:"
			  : " From now on, in this session:",
		  PAGE_WEAK);
	page_value(page, "keep", draw->rule, PAGE_STRONG);
	page_line(page,
		  !wider ? " [Enter] keep  [e]dit  other: back"
		  : draw->columns < 60
			  ? " [Enter] [w]ider [e]dit  other: back"
			  : " [Enter] keep  [w]ider  [e]dit  other: back",
		  PAGE_PLAIN);
	put_ready(page, draw);
	if (draw->covers_of <= 0)
		return;
	snprintf(note, sizeof(note),
		 " It covers %lld of %lld question%s so far.", draw->covers,
		 draw->covers_of, draw->covers_of == 1 ? "" : "s");
	page_line(page, note, PAGE_WEAK);
}

static void put_edit(struct page *page, const struct draw *draw)
{
	page_line(page,
		  draw->view == DRAW_REASON
			  ? " Refused because (Enter, or Esc: back):"
			  : " The rule (Enter keeps, Esc goes back):",
		  PAGE_WEAK);
	page_value(page, ">", draw->rule, PAGE_STRONG);
	if (draw->error[0])
		page_value(page, "!", draw->error, PAGE_STRONG);
}

static void put_list(struct page *page, const struct draw *draw,
		     const json_t *list)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		auto_free char *line = short_path(draw, bytes_in(value));

		if (line)
			page_value(page, "", line, PAGE_PLAIN);
	}
}

static void put_more(struct page *page, const struct draw *draw)
{
	static const char *const help[] = {
		" [a] this once      [d] refuse this once",
		" [s] while this session lasts (Enter)",
		" [p] in this project from now on (Enter)",
		" [D] refuse in this session (Enter)",
		" [r] refuse, and write down why",
		" [e] write the rule yourself",
		" [w] which other rules matched",
		" [k] which functions led to this",
		" Only who asked waits; other keys: back.",
	};
	const json_t *list = json_object_get(draw->question, "beats");

	if (draw->view == DRAW_HELP) {
		for (size_t i = 0; i < sizeof(help) / sizeof(*help); i++)
			page_line(page, help[i], PAGE_PLAIN);
	} else if (draw->view == DRAW_WHY) {
		put_rule(page, draw);
		page_line(page,
			  json_array_size(list) ? " It beat:"
						: " No other rule matches.",
			  PAGE_WEAK);
		put_list(page, draw, list);
	} else if (draw->stack) {
		page_line(page, " Called from, innermost first:", PAGE_WEAK);
		put_list(page, draw, draw->stack);
	} else {
		page_line(page, " Looking ...", PAGE_WEAK);
	}
}

void draw_waiting(const struct draw *draw, int terminal)
{
	struct page page = {0};
	bool bar = draw->columns > 60; /* else the line below it */
	char text[32] = "", line[96];

	if (draw->waiting > 0)
		snprintf(text, sizeof(text), "%lld waiting",
			 draw->waiting % 1000000);
	page_begin(&page);
	int length = snprintf(line, sizeof(line),
			      "\x1b"
			      "7\x1b[%u;%uH%s%19s\x1b[0m\x1b"
			      "8",
			      bar ? 1U : 2U, draw->columns - 19,
			      bar && page.colour ? "\x1b[7m" : "", text);

	(void)!write(terminal, line, (size_t)length);
}

char *draw_program(const struct draw *draw)
{
	char *program = bytes_of(draw->question, "program");

	return program ?: strdup("a program");
}

void draw_notice(const char *program, bool desktop, int terminal)
{
	auto_free char *line = NULL;
	struct text name = {0}, text = {0};
	auto_free char *shown = NULL;

	if (!desktop || !program) {
		(void)!write(terminal, "\a", 1);
		return;
	}
	page_shown(&name, program);
	if (text_finish(&name, &shown) || !shown)
		return;
	for (char *at = shown; *at; at++)
		if (*at == ';')
			*at = ' ';
	/* OSC 777, known to foot, Ghostty, WezTerm, urxvt and others, which no
	 * terminal shows that does not know it. It comes through ssh, too. */
	text_format(&text,
		    "\x1b]777;notify;interpose;%s waits for an "
		    "answer\x1b\\",
		    shown);
	text_add_byte(&text, '\a');
	if (text_finish(&text, &line) == 0)
		(void)!write(terminal, line, strlen(line));
}

/* How many rows the keys, or what stands in their place, need. */
static unsigned foot_of(const struct draw *draw)
{
	const char *lines[MOST_LINES];

	switch (draw->view) {
	case DRAW_CONFIRM:
		return 7; /* a long rule */
	case DRAW_EDIT:
	case DRAW_REASON:
		return 7;
	case DRAW_HELP:
		return 1;
	case DRAW_QUESTION:
	case DRAW_WHY:
	case DRAW_STACK:
		break;
	}
	return (unsigned)keys_of(draw, lines) + 1 + (draw->error[0] ? 1 : 0);
}

void draw_question(struct draw *draw, int terminal)
{
	struct page page = {
		.row = 1,
		.rows = draw->rows,
		.columns = draw->columns,
	};
	bool instead = draw->view == DRAW_HELP || draw->view == DRAW_WHY ||
		       draw->view == DRAW_STACK;
	unsigned foot = foot_of(draw);

	page_begin(&page);
	draw->ready_row = 0;
	/* modes_leave() hid the cursor and stopped wrapping, so that a wide
	 * character does not push the screen. */
	text_add_string(&page.text, "\x1b[0m\x1b[2J");
	put_heading(&page, draw);
	if (page.rows > 10 || page.columns <= 60)
		page.row++;
	/* What can be pressed is always to be seen. */
	page.rows = draw->rows > foot + 2 ? draw->rows - foot : 2;
	if (instead)
		put_more(&page, draw);
	else
		put_facts(&page, draw);
	if (page.row < page.rows)
		page.row++;
	page.rows = draw->rows;
	if (draw->view == DRAW_CONFIRM)
		put_confirm(&page, draw);
	else if (draw->view == DRAW_EDIT || draw->view == DRAW_REASON)
		put_edit(&page, draw);
	else if (draw->view == DRAW_HELP)
		put_ready(&page, draw);
	else
		put_keys(&page, draw);
	if (draw->error[0] && draw->view != DRAW_EDIT &&
	    draw->view != DRAW_REASON)
		page_value(&page, "!", draw->error, PAGE_STRONG);
	page_put(&page, terminal);
	draw_waiting(draw, terminal);
}

/* ------------------------------------------------------------------ lines --
 */

static void put_lines_help(struct page *page, const struct draw *draw)
{
	text_format(&page->text,
		    "interpose: answer with a letter, a space and %lld, then "
		    "Enter:\r\n"
		    "interpose: a once, s session, p project, d deny, D deny "
		    "for session; a rule of yours may follow s, p or D, a "
		    "reason d\r\n",
		    (long long)json_integer_value(
			    json_object_get(draw->question, "question")));
}

void draw_lines_ready(int terminal)
{
	(void)!write(terminal, "interpose> ", 11);
}

void draw_lines_help(const struct draw *draw, int terminal)
{
	struct page page = {.lines = true};

	put_lines_help(&page, draw);
	page_put(&page, terminal);
	draw_lines_ready(terminal);
}

void draw_lines(const struct draw *draw, int terminal)
{
	struct page page = {.lines = true, .columns = 80, .rows = 24};
	auto_free char *allow = bytes_of(draw->question, "allow");

	page_begin(&page);
	text_add_string(&page.text, "\r\n");
	put_heading(&page, draw);
	put_facts(&page, draw);
	if (allow)
		page_value(&page, "to keep", allow, PAGE_PLAIN);
	if (draw->error[0])
		page_value(&page, "!", draw->error, PAGE_PLAIN);
	if (draw->waiting > 0)
		text_format(&page.text, "   %lld more wait\r\n", draw->waiting);
	put_lines_help(&page, draw);
	page_put(&page, terminal);
}
