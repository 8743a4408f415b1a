/*
 * A report as one page: no network, no frame, no image from elsewhere. All of
 * it can be read without the script, which adds a filter and buttons.
 */
#include "supervisor/report/html.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/report/page.h"
#include "supervisor/visible.h"

enum {
	SUBJECT = 400,	   /* bytes that are shown of one */
	MOST_THINGS = 100, /* of one rule */
	MOST_RULES = 500,
	MOST_HOSTS = 1000,
	MOST_QUESTIONS = 1000,
	STRIP_HEIGHT = 60,
};

/* ----------------------------------------------------------------- words -- */

void html_text(struct text *text, const char *bytes, size_t length)
{
	struct text plain = {0};

	visible_text(&plain, bytes, length);
	for (size_t i = 0; i < plain.length; i++) {
		switch (plain.data[i]) {
		case '&':
			text_add_string(text, "&amp;");
			break;
		case '<':
			text_add_string(text, "&lt;");
			break;
		case '>':
			text_add_string(text, "&gt;");
			break;
		case '"':
			text_add_string(text, "&quot;");
			break;
		case '\'':
			text_add_string(text, "&#39;");
			break;
		default:
			text_add_byte(text, plain.data[i]);
		}
	}
	text->failed |= plain.failed;
	text_free(&plain);
}

void html_string(struct text *text, const char *string)
{
	html_text(text, string, strlen(string));
}

void html_code(struct text *text, const char *string, size_t most)
{
	size_t length = strlen(string);

	text_add_string(text, "<code>");
	html_text(text, string, length < most ? length : most);
	text_add_string(text, length > most ? "&hellip;</code>" : "</code>");
}

void html_program(struct text *text, const char *exe)
{
	if (exe)
		html_code(text, report_base(exe), SUBJECT);
}

void html_section(struct text *text, const char *id, const char *heading)
{
	text_format(text,
		    "<section id=\"%s\" aria-labelledby=\"h-%s\">"
		    "<h2 id=\"h-%s\">%s</h2>\n",
		    id, id, id, heading);
}

void html_section_end(struct text *text)
{
	text_add_string(text, "</section>\n");
}

/* ------------------------------------------------------------------ head -- */

/* What the page may do: these two texts, and nothing else. */
static void allow_only(struct text *text, const char *directive,
		       const char *content)
{
	unsigned char hash[EVP_MAX_MD_SIZE], base[2 * EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (!EVP_Digest(content, strlen(content), hash, &length, EVP_sha256(),
			NULL)) {
		text->failed = true;
		return;
	}
	EVP_EncodeBlock(base, hash, (int)length);
	text_format(text, "; %s 'sha256-%s'", directive, (const char *)base);
}

static void head(const struct report *report, struct text *text)
{
	const struct session_info *info = &report->session->info;
	const char *program =
		info->program ? report_base(info->program) : "session";

	text_add_string(text, "<!doctype html>\n<html lang=\"en\"><head>"
			      "<meta charset=\"utf-8\">\n<meta http-equiv="
			      "\"Content-Security-Policy\" content=\""
			      "default-src 'none'");
	allow_only(text, "style-src", page_style);
	allow_only(text, "script-src", page_script);
	text_add_string(
		text, "; base-uri 'none'; form-action 'none'\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width\">"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n"
		      "<title>");
	html_string(text, program);
	text_add_string(text, ": what it did</title>\n<style>");
	text_add_string(text, page_style);
	text_add_string(text,
			"</style></head>\n<body>\n<a class=\"skip\" "
			"href=\"#main\">To the content</a>\n<header><h1>");
	html_string(text, program);
	text_add_string(text, ": what it did</h1>\n<p class=\"soft\">");
	if (info->project) {
		text_add_string(text, "in ");
		html_code(text, info->project, SUBJECT);
		text_add_string(text, ", ");
	}
	text_add_string(text, "session ");
	html_code(text, report->session->id, SUBJECT);
	if (info->started[0]) {
		text_add_string(text, ", started ");
		html_text(text, info->started, strcspn(info->started, "."));
		text_add_string(text, " UTC");
	}
	if (report->session->live)
		text_add_string(text, ", still running");
	else if (!report->ended)
		text_add_string(text, ", killed");
	else if (report->status >= 0)
		text_format(text, ", status %d", report->status);
	text_add_string(text, "</p>\n");
	if (report->dry_run)
		text_add_string(text,
				"<p><strong>A dry run: nothing was refused, "
				"and no stand-in was served.</strong> What "
				"follows is what the policy would have "
				"done.</p>\n");
	if (report->broken)
		text_format(text,
			    "<p class=\"bad\"><strong>%" PRIu64
			    " lines of the log do not fit: run "
			    "<code>interpose log verify</code>.</strong></p>\n",
			    report->broken);
}

static void number(struct text *text, uint64_t value, const char *of)
{
	text_format(text, "<div><dt>%s</dt><dd>", of);
	report_add_number(text, value);
	text_add_string(text, "</dd></div>");
}

static void numbers(const struct report *report, struct text *text)
{
	text_add_string(text, "<dl class=\"numbers\">");
	number(text, report->events, "events");
	number(text, report->program_count ? report->program_count - 1 : 0,
	       "programs");
	number(text, report->host_count, "hosts and ports");
	number(text, report->refused, "refused");
	number(text, report->faked, "stand-ins");
	number(text, report->asked, "questions");
	text_add_string(text, "<div><dt>long</dt><dd>");
	report_add_time(text, report->duration);
	text_add_string(text, "</dd></div></dl>\n");
	if (report->left_out) {
		text_add_string(text, "<p>");
		report_add_number(text, report->left_out);
		text_add_string(text, " events are only counted here: there "
				      "were too many different things.</p>\n");
	}
}

static void strip(const struct report *report, struct text *text)
{
	uint64_t most = 1;
	size_t used = 1;

	for (size_t i = 0; i < REPORT_BUCKETS; i++) {
		if (report->buckets[i].events > most)
			most = report->buckets[i].events;
		if (report->buckets[i].events)
			used = i + 1;
	}
	text_format(text,
		    "<svg class=\"strip\" viewBox=\"0 0 %zu %d\" "
		    "preserveAspectRatio=\"none\" role=\"img\" aria-label=\""
		    "Events over time: at most ",
		    used * 4, STRIP_HEIGHT + 4);
	report_add_number(text, most);
	text_add_string(text, " in ");
	report_add_time(text, report->bucket_ms);
	text_add_string(text, "\">");
	for (size_t i = 0; i < used; i++) {
		const struct report_bucket *bucket = &report->buckets[i];
		uint64_t height =
			(bucket->events * STRIP_HEIGHT + most - 1) / most;
		uint64_t bad =
			(bucket->refused * STRIP_HEIGHT + most - 1) / most;

		if (height)
			text_format(text,
				    "<rect x=\"%zu\" y=\"%" PRIu64
				    "\" width=\"3\" height=\"%" PRIu64 "\"/>",
				    i * 4, STRIP_HEIGHT + 2 - height, height);
		if (bad)
			text_format(text,
				    "<rect class=\"r\" x=\"%zu\" y=\"%" PRIu64
				    "\" width=\"3\" height=\"%" PRIu64 "\"/>",
				    i * 4, STRIP_HEIGHT + 2 - bad, bad);
	}
	text_add_string(text, "</svg>\n");
}

static void links(const struct report *report, struct text *text)
{
	text_add_string(text, "</header>\n<nav aria-label=\"Sections\"><ul>");
	if (report->note_count)
		text_add_string(text,
				"<li><a href=\"#alerts\">Alerts</a></li>");
	text_add_string(text,
			"<li><a href=\"#refused\">Refused</a></li>"
			"<li><a href=\"#questions\">Questions</a></li>"
			"<li><a href=\"#secrets\">Secrets</a></li>"
			"<li><a href=\"#programs\">Programs</a></li>"
			"<li><a href=\"#network\">Network</a></li>"
			"<li><a href=\"#files\">Files</a></li></ul></nav>\n"
			"<div class=\"find\" role=\"search\" "
			"hidden><label>Show only rows with "
			"<input type=\"search\"></label></div>\n"
			"<p id=\"said\" role=\"status\" class=\"soft\"></p>\n"
			"<main id=\"main\" tabindex=\"-1\">\n");
}

/* ---------------------------------------------------------------- tables -- */

static void cell_number(struct text *text, uint64_t value)
{
	text_add_string(text, "<td class=\"n\">");
	report_add_number(text, value);
	text_add_string(text, "</td>");
}

static void table(struct text *text, const char *caption, const char *columns)
{
	text_format(text,
		    "<table><caption>%s</caption><thead><tr>%s</tr></thead>"
		    "<tbody>\n",
		    caption, columns);
}

static void table_end(struct text *text, size_t left, const char *of)
{
	text_add_string(text, "</tbody></table>\n");
	if (!left)
		return;
	text_add_string(text, "<p class=\"soft\">and ");
	report_add_number(text, left);
	text_format(text,
		    " more %s: <code>interpose log</code> has them.</p>\n", of);
}

static void alerts(const struct report *report, struct text *text)
{
	if (!report->note_count)
		return;
	html_section(text, "alerts", "Alerts");
	table(text,
	      "What an attack would look like, and interpose's own "
	      "errors",
	      "<th scope=\"col\">Kind</th><th scope=\"col\">What</th>"
	      "<th scope=\"col\">Program</th><th scope=\"col\" class=\"n\">"
	      "Times</th>");
	for (size_t i = 0; i < report->note_count; i++) {
		const struct report_note *note = &report->notes[i];

		text_format(text, "<tr><td class=\"bad\">%s</td><td>",
			    note->event);
		html_code(text, note->message, 2 * SUBJECT);
		text_add_string(text, "</td><td>");
		html_program(text, note->program);
		text_add_string(text, "</td>");
		cell_number(text, note->count);
		text_add_string(text, "</tr>\n");
	}
	table_end(text, 0, "");
	html_section_end(text);
}

static void thing_row(struct text *text, const struct report_refusal *thing,
		      bool refused)
{
	auto_free char *allow = refused ? report_allow(thing) : NULL;

	text_format(text, "<tr><td class=\"%s\">%s</td><td>",
		    refused ? "bad" : "fake", thing->verdict);
	html_string(text, thing->action ?: "");
	text_add_string(text, "</td><td>");
	html_code(text, thing->subject ?: "", SUBJECT);
	if (thing->why) {
		text_add_string(text, "<br><span class=\"soft\">");
		html_string(text, thing->why);
		text_add_string(text, "</span>");
	}
	if (thing->fake) {
		text_add_string(text, "<br><span class=\"soft\">a stand-in: ");
		html_string(text, thing->fake);
		text_add_string(text, "</span>");
	}
	if (allow) {
		text_add_string(text,
				"<div class=\"allow\"><span class=\"soft\">"
				"to allow it</span>");
		html_code(text, allow, 4 * SUBJECT);
		text_add_string(text, "</div>");
	}
	text_add_string(text, "</td><td>");
	html_program(text, thing->program);
	text_add_string(text, "</td>");
	cell_number(text, thing->count);
	text_add_string(text, "</tr>\n");
}

static void rule_head(struct text *text, const struct report_refusal *thing)
{
	text_add_string(text, "<h3>");
	if (thing->rule)
		html_code(text, thing->rule, 2 * SUBJECT);
	else
		text_add_string(text, "No rule, so it is asked");
	if (thing->rule_file) {
		text_add_string(text, " <span class=\"soft\">");
		html_string(text, thing->rule_file);
		text_format(text, ":%u</span>", thing->rule_line);
	}
	text_add_string(text, "</h3>\n");
	table(text,
	      !strcmp(thing->verdict, "fake") ? "Served a stand-in"
	      : thing->rule		      ? "Decided by this rule"
			    : "Refused by a person, or by nobody being there",
	      "<th scope=\"col\">Verdict</th><th scope=\"col\">Action</th>"
	      "<th scope=\"col\">What</th><th scope=\"col\">Program</th>"
	      "<th scope=\"col\" class=\"n\">Times</th>");
}

static void things(struct text *text, const struct report_refusal *list,
		   size_t count, bool refused)
{
	size_t of_rule = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == 0 || list[i].group != list[i - 1].group) {
			if (i)
				table_end(text,
					  of_rule > MOST_THINGS
						  ? of_rule - MOST_THINGS
						  : 0,
					  "by this rule");
			of_rule = 0;
			if (list[i].group >= MOST_RULES) {
				text_format(text, "<p>and %zu more rules</p>\n",
					    list[count - 1].group + 1 -
						    list[i].group);
				return;
			}
			rule_head(text, &list[i]);
		}
		if (of_rule++ < MOST_THINGS)
			thing_row(text, &list[i], refused);
	}
	if (count)
		table_end(text,
			  of_rule > MOST_THINGS ? of_rule - MOST_THINGS : 0,
			  "by this rule");
}

static void refusals(const struct report *report, struct text *text)
{
	html_section(text, "refused",
		     report->dry_run ? "Would have been refused" : "Refused");
	if (!report->refusal_count)
		text_add_string(text, "<p>Nothing.</p>\n");
	else
		text_add_string(
			text, "<p class=\"soft\">By rule. The line below each "
			      "would allow it: give it to <code>-e</code>, or "
			      "add it to your policy. Where there is none, "
			      "the rule is final.</p>\n");
	things(text, report->refusals, report->refusal_count, true);
	html_section_end(text);
}

static void questions(const struct report *report, struct text *text)
{
	size_t count = report->question_count;

	html_section(text, "questions", "Questions and answers");
	if (!count) {
		text_add_string(text, "<p>None was asked.</p>\n");
		html_section_end(text);
		return;
	}
	table(text, "What was asked, and who answered",
	      "<th scope=\"col\" class=\"n\">At</th><th scope=\"col\">Answer"
	      "</th><th scope=\"col\">By</th><th scope=\"col\">Action</th>"
	      "<th scope=\"col\">What</th><th scope=\"col\" class=\"n\">After"
	      "</th>");
	for (size_t i = 0; i < count && i < MOST_QUESTIONS; i++) {
		const struct report_question *asked = &report->questions[i];
		bool yes = asked->verdict && !strcmp(asked->verdict, "allow");

		text_add_string(text, "<tr><td class=\"n\">");
		report_add_time(text, asked->at);
		text_format(text,
			    "</td><td class=\"%s\">%s</td><td>%s</td><td>",
			    yes ? "good" : "bad", asked->verdict ?: "",
			    asked->by ?: "");
		html_string(text, asked->action ?: "");
		text_add_string(text, "</td><td>");
		html_code(text, asked->subject ?: "", SUBJECT);
		if (asked->message) {
			text_add_string(text, "<br><span class=\"soft\">");
			html_string(text, asked->message);
			text_add_string(text, "</span>");
		}
		text_add_string(text, "</td><td class=\"n\">");
		if (asked->waited >= 0)
			report_add_time(text, asked->waited);
		text_add_string(text, "</td></tr>\n");
	}
	table_end(text, count > MOST_QUESTIONS ? count - MOST_QUESTIONS : 0,
		  "questions");
	html_section_end(text);
}

static void uses(const struct report *report, struct text *text)
{
	size_t count = report->use_count;

	if (!count)
		return;
	table(text, "Where the values took the place of their placeholders",
	      "<th scope=\"col\">Secret</th><th scope=\"col\">Request</th>"
	      "<th scope=\"col\">Program</th><th scope=\"col\" class=\"n\">"
	      "Times</th>");
	for (size_t i = 0; i < count && i < MOST_HOSTS; i++) {
		const struct report_use *use = &report->uses[i];

		text_add_string(text, "<tr><td>");
		html_code(text, use->secret, SUBJECT);
		text_add_string(text, "</td><td>");
		if (use->subject)
			html_code(text, use->subject, SUBJECT);
		else
			text_add_string(text, "other requests");
		text_add_string(text, "</td><td>");
		html_program(text, use->program);
		text_add_string(text, "</td>");
		cell_number(text, use->count);
		text_add_string(text, "</tr>\n");
	}
	table_end(text, count > MOST_HOSTS ? count - MOST_HOSTS : 0, "places");
}

static void secrets(const struct report *report, struct text *text)
{
	html_section(text, "secrets", "Secrets kept");
	if (report->secret_count) {
		text_add_string(text, "<p>The session held placeholders of "
				      "these; the values went to these hosts "
				      "and nowhere else:</p>\n<ul>\n");
		for (size_t i = 0; i < report->secret_count; i++) {
			text_add_string(text, "<li>");
			html_code(text, report->secrets[i], SUBJECT);
			text_add_string(text, "</li>\n");
		}
		text_add_string(text, "</ul>\n");
	}
	uses(report, text);
	if (!report->stand_in_count && !report->secret_count)
		text_add_string(text, "<p>No stand-in was served.</p>\n");
	things(text, report->stand_ins, report->stand_in_count, false);
	html_section_end(text);
}

static void host_row(struct text *text, const struct report_host *host)
{
	text_format(text, "<tr><td>%s</td><td>", host->action);
	html_code(text, host->name, SUBJECT);
	text_add_string(text, "</td><td>");
	html_program(text, host->program);
	text_add_string(text, host->programs ? " and others</td>" : "</td>");
	cell_number(text, host->allowed);
	cell_number(text, host->refused);
	cell_number(text, host->requests);
	text_add_string(text, "<td class=\"n\">");
	if (host->measured)
		report_add_bytes(text, host->bytes_out);
	text_add_string(text, "</td><td class=\"n\">");
	if (host->measured)
		report_add_bytes(text, host->bytes_in);
	text_add_string(text, "</td></tr>\n");
}

static void network(const struct report *report, struct text *text)
{
	size_t count = report->host_count;

	html_section(text, "network", "Network");
	if (!count) {
		text_add_string(text, "<p>Nothing was connected to.</p>\n");
		html_section_end(text);
		return;
	}
	table(text,
	      "Hosts; bytes where the connection went through "
	      "interpose's broker and is over",
	      "<th scope=\"col\">Action</th><th scope=\"col\">Host</th>"
	      "<th scope=\"col\">Program</th>"
	      "<th scope=\"col\" class=\"n\">Allowed</th>"
	      "<th scope=\"col\" class=\"n\">Refused</th>"
	      "<th scope=\"col\" class=\"n\">Requests</th>"
	      "<th scope=\"col\" class=\"n\">Out</th>"
	      "<th scope=\"col\" class=\"n\">In</th>");
	for (size_t i = 0; i < count && i < MOST_HOSTS; i++)
		host_row(text, &report->hosts[i]);
	table_end(text, count > MOST_HOSTS ? count - MOST_HOSTS : 0, "hosts");
	html_section_end(text);
}

void report_html(const struct report *report, struct text *text)
{
	head(report, text);
	numbers(report, text);
	strip(report, text);
	links(report, text);
	alerts(report, text);
	refusals(report, text);
	questions(report, text);
	secrets(report, text);
	html_programs(report, text);
	network(report, text);
	html_files(report, text);
	text_add_string(text, "</main>\n<script>");
	text_add_string(text, page_script);
	text_add_string(text, "</script>\n</body></html>\n");
}
