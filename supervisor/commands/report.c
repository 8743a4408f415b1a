#include "supervisor/commands/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/scope.h"
#include "supervisor/commands/recorded.h"
#include "supervisor/output.h"
#include "supervisor/report/report.h"
#include "supervisor/say.h"

static const char help[] =
	"Usage: interpose report [--json | --html FILE] [SESSION]\n"
	"\n"
	"Show a session at a glance: what was refused, asked and kept secret, "
	"the\n"
	"programs as a tree, hosts and files. Without SESSION, the newest.\n"
	"\n"
	"  --html FILE   write a page for a browser: one file, no network\n"
	"  --json        all of it as one JSON object\n"
	"  --help        this text\n";

enum { OPTION_HTML = 256, OPTION_JSON, OPTION_HELP };

static const struct option long_options[] = {
	{"html", required_argument, NULL, OPTION_HTML},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* A page tells what a person works on: it is for its owner's eyes. */
static int write_page(const char *path, const char *page, size_t length)
{
	auto_fd fd = output_open(path, 0600);
	struct stat file;
	size_t done = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &file) ||
	    (S_ISREG(file.st_mode) && (ftruncate(fd, 0) || fchmod(fd, 0600))))
		return -errno;
	while (done < length) {
		ssize_t n = write(fd, page + done, length - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return close(take_fd(&fd)) ? -errno : 0;
}

static int show(const struct report *report, const char *page, bool json)
{
	struct text text = {0};
	auto_free char *string = NULL;
	int error;

	if (page)
		report_html(report, &text);
	else if (json)
		report_json(report, &text);
	else
		report_plain(report, &text);
	size_t length = text.length;

	error = text_finish(&text, &string);
	if (error) {
		say("the report: %s", strerror(-error));
	} else if (page) {
		error = write_page(page, string, length);
		if (error)
			say("%s: %s", page, output_error(error));
	} else {
		fwrite(string, 1, length, stdout);
		error = fflush(stdout) ? -errno : 0;
	}
	return error;
}

int command_report(int argc, char **argv)
{
	const char *page = NULL, *name;
	struct session_entry session;
	struct report report;
	bool json = false;
	int option, error;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
	       -1) {
		if (option == OPTION_HTML) {
			page = optarg;
		} else if (option == OPTION_JSON) {
			json = true;
		} else {
			fputs(help, option == OPTION_HELP ? stdout : stderr);
			return option == OPTION_HELP ? 0 : EXIT_USAGE;
		}
	}
	name = optind < argc ? argv[optind++] : NULL;
	if (optind < argc || (json && page)) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	error = sessions_find(name, &session);
	if (error) {
		recorded_not_found(name, error);
		return 1;
	}
	error = report_read(&session, &report);
	if (error) {
		say("%s: cannot read the log: %s", session.id,
		    strerror(-error));
	} else {
		error = show(&report, page, json);
		report_clear(&report);
	}
	session_entry_clear(&session);
	return error ? 1 : 0;
}
