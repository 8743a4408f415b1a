/*
 * A session at a glance: what its log says, added up. The log is not trusted:
 * nothing in it makes this slow, large or wrong about anything but itself.
 */
#ifndef SUPERVISOR_REPORT_REPORT_H
#define SUPERVISOR_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/text.h"
#include "supervisor/sessions.h"

enum { REPORT_BUCKETS = 128 };

/** A program that ran. The first one is the session itself. */
struct report_program {
	size_t parent, child, last, next; /**< indices; 0: none */
	const char *exe;
	const char *words; /**< the arguments, quoted, fit for a terminal */
	pid_t pid;
	int64_t start, end; /**< ms since the session's start: what is known */
	bool ended;	    /**< the log has its end, and how it ended */
	int status;	    /**< as a shell has it; -1: not known */
	int64_t cpu;	    /**< ms of processor time; -1: not known */
	uint64_t events, refused;
	uint64_t refused_all; /**< with what it started */
};

/** Where something was connected to, or listened on. */
struct report_host {
	const char *action, *name;
	const char *program; /**< the first one that did */
	bool programs;	     /**< others did, too */
	bool measured;	     /**< the bytes are known */
	uint64_t allowed, refused, requests;
	uint64_t bytes_out, bytes_in;
};

struct report_file {
	const char *path;
	uint64_t reads, writes, refused;
};

/** Something that was not simply allowed: refused, hidden, served a stand-in,
 * or asked about while nobody was there. */
struct report_refusal {
	const char *action, *subject, *program, *verdict, *by;
	const char *rule_file, *rule, *fake, *why;
	unsigned rule_line;
	uint64_t count;
	int64_t first;
	size_t group; /**< things of the same rule have the same */
};

struct report_question {
	const char *action, *subject, *verdict, *by, *rule, *message;
	int64_t at, waited;
};

/** Where a secret took the place of its placeholder. */
struct report_use {
	const char *secret, *program;
	const char
		*subject; /**< the request; NULL: there were too many kinds */
	uint64_t count;
	int64_t first;
};

/** An alert or an error. */
struct report_note {
	const char *event, *message, *program;
	uint64_t count;
	int64_t first;
};

/** The numbers of an interval. */
struct report_bucket {
	uint64_t events, refused;
};

struct report {
	const struct session_entry *session;
	struct report_program *programs;
	struct report_host *hosts;
	struct report_file *files; /**< sorted by path */
	struct report_refusal
		*refusals; /**< by rule, the most frequent first */
	struct report_refusal *stand_ins; /**< the same */
	struct report_question *questions;
	struct report_note *notes;
	struct report_use *uses; /**< by secret, the most frequent first */
	const char **secrets;	 /**< `secret` lines whose secret was there */
	size_t program_count, host_count, file_count, refusal_count;
	size_t stand_in_count, question_count, note_count, secret_count;
	size_t use_count;
	uint64_t events, refused, faked, asked;
	uint64_t left_out; /**< things beyond what is kept of a kind */
	uint64_t broken;   /**< lines that do not fit the chain, or are none */
	bool dry_run, ended;
	int status;	  /**< of the program, or -1 */
	int64_t duration; /**< ms */
	struct report_bucket buckets[REPORT_BUCKETS];
	int64_t bucket_ms;
	struct report_memory *memory;
};

/**
 * Read a session. Returns 0, with `report` for report_clear(), or -errno. The
 * session must outlive it.
 */
int report_read(const struct session_entry *session, struct report *report);
void report_clear(struct report *report);

/** The rule that would allow what was refused: malloc()ed; NULL where none can
 * (it is final) or no rule can say it. Where a name was looked up that is not
 * known, HOST:PORT stands for it. */
char *report_allow(const struct report_refusal *refusal);

/** Add `12.4 s`, `1.2 MB`, `1,204`. */
void report_add_time(struct text *text, int64_t ms);
void report_add_bytes(struct text *text, uint64_t bytes);
void report_add_number(struct text *text, uint64_t number);

/** Add `, status 3` where a program failed, `, 1.2 s of CPU` where that is
 * known and more than a moment; or nothing. */
void report_add_outcome(struct text *text,
			const struct report_program *program);

/** The last component of a path. */
const char *report_base(const char *path);

/** Visit the files as a tree: directories with what is below them, up to the
 * limits. */
struct report_branch {
	const char *name; /**< not ended by a NUL */
	size_t length;
	unsigned depth;
	bool directory;
	size_t more; /**< instead of a name: so many are left out here */
	uint64_t reads, writes, refused;
};
struct report_limits {
	size_t most;	/**< lines */
	size_t in_one;	/**< lines of one directory */
	unsigned depth; /**< of directories */
};
void report_files(const struct report *report,
		  const struct report_limits *limits,
		  void (*enter)(void *context, const struct report_branch *),
		  void (*leave)(void *context), void *context);

/** Add the whole as text for a terminal, as a JSON object, or as a page. */
void report_plain(const struct report *report, struct text *text);
void report_json(const struct report *report, struct text *text);
void report_html(const struct report *report, struct text *text);

#endif
