#include "supervisor/calls/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/route.h"
#include "supervisor/listeners.h"
#include "supervisor/path.h"
#include "supervisor/session.h"

/* Ask, and note what was asked in the words of the log. */
static enum verdict decide(struct call *call, const struct policy_query *query,
			   const char *subject)
{
	struct policy_decision decision;

	call_judge(call->session, query, &decision);
	call_decided(call, query->action, subject, &decision);
	if (decision.verdict == VERDICT_ALLOW)
		call_would(call, query, subject);
	return decision.verdict;
}

/* ------------------------------------------------- what has no directory -- */

/* A name is asked about as it is written for the log, each NUL as `\x00`: the
 * engine takes none, and a name that goes on after one (as of programs that
 * pass the whole of sun_path) is another name, which only a wildcard covers.
 * The name that the kernel gives (autobind) is not known yet: it is empty. */
static enum verdict decide_address(struct call *call, enum action action,
				   const struct endpoint_socket *socket,
				   const struct address *address)
{
	struct policy_endpoint endpoint = {.kind = ENDPOINT_ABSTRACT};
	struct policy_query query;
	char subject[ADDRESS_TEXT];

	address_text(socket, address, subject);
	if (address->kind == ADDRESS_INET) {
		address_endpoint(socket, address, &endpoint);
		call_query(call, &query, action, NULL, 0);
	} else {
		const char *name = subject + strlen("unix:@");

		call_query(call, &query, action, name, strlen(name));
	}
	query.endpoint = &endpoint;
	return decide(call, &query, subject);
}

bool reach_is_automatic(struct call *call, const struct endpoint_socket *socket,
			const struct address *address)
{
	static const uint8_t none[16];
	struct policy_decision decision;
	struct policy_endpoint endpoint;
	struct policy_query query;

	if (address->kind != ADDRESS_INET)
		return false;
	address_endpoint(socket, address, &endpoint);
	if (endpoint.port || memcmp(endpoint.address, none, sizeof(none)) != 0)
		return false;
	call_query(call, &query, ACTION_LISTEN, NULL, 0);
	query.endpoint = &endpoint;
	call_judge(call->session, &query, &decision);
	return decision.verdict == VERDICT_ASK && !decision.rule;
}

int reach_listen(struct call *call, const struct endpoint_socket *socket,
		 const struct address *address)
{
	return decide_address(call, ACTION_LISTEN, socket, address) ==
			       VERDICT_ALLOW
		       ? 0
		       : -EACCES;
}

/* ---------------------------------------------------------------- paths -- */

static enum verdict decide_path(struct call *call, enum action action,
				const struct place *place)
{
	struct policy_endpoint endpoint = {.kind = ENDPOINT_UNIX};
	struct policy_query query;
	char subject[PLACE_PATH + sizeof("unix:")];

	endpoint.own = action == ACTION_CONNECT &&
		       listeners_own_file(call->session->listeners, place->fd);
	call_query(call, &query, action, place->path, place->length);
	query.endpoint = &endpoint;
	query.via = place->via;
	query.via_count = place->via_count;
	snprintf(subject, sizeof(subject), "unix:%s", place->path);
	return decide(call, &query, subject);
}

static int reach_path(struct call *call, struct address *address,
		      struct place *place)
{
	int error =
		path_resolve(call, AT_FDCWD, address->path, PATH_FOLLOW, place);

	if (error)
		return error;
	/* Nothing that has no name can be connected to by name. */
	if (place->nameless)
		return -ECONNREFUSED;
	if (place->read.verdict == VERDICT_FAKE) {
		error = admit(call, ACTION_READ, place);
		if (error)
			return error;
	} else {
		enum verdict verdict = decide_path(call, ACTION_CONNECT, place);

		if (verdict != VERDICT_ALLOW)
			return verdict == VERDICT_HIDE ? -ENOENT
						       : -ECONNREFUSED;
	}
	char link[40];

	snprintf(address->un.sun_path, sizeof(address->un.sun_path), "%s",
		 admit_own_link(place->fd, link));
	address->length = sizeof(address->un);
	return 0;
}

int reach_listen_path(struct call *call, const struct place *place)
{
	struct policy_decision decision;
	struct policy_query query;

	if (place->nameless)
		return -EACCES;
	if (place->read.verdict == VERDICT_FAKE) {
		call_note(call, ACTION_READ, place->path, &place->read);
		return -EACCES;
	}
	if (decide_path(call, ACTION_LISTEN, place) != VERDICT_ALLOW)
		return -EACCES;
	/* A file is made, which the rule for `listen` covers, unless a rule
	 * keeps the place from being written to. */
	call_query(call, &query, ACTION_WRITE, place->path, place->length);
	query.via = place->via;
	query.via_count = place->via_count;
	policy_decide(call->session->policy, &query, &decision);
	if (decision.verdict == VERDICT_ALLOW ||
	    decision.verdict == VERDICT_ASK)
		return 0;
	call_decided(call, ACTION_WRITE, place->path, &decision);
	return -EACCES;
}

/* What is decided of the connection to a socket by this name, for the record or
 * not: it is not asked about now. */
static enum verdict by_name(struct call *call, const struct place *place)
{
	struct policy_endpoint endpoint = {.kind = ENDPOINT_UNIX};
	struct policy_decision decision;
	struct policy_query query;

	call_query(call, &query, ACTION_CONNECT, place->path, place->length);
	query.endpoint = &endpoint;
	query.via = place->via;
	query.via_count = place->via_count;
	call_judge(call->session, &query, &decision);
	return decision.verdict;
}

int reach_may_name(struct call *call, int fd, const struct place *from,
		   const struct place *to)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY};

	if (listeners_own_file(call->session->listeners, fd) ||
	    by_name(call, from) == VERDICT_ALLOW)
		return 0;
	enum verdict verdict = by_name(call, to);

	/* A question would name what is not meant. */
	if (verdict != VERDICT_ALLOW &&
	    !(verdict == VERDICT_ASK && call->session->questions))
		return 0;
	call_note(call, ACTION_WRITE, to->path, &decision);
	return -EACCES;
}

/* ------------------------------------------------------------------ all -- */

int reach(struct call *call, const struct endpoint_socket *socket,
	  struct address *address, struct place *place)
{
	switch (address->kind) {
	case ADDRESS_NONE:
	case ADDRESS_UNSPEC:
		return 0;
	case ADDRESS_NETLINK:
		/* The kernel only: not the sockets of other processes. */
		return address->nl.nl_pid || address->nl.nl_groups ? -EPERM : 0;
	case ADDRESS_PATH:
		return reach_path(call, address, place);
	case ADDRESS_INET:
		return route_decide(call, socket, address);
	case ADDRESS_ABSTRACT:
		return decide_address(call, ACTION_CONNECT, socket, address) ==
				       VERDICT_ALLOW
			       ? 0
			       : -ECONNREFUSED;
	case ADDRESS_UNNAMED:
		break;
	}
	return -EINVAL;
}
