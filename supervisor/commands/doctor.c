#include "supervisor/commands/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "supervisor/cgroup.h"
#include "supervisor/commands/doctor_rows.h"
#include "supervisor/credentials.h"
#include "supervisor/fence.h"
#include "supervisor/kernel.h"
#include "supervisor/preload.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/sessions.h"

enum { SIGNAL_SCOPE_ABI = 6 };

/* One finding: what was looked at, what it is, what that means. */
struct report {
	json_t *findings; /* with --json; else NULL */
	bool broken;
};

enum grade { GRADE_BROKEN = 0, GRADE_LESS, GRADE_GOOD };

static void find(struct report *report, enum grade grade, const char *name,
		 const char *value, const char *meaning)
{
	static const char *const grades[] = {"broken", "less", "good"};
	static const char *const marks[] = {"NO  ", "less", "ok  "};

	report->broken |= grade == GRADE_BROKEN;
	if (report->findings) {
		json_array_append_new(report->findings,
				      json_pack("{s:s, s:s, s:s, s:s}", "name",
						name, "grade", grades[grade],
						"value", value, "meaning",
						meaning));
		return;
	}
	printf("%s  %-22s %s\n", marks[grade], name, value);
	if (grade != GRADE_GOOD)
		printf("      %s\n", meaning);
}

static void yes_or_no(struct report *report, bool there, const char *name,
		      const char *without)
{
	find(report, there ? GRADE_GOOD : GRADE_LESS, name,
	     there ? "yes" : "no", without);
}

/* What sessions have by default, if they can. */
static void find_fence(struct report *report,
		       const struct kernel_features *features)
{
	bool kernel = features->landlock_abi >= FENCE_ABI;
	bool library = preload_built() == 0;

	find(report, kernel && library ? GRADE_GOOD : GRADE_LESS,
	     "fence around files",
	     kernel && library ? "yes; interpose policy show --fence lists it"
			       : "none",
	     kernel ? "every call on a file is decided by the supervisor: "
		      "interpose-shim.so, which was installed beside "
		      "interpose, cannot be read"
		    : "every call on a file is decided by the supervisor "
		      "(Landlock's version 3, Linux 6.2, can tell apart what "
		      "may pass)");
}

static bool look_at_kernel(struct report *report,
			   struct kernel_features *features)
{
	struct utsname system;
	char why[512], value[64];

	if (uname(&system) == 0)
		find(report, GRADE_GOOD, "kernel", system.release, "");
	if (kernel_probe(features, why, sizeof(why))) {
		find(report, GRADE_BROKEN, "what a session relies on",
		     "missing", why);
		return false;
	}
	find(report, GRADE_GOOD, "what a session relies on", "there", "");
	snprintf(value, sizeof(value), "version %d", features->landlock_abi);
	find(report,
	     features->landlock_abi >= SIGNAL_SCOPE_ABI ? GRADE_GOOD
							: GRADE_LESS,
	     "Landlock", features->landlock_abi ? value : "none",
	     features->landlock_abi
		     ? "signals are decided one by one by the supervisor "
		       "(from version 6 on the kernel keeps them inside)"
		     : "the kernel's second fence around other processes is "
		       "missing; the supervisor's own rules hold");
	find_fence(report, features);
	yes_or_no(report, features->sync_wake_up, "synchronous wake-up",
		  "each decided call takes some microseconds longer "
		  "(Linux 6.6 has it)");
	yes_or_no(report, features->pidfd_getfd, "pidfd_getfd",
		  "an outer sandbox refuses it: descriptors are fetched in a "
		  "slower way");
	yes_or_no(report, features->unshare_fs, "unshare",
		  "an outer sandbox refuses it: files are created one at a "
		  "time");
	yes_or_no(report, features->protected_symlinks, "protected links",
		  "links in /tmp are followed for everyone, as without "
		  "interpose (sysctl fs.protected_symlinks)");
	return true;
}

static void look_at_rows(struct report *report,
			 const struct kernel_features *features,
			 bool privileged)
{
	struct doctor_rows rows;
	char value[160];
	const char *step;
	int error = doctor_try_rows(features, privileged, &rows, &step);

	if (error) {
		snprintf(value, sizeof(value), "%s: %s", step,
			 strerror(-error));
		find(report, GRADE_BROKEN, "the filter, tried", value,
		     "no session can start");
		return;
	}
	snprintf(value, sizeof(value),
		 "%zu calls served, %zu refused, %zu native, %zu by their "
		 "arguments, %zu not tried",
		 rows.notified, rows.refused, rows.native, rows.arguments,
		 rows.untried);
	find(report, rows.wrong ? GRADE_BROKEN : GRADE_GOOD,
	     "the filter, tried", value, rows.first_wrong);
}

static void look_at_places(struct report *report)
{
	struct session_files files;
	int error = sessions_create("doctor", NULL, &files);

	if (error) {
		find(report, GRADE_BROKEN, "directories of sessions",
		     strerror(-error),
		     "state and runtime directories must be yours alone: see "
		     "XDG_STATE_HOME and XDG_RUNTIME_DIR");
		return;
	}
	find(report, GRADE_GOOD, "directories of sessions", files.state_path,
	     "");
	(void)sessions_remove_runtime(&files);
	/* It is empty: nothing was run. */
	(void)rmdir(files.state_path);
	sessions_release(&files);
}

/* What limits are kept by. */
static void look_at_cgroup(struct report *report)
{
	char path[PATH_MAX];
	bool there = cgroup_possible(path, sizeof(path)) == 0;

	find(report, there ? GRADE_GOOD : GRADE_LESS, "cgroup for limits",
	     there ? path : "none",
	     "the memory and the processes of a session with such a limit are "
	     "counted some times a second: no cgroup of version 2 with these "
	     "controllers is yours to divide, as those of a systemd user "
	     "service are");
}

int command_doctor(int argc, char **argv)
{
	static const struct option known[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct report report = {.findings = NULL};
	struct kernel_features features;
	struct session session = {.uid = 0};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option != 'j') {
			say("usage: interpose doctor [--json]");
			return 2;
		}
		report.findings = json_array();
	}
	if (look_at_kernel(&report, &features)) {
		(void)credentials_learn(&session);
		look_at_rows(&report, &features, session.privileged);
	}
	find(&report, GRADE_GOOD, "user",
	     session.privileged ? "with capabilities, of which a session gets "
				  "fewer"
				: "without capabilities",
	     "");
	look_at_cgroup(&report);
	look_at_places(&report);
	if (report.findings) {
		json_dumpf(report.findings, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(report.findings);
	}
	return report.broken ? 1 : 0;
}
