/*
 * Connections to the agent, as the broker serves them: agent_filter.h between
 * a program and the user's ssh-agent.
 */
#ifndef SUPERVISOR_NET_AGENT_FLOW_H
#define SUPERVISOR_NET_AGENT_FLOW_H

struct net_fds;

/** NET_AGENT_RULES: from then on connections can be served. */
void agent_flow_rules(struct net_fds *fds);

/** NET_AGENT: takes both descriptors. */
void agent_flow_start(struct net_fds *fds);

#endif
