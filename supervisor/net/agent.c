#include "supervisor/net/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/net/agent_filter.h"
#include "supervisor/net/client.h"
#include "supervisor/net/known_hosts.h"
#include "supervisor/net/protocol.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/worker.h"

static const char variable[] = "SSH_AUTH_SOCK";

struct agent {
	struct session *session;
	struct sockaddr_un real;
	int listener, wake;
	bool serving;
	pthread_t thread;
};

static bool found(void *context, const struct policy_agent *agent)
{
	(void)agent;
	*(bool *)context = true;
	return false;
}

bool agent_needed(const struct policy *policy)
{
	bool needed = false;

	policy_agent_lines(policy, found, &needed);
	return needed;
}

/* ---------------------------------------------------------------- rules -- */

static void add_hosts(const struct policy_agent *line, struct agent_rule *rule)
{
	auto_free char *copy = strdup(line->hosts);
	char *rest = copy, *host;

	while ((host = strsep(&rest, " ")))
		if (*host && !known_hosts_add(host, rule))
			say("%s:%u: no known_hosts file has a key of %s, so no "
			    "key can be used for it",
			    line->line.file, line->line.line, host);
}

/* 43 characters of base64, without the padding. */
static bool read_key(const char *fingerprint, uint8_t out[AGENT_DIGEST])
{
	char text[45];
	uint8_t bytes[33];

	(void)snprintf(text, sizeof(text), "%s=", fingerprint + 7);
	if (EVP_DecodeBlock(bytes, (const uint8_t *)text, 44) != 33)
		return false;
	memcpy(out, bytes, AGENT_DIGEST);
	return true;
}

static bool add_rules(void *context, const struct policy_agent *line)
{
	struct agent_rules *rules = context;
	struct agent_rule rule = {.any = !line->hosts};
	auto_free char *copy = strdup(line->keys);
	char *rest = copy, *key;

	if (line->hosts)
		add_hosts(line, &rule);
	while ((key = strsep(&rest, " ")))
		if (*key && rules->count < AGENT_RULES &&
		    read_key(key, rule.key))
			rules->items[rules->count++] = rule;
	return true;
}

static int tell_rules(struct session *session)
{
	struct net_message message = {.type = NET_AGENT_RULES};
	struct agent_rules *rules = calloc(1, sizeof(*rules));
	size_t size;
	int ends[2];

	if (!rules || pipe2(ends, O_CLOEXEC)) {
		free(rules);
		return -ENOMEM;
	}
	auto_fd in = ends[0], out = ends[1];

	policy_agent_lines(session->policy, add_rules, rules);
	size = rules->count * sizeof(*rules->items);
	bool written = fcntl(out, F_SETPIPE_SZ, (int)size + 65536) >= 0 &&
		       write(out, rules->items, size) == (ssize_t)size;

	free(rules);
	close(take_fd(&out));
	return written ? net_tell(session->net, &message, &in, 1) : -EIO;
}

/* --------------------------------------------------------------- socket -- */

static bool set_path(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return false;
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address;
	auto_fd fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (!set_path(&address, path))
		return -ENAMETOOLONG;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0600) || listen(fd, 64))
		return -errno;
	return take_fd(&fd);
}

static int set_variable(const char *path, char ***environment)
{
	const size_t length = sizeof(variable) - 1;
	size_t count = 0;
	char *text, **list;

	if (asprintf(&text, "%s=%s", variable, path) < 0)
		return -ENOMEM;
	for (; (*environment)[count]; count++) {
		char **at = &(*environment)[count];

		if (strncmp(*at, variable, length) == 0 &&
		    (*at)[length] == '=') {
			free(*at);
			*at = text;
			return 0;
		}
	}
	list = reallocarray(*environment, count + 2, sizeof(*list));
	if (!list) {
		free(text);
		return -ENOMEM;
	}
	list[count] = text;
	list[count + 1] = NULL;
	*environment = list;
	return 0;
}

int agent_start(struct session *session, const char *runtime_path,
		char ***environment)
{
	const char *real = getenv(variable);
	struct agent *agent;
	auto_free char *path = NULL;
	int error;

	if (!real || !*real) {
		say("there is no ssh agent: SSH_AUTH_SOCK is not set");
		return 0;
	}
	agent = calloc(1, sizeof(*agent));
	if (!agent)
		return -ENOMEM;
	session->agent = agent;
	agent->session = session;
	agent->listener = -1;
	agent->wake = eventfd(0, EFD_CLOEXEC);
	if (agent->wake < 0 || !set_path(&agent->real, real))
		return -EINVAL;
	if (asprintf(&path, "%s/ssh-agent.sock", runtime_path) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	error = agent->listener = listen_at(path);
	if (error < 0) {
		say("the ssh agent's socket cannot be made: %s",
		    strerror(-error));
		return error;
	}
	error = tell_rules(session);
	return error ? error : set_variable(path, environment);
}

/* -------------------------------------------------------------- serving -- */

/* Only connections that the supervisor made: those that were decided about. */
static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       peer.pid == getpid();
}

static void take(const struct agent *agent)
{
	struct net_message message = {.type = NET_AGENT};
	auto_fd program = accept4(agent->listener, NULL, NULL,
				  SOCK_CLOEXEC | SOCK_NONBLOCK);
	auto_fd real =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (program < 0 || real < 0 || !is_ours(program) ||
	    connect(real, (const struct sockaddr *)&agent->real,
		    sizeof(agent->real)))
		return;
	(void)net_tell(agent->session->net, &message, (int[]){program, real},
		       2);
}

static void *serve(void *context)
{
	struct agent *agent = context;

	for (;;) {
		struct pollfd fds[] = {{agent->listener, POLLIN, 0},
				       {agent->wake, POLLIN, 0}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			take(agent);
	}
}

int agent_serve(struct session *session)
{
	int error;

	if (!session->agent)
		return 0;
	error = worker_thread(&session->agent->thread, serve, session->agent);
	session->agent->serving = !error;
	return error;
}

void agent_stop(struct session *session)
{
	struct agent *agent = session->agent;
	const uint64_t one = 1;

	if (!agent)
		return;
	if (agent->serving) {
		(void)!write(agent->wake, &one, sizeof(one));
		pthread_join(agent->thread, NULL);
	}
	if (agent->listener >= 0)
		close(agent->listener);
	close(agent->wake);
	free(agent);
	session->agent = NULL;
}
