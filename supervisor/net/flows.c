#include "supervisor/net/flows.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MOST_FLOWS = 16384 }; /* a power of two, and more than the broker's */

struct net_flows {
	pthread_mutex_t lock;
	uint32_t last;
	/* So many were ever used, from the first one on: the rest is memory
	 * that nobody has touched, and shall not be, as it is megabytes. */
	uint32_t used;
	struct net_flow list[MOST_FLOWS];
};

struct net_flows *net_flows_new(void)
{
	struct net_flows *flows = calloc(1, sizeof(*flows));

	if (flows)
		pthread_mutex_init(&flows->lock, NULL);
	return flows;
}

static struct net_flow *at(struct net_flows *flows, uint32_t id)
{
	struct net_flow *flow = &flows->list[id % MOST_FLOWS];

	return id && flow->id == id ? flow : NULL;
}

static void drop(struct net_flow *flow)
{
	if (flow->answered >= 0)
		close(flow->answered);
	free(flow->exe);
	*flow = (struct net_flow){.answered = -1};
}

void net_flows_free(struct net_flows *flows)
{
	if (!flows)
		return;
	for (size_t i = 0; i < flows->used; i++)
		if (flows->list[i].id)
			drop(&flows->list[i]);
	pthread_mutex_destroy(&flows->lock);
	free(flows);
}

uint32_t net_flows_add(struct net_flows *flows, struct net_flow *flow)
{
	uint32_t id = 0;

	pthread_mutex_lock(&flows->lock);
	for (size_t tries = 0; tries < MOST_FLOWS && !id; tries++) {
		if (++flows->last == 0)
			flows->last = 1;
		if (flows->list[flows->last % MOST_FLOWS].id == 0)
			id = flows->last;
	}
	if (id) {
		flow->id = id;
		flow->answered = -1;
		if (id % MOST_FLOWS >= flows->used)
			flows->used = id % MOST_FLOWS + 1;
		flows->list[id % MOST_FLOWS] = *flow;
	}
	pthread_mutex_unlock(&flows->lock);
	if (!id)
		free(flow->exe);
	return id;
}

bool net_flows_find(struct net_flows *flows, uint32_t id, struct net_flow *flow)
{
	pthread_mutex_lock(&flows->lock);
	const struct net_flow *found = at(flows, id);

	if (found) {
		*flow = *found;
		flow->exe = found->exe ? strdup(found->exe) : NULL;
	}
	pthread_mutex_unlock(&flows->lock);
	return found != NULL;
}

void net_flows_over(struct net_flows *flows, uint32_t id)
{
	pthread_mutex_lock(&flows->lock);
	struct net_flow *flow = at(flows, id);

	/* Who waits takes the outcome first. */
	if (flow && flow->answered < 0)
		drop(flow);
	pthread_mutex_unlock(&flows->lock);
}

int net_flows_await(struct net_flows *flows, uint32_t id)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&flows->lock);
	struct net_flow *flow = at(flows, id);

	if (flow) {
		flow->answered = fd;
		flow->error = -ECONNREFUSED;
	}
	pthread_mutex_unlock(&flows->lock);
	if (!flow) {
		close(fd);
		return -ECONNREFUSED;
	}
	return fd;
}

int net_flows_outcome(struct net_flows *flows, uint32_t id)
{
	int error = -ECONNREFUSED;

	pthread_mutex_lock(&flows->lock);
	struct net_flow *flow = at(flows, id);

	if (flow) {
		error = flow->error;
		if (flow->answered >= 0)
			close(flow->answered);
		flow->answered = -1;
		if (error)
			drop(flow);
	}
	pthread_mutex_unlock(&flows->lock);
	return error;
}

void net_flows_answer(struct net_flows *flows, uint32_t id, int error)
{
	uint64_t one = 1;

	pthread_mutex_lock(&flows->lock);
	for (size_t i = 0; i < (id ? 1 : flows->used); i++) {
		struct net_flow *flow = id ? at(flows, id) : &flows->list[i];

		if (!flow || !flow->id || flow->answered < 0)
			continue;
		flow->error = error;
		(void)!write(flow->answered, &one, sizeof(one));
	}
	pthread_mutex_unlock(&flows->lock);
}
