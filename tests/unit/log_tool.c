/*
 * For test_log.sh: makes sessions, and runs the command on them.
 *
 *   log_tool make [live]   a session with one event of each kind; prints its
 *                          id. live: then waits for standard input to end, adds
 *                          two events more, and ends the session.
 *   log_tool log ARG...    as `interpose log ARG...`
 */
#include "supervisor/audit.h"
#include "supervisor/commands/log.h"
#include "supervisor/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void failed(void *context, int error)
{
	fprintf(stderr, "%s: %s\n", (const char *)context, strerror(error));
	exit(1);
}

static void check(int error)
{
	char what[] = "log_tool";

	if (error)
		failed(what, -error);
}

static void add_denied(struct audit *audit)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_DECISION);
	r.pid = 11;
	r.exe = "/usr/bin/cat";
	r.call = "openat";
	r.action = "read";
	r.subject = "/home/u/\x1b[31mx\n\xff";
	r.verdict = "deny";
	r.rule_file = "base";
	r.rule_line = 12;
	r.by = AUDIT_BY_POLICY;
	r.served_errno = "EACCES";
	check(audit_add(audit, &r));
}

static void add_events(struct audit *audit)
{
	static const char argv[] = "git\0commit\0-m\0it's a b\x1b";
	struct audit_record r;

	audit_record_init(&r, AUDIT_START);
	r.message = "interpose 0.1.0";
	check(audit_add(audit, &r));
	audit_record_init(&r, AUDIT_EXEC);
	r.pid = 10;
	r.exe = "/usr/bin/git";
	r.argv = argv;
	r.argv_length = sizeof(argv);
	r.cwd = "/home/u";
	r.action = "exec";
	r.subject = "/usr/bin/git";
	r.verdict = "allow";
	check(audit_add(audit, &r));
	add_denied(audit);
	audit_record_init(&r, AUDIT_DECISION);
	r.action = "read";
	r.pid = 12;
	r.exe = "/tmp/git, rule base:1)";
	r.subject = "/home/u/.aws/credentials  (git[10])";
	r.verdict = "fake";
	r.served_fake = "aws";
	check(audit_add(audit, &r));
	audit_record_init(&r, AUDIT_ASK);
	r.action = "connect";
	r.subject = "example.org:443";
	r.verdict = "allow";
	r.by = AUDIT_BY_PERSON;
	r.ms = 1234;
	check(audit_add(audit, &r));
	audit_record_init(&r, AUDIT_EXIT);
	r.pid = 10;
	r.ms = 2500;
	r.cpu_ms = 40;
	r.status = 3;
	check(audit_add(audit, &r));
}

static int make(bool live, bool again)
{
	struct session_info info = {.program = (char *)"/usr/bin/claude",
				    .project = (char *)"/home/u/pro\x1bject",
				    .pid = getpid(),
				    .status = -1,
				    .events = -1};
	struct session_files files;
	struct audit_record r;
	struct audit_head head;
	struct audit *audit;
	char byte, context[] = "audit";

	check(sessions_create("/usr/bin/claude", NULL, &files));
	check(sessions_describe(&files, &info));
	check(audit_open(files.state_fd, failed, context, &audit));
	add_events(audit);
	for (int i = 1; again && i < 40; i++)
		add_denied(audit);
	check(audit_flush(audit, NULL));
	printf("%s\n", files.id);
	fflush(stdout);
	if (live) {
		while (read(0, &byte, 1) > 0)
			continue;
		add_denied(audit);
	}
	audit_record_init(&r, AUDIT_END);
	r.status = 0;
	check(audit_add(audit, &r));
	check(audit_flush(audit, &head));
	check(audit_close(audit));
	info.status = 0;
	info.events = (int64_t)head.events;
	memcpy(info.hash, head.hash, sizeof(info.hash));
	check(sessions_describe(&files, &info));
	check(sessions_remove_runtime(&files));
	sessions_release(&files);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "make"))
		return make(argc > 2 && !strcmp(argv[2], "live"),
			    argc > 2 && !strcmp(argv[2], "again"));
	return command_log(argc - 1, argv + 1);
}
