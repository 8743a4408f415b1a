/*
 * The supervisor's side of `ssh-agent` lines: a socket that stands in for the
 * agent's, of which each connection goes to the broker together with one to
 * the agent.
 */
#ifndef SUPERVISOR_NET_AGENT_H
#define SUPERVISOR_NET_AGENT_H

#include <stdbool.h>

struct policy;
struct session;

/** Has the policy such lines? */
bool agent_needed(const struct policy *policy);

/**
 * Make the socket, tell the broker which keys and hosts, and the program where
 * the socket is (SSH_AUTH_SOCK): session->agent. Where there is no agent, or a
 * host is not known, that is said. Returns 0 or -errno.
 */
int agent_start(struct session *session, const char *runtime_path,
		char ***environment);

/** Start to take connections. Returns 0 or -errno. */
int agent_serve(struct session *session);

/** No more of that. */
void agent_stop(struct session *session);

#endif
