#include "supervisor/net/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/audit.h"
#include "supervisor/net/client.h"
#include "supervisor/net/inspect.h"
#include "supervisor/net/locked.h"
#include "supervisor/net/secret_source.h"
#include "supervisor/net/secrets.h"
#include "supervisor/record.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/worker.h"

enum { AGAIN_SECONDS = 30 };

struct item {
	const struct policy_secret *line;
	uint32_t index;
	size_t parts;
	int64_t due; /* milliseconds */
	bool failing;
};

struct renewal {
	struct session *session;
	pthread_t thread;
	int wake;
	struct secret_record *records; /* of one secret's parts; locked */
	size_t count;
	struct item items[SECRETS_MOST];
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Values go by a pipe: no message that is queued somewhere has them. */
static int hand_over(struct renewal *renewal, const struct item *item)
{
	struct net_message message = {.type = NET_RENEW, .token = item->index};
	const struct secret_record *records = renewal->records;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	auto_fd in = ends[0], out = ends[1];

	for (size_t i = 0; i < item->parts; i++)
		if ((i && write(out, "\n", 1) != 1) ||
		    write(out, records[i].value, records[i].value_length) !=
			    (ssize_t)records[i].value_length)
			return -EIO;
	return net_tell(renewal->session->net, &message, &in, 1);
}

static void forget(struct renewal *renewal, const struct item *item)
{
	struct net_message message = {
		.type = NET_RENEW,
		.token = item->index,
		.error = -EPERM,
	};

	(void)net_tell(renewal->session->net, &message, NULL, 0);
}

static void tell(struct renewal *renewal, struct item *item, int error,
		 const char *why)
{
	char text[512];

	if (item->failing)
		return;
	item->failing = true;
	snprintf(text, sizeof(text), "the secret %s could not be renewed%s: %s",
		 item->line->name, error == -EPERM ? ", and is forgotten" : "",
		 why);
	say("%s", text);
	record_error(renewal->session, text);
}

/* Before anybody has them: a file that is read then shows the same. */
static int announce(const struct renewal *renewal, const struct item *item)
{
	int error = 0;

	for (size_t i = 0; !error && i < item->parts; i++) {
		const struct secret_record *record = &renewal->records[i];

		error = audit_redact(renewal->session->audit, record->value,
				     record->value_length);
		if (!error)
			error = inspect_alias(renewal->session, item->index + i,
					      record->value,
					      record->value_length);
	}
	return error;
}

static void renew(struct renewal *renewal, struct item *item)
{
	const struct secret_reader reader = {
		.writable = inspect_may_write,
		.context = renewal->session->inspect,
		.wake = renewal->wake,
	};
	const size_t size = SECRET_PARTS * sizeof(struct secret_record);
	int64_t ttl = item->line->ttl * 1000;
	const char *why = "the broker is gone";
	size_t parts;
	int error = secret_source_read(item->line, &reader, renewal->records,
				       &parts, &why);

	if (error == -ECANCELED)
		return;
	if (!error && parts != item->parts) {
		why = "it has, or lacks, a session token now";
		error = -EINVAL;
	}
	if (!error)
		error = announce(renewal, item);
	if (!error)
		error = hand_over(renewal, item);
	explicit_bzero(renewal->records, size);
	if (error == -EPERM)
		forget(renewal, item);
	if (error)
		tell(renewal, item, error, why);
	else
		item->failing = false;
	if (error && ttl > AGAIN_SECONDS * 1000)
		ttl = AGAIN_SECONDS * 1000;
	item->due = now() + ttl;
}

static struct item *next_of(struct renewal *renewal)
{
	struct item *next = &renewal->items[0];

	for (size_t i = 1; i < renewal->count; i++)
		if (renewal->items[i].due < next->due)
			next = &renewal->items[i];
	return next;
}

static void *serve(void *context)
{
	struct renewal *renewal = context;

	for (;;) {
		struct pollfd wake = {renewal->wake, POLLIN, 0};
		struct item *next = next_of(renewal);
		int64_t left = next->due - now();
		/* A machine that slept wakes up to what is due: look again. */
		int wait = left < 0 ? 0 : left < 60000 ? (int)left : 60000;
		int ready = poll(&wake, 1, wait);

		if (ready > 0)
			return NULL;
		if (ready == 0 && next->due <= now())
			renew(renewal, next);
	}
}

static void find(struct renewal *renewal)
{
	const struct inspect *inspect = renewal->session->inspect;
	const struct policy_secret *line, *before = NULL;

	for (uint32_t i = 0; (line = inspect_secret(inspect, i)); i++) {
		if (line->ttl > 0 && line == before)
			renewal->items[renewal->count - 1].parts++;
		else if (line->ttl > 0)
			renewal->items[renewal->count++] = (struct item){
				line, i, 1, now() + line->ttl * 1000, false};
		before = line;
	}
}

int renewal_start(struct session *session, struct renewal **started)
{
	const size_t size = SECRET_PARTS * sizeof(struct secret_record);
	struct renewal *renewal = calloc(1, sizeof(*renewal));

	*started = NULL;
	if (!renewal)
		return -ENOMEM;
	renewal->session = session;
	renewal->wake = -1;
	find(renewal);
	if (!renewal->count) {
		free(renewal);
		return 0;
	}
	renewal->wake = eventfd(0, EFD_CLOEXEC);
	renewal->records = locked_new(size);
	int error = renewal->wake < 0 || !renewal->records
			    ? -ENOMEM
			    : worker_thread(&renewal->thread, serve, renewal);

	if (error) {
		locked_free(renewal->records, size);
		if (renewal->wake >= 0)
			close(renewal->wake);
		free(renewal);
		return error;
	}
	*started = renewal;
	return 0;
}

void renewal_stop(struct renewal *renewal)
{
	const uint64_t one = 1;

	if (!renewal)
		return;
	(void)!write(renewal->wake, &one, sizeof(one));
	pthread_join(renewal->thread, NULL);
	locked_free(renewal->records,
		    SECRET_PARTS * sizeof(struct secret_record));
	close(renewal->wake);
	free(renewal);
}
