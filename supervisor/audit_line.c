#include "supervisor/audit_line.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "supervisor/sha256.h"

static const char *const event_names[AUDIT_EVENT_COUNT] = {
	[AUDIT_ERROR] = "error",   [AUDIT_START] = "start",
	[AUDIT_EXEC] = "exec",	   [AUDIT_DECISION] = "decision",
	[AUDIT_ASK] = "ask",	   [AUDIT_ALERT] = "alert",
	[AUDIT_EXIT] = "exit",	   [AUDIT_CLOSE] = "close",
	[AUDIT_SECRET] = "secret", [AUDIT_END] = "end",
};

static const char *const by_names[AUDIT_BY_COUNT] = {
	[AUDIT_BY_POLICY] = "policy",
	[AUDIT_BY_PERSON] = "person",
	[AUDIT_BY_UNATTENDED] = "unattended",
	[AUDIT_BY_DRY_RUN] = "dry-run",
};

const char *audit_event_name(enum audit_event event)
{
	return (unsigned)event < AUDIT_EVENT_COUNT ? event_names[event]
						   : "error";
}

const char *audit_by_name(enum audit_by by)
{
	return (unsigned)by < AUDIT_BY_COUNT ? by_names[by] : NULL;
}

void audit_record_init(struct audit_record *record, enum audit_event event)
{
	*record = (struct audit_record){
		.event = event,
		.served_fd = -1,
		.bytes_out = -1,
		.bytes_in = -1,
		.ms = -1,
		.cpu_ms = -1,
		.status = -1,
	};
}

/* ---------------------------------------------------------------- chain -- */

void audit_chain_init(struct audit_chain *chain)
{
	chain->head.events = 0;
	memset(chain->head.hash, '0', AUDIT_HASH_LENGTH);
	chain->head.hash[AUDIT_HASH_LENGTH] = '\0';
}

void audit_chain_hash(const char *line, size_t length,
		      char hash[AUDIT_HASH_LENGTH + 1])
{
	unsigned char bytes[SHA256_SIZE];
	struct sha256 whole;

	static_assert(AUDIT_HASH_LENGTH == (int)SHA256_HEX,
		      "two digits a byte");
	sha256_begin(&whole);
	sha256_add(&whole, line, length);
	sha256_add(&whole, "}", 1);
	sha256_end(&whole, bytes);
	sha256_hex(bytes, sizeof(bytes), hash);
}

/* --------------------------------------------------------------- fields -- */

static void put_string(struct jtext *text, const char *bytes, size_t length,
		       const struct redact *secrets)
{
	size_t at = 0, start, end;

	jtext_puts(text, "\"");
	while (redact_find(secrets, bytes, length, at, &start, &end)) {
		jtext_escaped(text, bytes + at, start - at);
		jtext_puts(text, REDACTED);
		at = end;
	}
	jtext_escaped(text, bytes + at, length - at);
	jtext_puts(text, "\"");
}

static void field_string(struct jtext *text, const char *name,
			 const char *value, const struct redact *secrets)
{
	if (!value)
		return;
	jtext_putf(text, ",\"%s\":", name);
	put_string(text, value, strlen(value), secrets);
}

static void field_number(struct jtext *text, const char *name, int64_t value,
			 int64_t least)
{
	if (value >= least)
		jtext_putf(text, ",\"%s\":%" PRId64, name, value);
}

/* An array of strings that are ended by NUL (the last one's may be missing). */
static void put_list(struct jtext *text, const char *list, size_t length,
		     const struct redact *secrets)
{
	const char *at = list, *end = list + length;

	jtext_puts(text, "[");
	while (at < end) {
		size_t size = strnlen(at, (size_t)(end - at));

		if (at != list)
			jtext_puts(text, ",");
		put_string(text, at, size, secrets);
		at += size + (at + size < end);
	}
	jtext_puts(text, "]");
}

static void field_argv(struct jtext *text, const struct audit_record *record,
		       const struct redact *secrets)
{
	if (!record->argv || (!record->argv_length && !record->argv_more))
		return;
	jtext_puts(text, ",\"argv\":");
	put_list(text, record->argv, record->argv_length, secrets);
	field_number(text, "argv_more", record->argv_more, 1);
}

static void field_stack(struct jtext *text, const struct audit_record *record,
			const struct redact *secrets)
{
	if (!record->stack || !record->stack_length)
		return;
	jtext_puts(text, ",\"stack\":");
	put_list(text, record->stack, record->stack_length, secrets);
}

static void field_rule(struct jtext *text, const struct audit_record *record,
		       const struct redact *secrets)
{
	size_t start;

	if (!record->rule_file && !record->rule_line && !record->rule_text)
		return;
	jtext_puts(text, ",\"rule\":{");
	start = text->length;
	field_string(text, "file", record->rule_file, secrets);
	field_number(text, "line", record->rule_line, 1);
	field_string(text, "text", record->rule_text, secrets);
	/* The first field's comma. */
	if (!text->full) {
		text->length--;
		memmove(text->bytes + start, text->bytes + start + 1,
			text->length - start);
	}
	jtext_puts(text, "}");
}

static void field_served(struct jtext *text, const struct audit_record *record,
			 const struct redact *secrets)
{
	const char *name, *value;

	if (record->served_fd >= 0) {
		jtext_putf(text, ",\"served\":{\"fd\":%d}", record->served_fd);
		return;
	}
	if (record->served_errno) {
		name = "errno";
		value = record->served_errno;
	} else if (record->served_fake) {
		name = "fake";
		value = record->served_fake;
	} else if (record->served_address) {
		name = "address";
		value = record->served_address;
	} else {
		return;
	}
	jtext_putf(text, ",\"served\":{\"%s\":", name);
	put_string(text, value, strlen(value), secrets);
	jtext_puts(text, "}");
}

static void put_start(struct jtext *text, uint64_t seq,
		      const struct timespec *time, enum audit_event event)
{
	jtext_putf(text, "{\"seq\":%" PRIu64 ",\"time\":\"", seq);
	jtext_time(text, time);
	jtext_putf(text, "\",\"event\":\"%s\"", audit_event_name(event));
}

/* The order here is the format's: see interpose-audit(5). */
static void put_fields(struct jtext *text, const struct audit_record *r,
		       const struct redact *secrets)
{
	field_number(text, "pid", r->pid, 1);
	field_number(text, "tid", r->tid, 1);
	field_number(text, "ppid", r->ppid, 1);
	field_string(text, "exe", r->exe, secrets);
	field_argv(text, r, secrets);
	field_string(text, "cwd", r->cwd, secrets);
	field_string(text, "call", r->call, NULL);
	field_string(text, "action", r->action, NULL);
	field_string(text, "subject", r->subject, secrets);
	field_string(text, "verdict", r->verdict, NULL);
	field_rule(text, r, secrets);
	field_string(text, "by", audit_by_name(r->by), NULL);
	field_served(text, r, secrets);
	field_stack(text, r, secrets);
	field_string(text, "secret", r->secret, secrets);
	field_number(text, "count", r->count, 1);
	field_number(text, "bytes_out", r->bytes_out, 0);
	field_number(text, "bytes_in", r->bytes_in, 0);
	field_number(text, "ms", r->ms, 0);
	field_number(text, "cpu_ms", r->cpu_ms, 0);
	field_number(text, "status", r->status, 0);
	field_string(text, "message", r->message, secrets);
}

int audit_line_add(struct jtext *text, struct audit_chain *chain,
		   const struct audit_record *record,
		   const struct timespec *time, const struct redact *secrets)
{
	char hash[AUDIT_HASH_LENGTH + 1];
	size_t start = text->length;

	text->full = false;
	put_start(text, chain->head.events + 1, time, record->event);
	put_fields(text, record, secrets);
	jtext_putf(text, ",\"prev\":\"%s\"", chain->head.hash);
	if (!text->full) {
		audit_chain_hash(text->bytes + start, text->length - start,
				 hash);
		jtext_putf(text, ",\"hash\":\"%s\"}\n", hash);
	}
	if (text->full) {
		text->length = start;
		return -EOVERFLOW;
	}
	chain->head.events++;
	memcpy(chain->head.hash, hash, sizeof(hash));
	return 0;
}
