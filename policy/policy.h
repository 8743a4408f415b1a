/*
 * The policy engine: text in, decisions out.
 *
 * A policy is loaded once, from layers of text, into an immutable object that
 * any number of threads may ask at once. Asking allocates nothing, takes no
 * lock, reads no file and no clock. The supervisor, `explain`, `replay` and
 * `policy test` all call policy_decide(), so they cannot disagree.
 *
 * The language is described in interpose-policy(5).
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/** What a program gets. The zero value is the safe one. */
enum verdict {
	VERDICT_DENY = 0, /**< a plain refusal */
	VERDICT_ASK,	  /**< a person decides; unattended it is a refusal */
	VERDICT_HIDE,	  /**< absence */
	VERDICT_FAKE,	  /**< a stand-in */
	VERDICT_ALLOW,	  /**< the real thing */
};

/** What a rule covers. */
enum action {
	ACTION_READ = 0,
	ACTION_WRITE,
	ACTION_EXEC,
	ACTION_CONNECT,
	ACTION_LISTEN,
	ACTION_HTTP,
	ACTION_ENV,
	ACTION_COUNT,
};

/** "allow", "read" and so on: static strings. */
const char *verdict_name(enum verdict verdict);
const char *action_name(enum action action);

struct policy;
struct policy_rule;

/* ------------------------------------------------------------- loading -- */

/** Where a layer stands; later ones decide over earlier ones, within limits. */
enum policy_layer_kind {
	POLICY_LAYER_GUARD = 0, /**< interpose's own `never` rules */
	POLICY_LAYER_BASE,
	POLICY_LAYER_PROFILE,
	POLICY_LAYER_SYSTEM,
	POLICY_LAYER_USER,
	POLICY_LAYER_FILE,    /**< -p */
	POLICY_LAYER_PROJECT, /**< the trusted project's */
	POLICY_LAYER_RULE,    /**< -e */
	POLICY_LAYER_GRANT,   /**< what a person granted */
};

/** One text of rules. All strings are the caller's, needed until load ends. */
struct policy_source {
	enum policy_layer_kind kind;
	const char *name; /**< shown in messages: a path, or `-e` */
	const char *text; /**< the rules; NULL: read the file `name` */
};

/** A variable set by interpose, such as `project`. */
struct policy_variable {
	const char *name;
	const char
		*value; /**< taken literally; NULL: known, but not set here */
};

/**
 * What loading may ask of the outside. Each returns 0 or -errno; texts are
 * malloc()ed and become the engine's.
 */
struct policy_host {
	/** The bytes of a policy file. */
	int (*read_file)(void *context, const char *path, char **text,
			 size_t *length);
	/** The path of an included NAME; -ENOENT where there is none. */
	int (*find_policy)(void *context, const char *name, char **path);
	/**
	 * The canonical spelling of a path of which the end may not exist:
	 * links of what exists are resolved, the rest is kept.
	 */
	int (*canonical)(void *context, const char *path, char **canonical);
	/**
	 * The canonical path of the program that PATH finds for a name;
	 * -ENOENT where there is none.
	 */
	int (*find_program)(void *context, const char *name, char **path);
	/** 1 if the file starts with `#!`, 0 if not. May be NULL. */
	int (*is_script)(void *context, const char *path);
	void *context;
};

/** The host that reads the real file system and the given PATH. */
struct policy_system_host {
	const char *search_path; /**< as in $PATH */
	const char *const
		*policy_dirs; /**< for `include`, in order; NULL ends */
	/** Directories that were resolved: the host's own. */
	struct policy_resolved *resolved;
};
void policy_system_host_init(struct policy_host *host,
			     struct policy_system_host *context);
/** Free what the host keeps in its context. */
void policy_system_host_clear(struct policy_system_host *context);

/** One mistake or warning. Texts live as long as the list. */
struct policy_diagnostic {
	bool is_error;
	const char *file;
	unsigned line, column, width; /**< from 1; width of the marked word */
	const char *source;	      /**< the line itself */
	const char *message;
	const char *hint; /**< what was meant, or NULL */
};

struct policy_diagnostics;
struct policy_diagnostics *policy_diagnostics_new(void);
void policy_diagnostics_free(struct policy_diagnostics *list);
size_t policy_diagnostics_errors(const struct policy_diagnostics *list);
size_t policy_diagnostics_count(const struct policy_diagnostics *list);
const struct policy_diagnostic *
policy_diagnostics_at(const struct policy_diagnostics *list, size_t index);
/** Print all, with caret lines; control characters are shown as \xNN. */
void policy_diagnostics_print(const struct policy_diagnostics *list, FILE *out,
			      bool colour);

struct policy_input {
	const struct policy_source *sources;
	size_t source_count;
	/** One more, behind them, or NULL: it counts only where requests are
	 * looked into, that is where they have an `http` rule or a secret. */
	const struct policy_source *for_requests;
	const struct policy_variable *variables;
	size_t variable_count;
	const struct policy_host *host;
	bool check; /**< also find rules that can never decide (slower) */
	/** Called once the rules are known and without a mistake, before what
	 * decides by them is made: policy_rules() and its kind may be asked.
	 * May be NULL. */
	void (*known)(void *context, const struct policy *policy);
	void *known_context;
};

/**
 * Load a policy. All mistakes of all sources are added to `list` in one run.
 *
 * Returns 0 and a policy for policy_free(), or -EINVAL where there was a
 * mistake, -ENOMEM, or the -errno of the host.
 */
int policy_load(const struct policy_input *input,
		struct policy_diagnostics *list, struct policy **policy);
void policy_free(struct policy *policy);

/* ------------------------------------------------------------ deciding -- */

/** A program as `by` and `under` see it. Strings are the asker's. */
struct policy_program {
	const char *exe;    /**< canonical path of the file that runs */
	const char *argv0;  /**< or NULL */
	const char *script; /**< canonical path of the script, or NULL */
	const struct policy_program *parent; /**< the one that started it */
	/**
	 * The file may not be what stood there when the policy was loaded;
	 * the script may be another by the time it is read. Such a program is
	 * granted nothing, and refused what the rules say.
	 */
	bool unsure, script_unsure;
};

enum policy_endpoint_kind {
	ENDPOINT_TCP = 0,
	ENDPOINT_UDP,
	ENDPOINT_UNIX,	   /**< `text` is a canonical path */
	ENDPOINT_ABSTRACT, /**< `text` is a name without its NUL */
};

/** The far end of a connection, or the near end of a listener. */
struct policy_endpoint {
	enum policy_endpoint_kind kind;
	const char *host; /**< the name asked for, or NULL */
	uint8_t family; /**< AF_INET, AF_INET6; 0 where only a name is known */
	uint8_t address[16]; /**< network order; v4-mapped v6 counts as v4 */
	uint16_t port;	     /**< host order */
	bool own;	     /**< a port that the session listens on */
};

/** One question to the engine. Zero it and set what applies. */
struct policy_query {
	enum action action;
	/**
	 * read, write, exec: the canonical path; connect and listen to a unix
	 * socket: path or abstract name; env: the variable's name; http: the
	 * path, beginning with `/`.
	 */
	const char *text;
	size_t length;
	/** Other names that the walk to `text` passed through. */
	const char *const *via;
	size_t via_count;
	/** exec: the arguments, argv[0] first. */
	const char *const *argv;
	size_t argc;
	/** connect, listen, http. */
	const struct policy_endpoint *endpoint;
	const char *method; /**< http */
	/**
	 * The calling program (for env: the one being started), asked for only
	 * if a rule in question has `by` or `under`. NULL: not known, so that
	 * granting rules with a qualifier do not match and refusing ones do.
	 */
	const struct policy_program *(*program)(void *context);
	void *program_context;
	time_t now; /**< seconds since 1970, for `until` */
};

/** The kinds of stand-in. */
enum fake_kind {
	FAKE_NONE = 0,
	FAKE_AWS,
	FAKE_DOTENV,
	FAKE_KEYS,
	FAKE_EMPTY,
	FAKE_TEXT,	  /**< `text` is the content */
	FAKE_FILE,	  /**< `text` is a path */
	FAKE_DIR,	  /**< `text` is a path */
	FAKE_PLACEHOLDER, /**< env: a placeholder */
};

struct policy_fake {
	enum fake_kind kind;
	const char *text; /**< the policy's; NULL where the kind has none */
	size_t length;
};

/** The answer. Pointers are the policy's and live as long as it does. */
struct policy_decision {
	enum verdict verdict;
	bool final; /**< no person may change it */
	bool log;   /**< always in the audit log */
	/**
	 * The verdict is `read`'s: hide and fake on `read` govern every other
	 * action on that path.
	 */
	bool by_read;
	const struct policy_rule *rule; /**< NULL: no rule matched */
	const struct policy_fake *fake; /**< with VERDICT_FAKE, else NULL */
};

/**
 * Decide. Pure and thread-safe; allocates nothing; one pass over the subject
 * whatever the number of rules. ACTION_WRITE and ACTION_EXEC first see what
 * `read` says of the path: hide and fake there govern.
 */
void policy_decide(const struct policy *policy,
		   const struct policy_query *query,
		   struct policy_decision *decision);

/**
 * The most that a host or address could be granted, on whatever port, over TCP
 * and, with `udp`, over UDP: allow before ask before hide before deny. For
 * names that are looked up, which come without a port. The query's endpoint has
 * no port.
 */
void policy_decide_any_port(const struct policy *policy,
			    const struct policy_query *query, bool udp,
			    struct policy_decision *decision);

/**
 * Is an `http` rule about requests to the endpoint? With `granting`: one that
 * says allow or ask. Where there is none of these, requests that no rule
 * matches are allowed: that the connection is was decided before. Else they are
 * asked about. policy_decide() knows.
 */
bool policy_http_rules(const struct policy *policy,
		       const struct policy_endpoint *endpoint, bool granting);

/**
 * Could the decision on this subject depend on who calls? Errs on the side of
 * true.
 */
bool policy_depends_on_program(const struct policy *policy,
			       const struct policy_query *query);

/** Likewise on when: is there a rule about it that has an `until`? */
bool policy_depends_on_time(const struct policy *policy,
			    const struct policy_query *query);

/**
 * Does an `allow` with `by` or `under` name the program and not the other one
 * (NULL: nothing is known of it, and it is named by none)?
 */
bool policy_grants_beyond(const struct policy *policy,
			  const struct policy_program *program,
			  const struct policy_program *other);

/** What the rules ask of programs at all. */
struct policy_program_use {
	bool any;   /**< `by` or `under` */
	bool under; /**< who started it */
	bool argv0;
};
struct policy_program_use policy_program_use(const struct policy *policy);

/** The files, without wildcards, of programs and scripts that an `allow` names
 * with `by` or `under`; `visit` returns false to end. */
void policy_granted_programs(const struct policy *policy,
			     bool (*visit)(void *context, const char *path),
			     void *context);

/** One rule that matched a query, as explain shows it. */
struct policy_match {
	const struct policy_rule *rule;
	enum verdict verdict;
	bool decides; /**< this one decided */
	/** Why a later rule did not: a static text, or NULL. */
	const char *beaten_because;
};

/**
 * All rules that match, in the order of the policy; `visit` returns false to
 * end. The matches come from the same pass that policy_decide() makes.
 */
void policy_explain(const struct policy *policy,
		    const struct policy_query *query,
		    bool (*visit)(void *context, const struct policy_match *),
		    void *context);

/* -------------------------------------------------- asking of the rules -- */

/** What a rule says of itself. The strings are the policy's. */
struct policy_rule_info {
	const char *file;
	unsigned line;
	const char *text;    /**< the rule in canonical layout, one line */
	const char *because; /**< or NULL */
	enum policy_layer_kind layer;
	enum verdict verdict;
	unsigned actions; /**< bits, 1 << enum action */
	bool final;
	bool has_by, has_under, has_arguments, has_host_name, has_until,
		has_log;
	const struct policy_fake *fake;
};
void policy_rule_info(const struct policy_rule *rule,
		      struct policy_rule_info *info);

/** All rules in order; `visit` returns false to end. */
void policy_rules(const struct policy *policy,
		  bool (*visit)(void *context, const struct policy_rule *),
		  void *context);

/** A `secret` or `limit` line. The strings are the policy's. */
struct policy_line {
	const char *file;
	unsigned line;
	const char *text; /**< in canonical layout */
};
void policy_secrets(const struct policy *policy,
		    bool (*visit)(void *context, const struct policy_line *),
		    void *context);

/** All lines in force that are no rules, in the order of policy_show(). `kind`
 * is secret, ssh-agent, limit, ptrace or clipboard. `visit` returns false to
 * end. */
void policy_other_lines(const struct policy *policy,
			bool (*visit)(void *context, const char *kind,
				      const struct policy_line *),
			void *context);

/** A file that an `include` line named, as it is found from there. */
struct policy_included {
	const char *path;	      /**< not canonical; the policy's */
	enum policy_layer_kind layer; /**< of the source that includes it */
};
/** All of them, once each; `visit` returns false to end. */
void policy_includes(const struct policy *policy,
		     bool (*visit)(void *context,
				   const struct policy_included *),
		     void *context);

/** Where a secret comes from. */
enum policy_source_kind {
	SECRET_FROM_ENV = 0, /**< the variable `from` */
	SECRET_FROM_FILE,    /**< the path `from`, and `key` in it */
	SECRET_FROM_COMMAND, /**< what the shell's command `from` prints */
};

/** A `secret` line, read. The strings are the policy's; NULL: not said. */
struct policy_secret {
	struct policy_line line;
	enum policy_layer_kind layer;
	const char *name;
	enum policy_source_kind source;
	const char *from;
	const char *key;
	const char *hosts; /**< each behind a space, as a `connect` rule's */
	const char *place; /**< the word after `in` */
	const char *header;
	int64_t ttl; /**< seconds until it is read again; 0: never */
	/** The key in an answer whose value is the secret's new one. */
	const char *renewed;
	const char *revoke;
};
/** The secrets, in order; `visit` returns false to end. */
void policy_secret_lines(const struct policy *policy,
			 bool (*visit)(void *context,
				       const struct policy_secret *),
			 void *context);

/** An `ssh-agent` line, read. The strings are the policy's. */
struct policy_agent {
	struct policy_line line;
	const char *keys;  /**< fingerprints, each behind a space */
	const char *hosts; /**< each behind a space; NULL: any use */
};
/** The same of these. */
void policy_agent_lines(const struct policy *policy,
			bool (*visit)(void *context,
				      const struct policy_agent *),
			void *context);

/** The kinds of `limit`, and the value in force; -1 where there is none. */
enum policy_limit {
	LIMIT_MEMORY = 0, /**< bytes */
	LIMIT_PROCESSES,
	LIMIT_CPU,	 /**< seconds of processor time */
	LIMIT_TIME,	 /**< seconds of the clock */
	LIMIT_FILES,	 /**< open descriptors of one process */
	LIMIT_FILE_SIZE, /**< bytes */
	LIMIT_COUNT,
};
int64_t policy_limit(const struct policy *policy, enum policy_limit limit,
		     struct policy_line *line);

/** May programs of the session trace each other (`allow ptrace`)? */
bool policy_tracing(const struct policy *policy);

enum policy_clipboard {
	POLICY_CLIPBOARD_READ,
	POLICY_CLIPBOARD_WRITE,
	POLICY_CLIPBOARD_COUNT,
};

/** May programs do so with the user's clipboard, by the terminal (`allow
 * clipboard write`)? `line`, which may be NULL, says where that is said;
 * without text it is the default: to write, not to read. */
bool policy_clipboard(const struct policy *policy, enum policy_clipboard how,
		      struct policy_line *line);

/**
 * Could anything strictly below the directory be decided otherwise than the
 * directory itself is decided by an `allow` of this action? Used by renames,
 * the fence and the listing of directories. Errs on the side of true.
 */
bool policy_varies_below(const struct policy *policy, enum action action,
			 const char *directory);

/**
 * The same, but for floating patterns (`**` first), which could match below any
 * directory: what of them is there is found by walking, not by asking.
 */
bool policy_varies_below_anchored(const struct policy *policy,
				  enum action action, const char *directory);

/**
 * Is everything below `from` decided as the same name below `to` would be, for
 * read and write? Errs on the side of false.
 */
bool policy_same_below(const struct policy *policy, const char *from,
		       const char *to);

/** The same for connections to the unix sockets below, that of `self` aside. */
bool policy_same_sockets(const struct policy *policy, const char *from,
			 const char *to);

/**
 * Could a direct child of the directory be hidden or faked (by `read`)? Errs
 * on the side of true. Cheap: it is asked for each listing.
 */
bool policy_hides_children(const struct policy *policy, const char *directory);

/**
 * The literal starts (no wildcard) of the patterns of `read` and `write` rules
 * whose verdict is not allow, with the rule; `whole` where the pattern is just
 * this path or this path and all below, `levels` in how many below the path it
 * can match (of `whole` 1: what is below is protected with it; with `**` in its
 * midst 0: in all). For floating patterns (`**` first) `path` is NULL. Used to
 * find what is protected when the session starts.
 */
struct policy_prefix {
	const struct policy_rule *rule;
	const char *path;
	bool whole;
	unsigned levels;
};
void policy_prefixes(const struct policy *policy,
		     bool (*visit)(void *context, const struct policy_prefix *),
		     void *context);

/** Of those, the ones of fakes that are `whole`, which few are: it is asked for
 * each listing. */
void policy_fakes(const struct policy *policy,
		  bool (*visit)(void *context, const struct policy_prefix *),
		  void *context);

/* ------------------------------------------------------- text and tools -- */

/**
 * Turn the words `ACTION SUBJECT [by PROGRAM]` of `explain` and `policy test`
 * into a query. The storage belongs to the returned object.
 *
 * Returns 0, or -EINVAL with a message for the user in `message` (malloc()ed).
 */
struct policy_subject;
int policy_subject_parse(const struct policy_input *input,
			 const char *const *words, size_t count,
			 struct policy_subject **subject, char **message);
const struct policy_query *
policy_subject_query(const struct policy_subject *subject);
void policy_subject_free(struct policy_subject *subject);

/**
 * The text in canonical layout, comments kept. Returns 0 and a malloc()ed
 * text, or -EINVAL with diagnostics.
 */
int policy_format(const char *name, const char *text,
		  struct policy_diagnostics *list, char **formatted);

/** Print the effective list, each rule with its file and line. */
void policy_show(const struct policy *policy, FILE *out, bool json);

#endif
