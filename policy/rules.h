/*
 * What a loaded policy is made of. Internal to the engine.
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/arena.h"
#include "policy/diagnostics.h"
#include "policy/endpoint.h"
#include "policy/pattern.h"
#include "policy/policy.h"

/** Some lines, of which one must match. */
struct line_set {
	struct line *items;
	size_t count;
};

/** What `by` and `under` name. A part that is not named has no lines. */
struct program_test {
	struct line_set exe; /**< none: PATH finds no such program */
	struct line_set argv0;
	struct line_set script;
	bool has_argv0, has_script;
	bool argv0_base; /**< the base name of argv[0] counts too */
};

struct policy_rule {
	uint32_t index;
	uint32_t layer; /**< rules of one layer lift each other freely */
	enum policy_layer_kind kind;
	enum verdict verdict;
	unsigned actions; /**< bits */
	bool final, log, override;
	bool conditional; /**< something beside the subject must hold */
	bool has_arguments, has_argv0, has_host_name, has_until;
	bool argv0_base;
	struct place place;
	const char *text;
	const char *because;
	struct policy_fake fake;
	struct program_test *by, *under;
	struct line_set arguments; /**< of exec: over argv[1..], each ended by
				      NUL; counts if has_arguments */
	struct line_set argv0;
	time_t until; /**< the first second at which it no longer holds */
};

/** One branch of one of a rule's patterns, for one action. */
struct branch {
	uint32_t rule;
	enum action action;
	enum space space;
	bool granting; /**< allow or ask */
	bool refusing; /**< not allow: matches the names passed through too */
	bool conditional; /**< its rule's */
	struct line line;
	/**
	 * The deny, hide and fake rules of earlier layers inside which this
	 * granting branch lies, ascending.
	 */
	const uint32_t *lifts;
	uint32_t lift_count;
	const struct place *place; /**< the word that it comes from */
};

/** A host that an `http` rule is about: name or address, and port. */
struct http_host {
	enum space space; /**< SPACE_TCP_* */
	struct line line;
	bool granting; /**< the rule says allow or ask */
};

struct matcher;

struct policy {
	struct arena arena;
	struct set_table sets;
	struct policy_rule *rules;
	size_t rule_count, rule_capacity;
	struct branch *branches; /**< in the order of their rules */
	size_t branch_count, branch_capacity;
	struct port_edges edges; /**< of all ports that rules name */
	struct http_host *http_hosts;
	size_t http_host_count, http_host_capacity;
	uint32_t *finals_before; /**< final rules before the rule, by index */
	struct policy_secret *secrets;
	size_t secret_count, secret_capacity;
	struct policy_included *included;
	size_t included_count, included_capacity;
	struct policy_agent *agents;
	size_t agent_count, agent_capacity;
	int64_t limits[LIMIT_COUNT]; /**< -1: none */
	struct policy_line limit_lines[LIMIT_COUNT];
	bool tracing; /**< the last `ptrace` line allows it */
	struct policy_line tracing_line;	/**< no text: there is none */
	bool clipboard[POLICY_CLIPBOARD_COUNT]; /**< allowed */
	struct policy_line clipboard_lines[POLICY_CLIPBOARD_COUNT];
	struct matcher *matchers[ACTION_COUNT][SPACE_COUNT]; /**< or NULL */
	/** The branches that can decide about a path otherwise than `allow`:
	 * for read, and for write. */
	const struct branch **otherwise[2];
	size_t otherwise_count[2];
	/** The branches that policy_fakes() tells of. */
	const struct branch **fakes;
	size_t fake_count;
};

#endif
