/*
 * The keys of hosts, as OpenSSH knows them: sshd(8), SSH_KNOWN_HOSTS FILE
 * FORMAT.
 */
#ifndef SUPERVISOR_NET_KNOWN_HOSTS_H
#define SUPERVISOR_NET_KNOWN_HOSTS_H

struct agent_rule;

/**
 * Add the keys of `host` (a name or an address, lower case, with :PORT where
 * that is not 22) to a rule: from the user's file and the system's. Returns
 * how many were found.
 */
unsigned known_hosts_add(const char *host, struct agent_rule *rule);

#endif
