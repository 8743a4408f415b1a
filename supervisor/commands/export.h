/*
 * interpose log export: events for a fleet's collector.
 */
#ifndef SUPERVISOR_COMMANDS_EXPORT_H
#define SUPERVISOR_COMMANDS_EXPORT_H

#include "policy/text.h"
#include "supervisor/audit_read.h"
#include "supervisor/sessions.h"

/** The command; argv[0] is "export". Returns the exit status: 0, 1 where a log
 * cannot be read or what was made not be delivered, 2 for wrong use. */
int command_log_export(int argc, char **argv);

/* ------------------------------------------------------------- internal -- */

/** Where events come from: the same for all of a session. */
struct export_source {
	const struct session_entry *session;
	char host[256];
};

/** Add an event as one line: a JSON object that begins with `session`,
 * `program`, `project` and `host`, and goes on as the log has it. */
void export_json(struct text *text, const struct export_source *source,
		 const struct audit_entry *entry);

/** Add an event as a line of syslog (RFC 5424), without its end. */
void export_syslog(struct text *text, const struct export_source *source,
		   const struct audit_entry *entry);

/** An ExportLogsServiceRequest in OTLP's JSON: its start, an event (a comma
 * before it where `more`), its end. */
void export_otlp_start(struct text *text, const struct export_source *source);
void export_otlp(struct text *text, const struct audit_entry *entry, bool more);
void export_otlp_end(struct text *text);

/** Where to: a URL `http[s]://HOST[:PORT][/PATH]`, `unix:PATH`,
 * `udp:HOST:PORT`, `tcp:HOST:PORT` or `tls:HOST[:PORT]`. */
struct export_target;

/** `ca`: certificates to verify a TLS server by, or NULL: the system's. Returns
 * 0, with `target` for export_target_free(), or -errno with a line on standard
 * error. */
int export_target_new(const char *name, const char *ca,
		      struct export_target **target);
void export_target_free(struct export_target *target);
bool export_target_is_http(const struct export_target *target);

/** Did a collector say that it did not take all events of a request? */
bool export_target_rejected(const struct export_target *target);

/** Deliver one request, or one syslog line. Returns 0 or -errno with a line on
 * standard error; an answer other than success is -EPROTO. A success of which
 * events are rejected is one, with a line on standard error. */
int export_send(struct export_target *target, const char *bytes, size_t length);

#endif
