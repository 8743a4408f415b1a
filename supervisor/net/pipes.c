#include "supervisor/net/pipes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	PIPE_SIZE = 256 * 1024,
	MOST_STORED = 64,
};

static struct {
	int pipes[MOST_STORED][2];
	size_t count;
} store;

bool pipes_take(int ends[2])
{
	if (ends[0] >= 0)
		return true;
	if (store.count > 0) {
		store.count--;
		memcpy(ends, store.pipes[store.count], sizeof(store.pipes[0]));
		return true;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		ends[0] = ends[1] = -1;
		return false;
	}
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE);
	return true;
}

void pipes_give(int ends[2], bool empty)
{
	if (ends[0] < 0)
		return;
	if (empty && store.count < MOST_STORED) {
		memcpy(store.pipes[store.count], ends, sizeof(store.pipes[0]));
		store.count++;
	} else {
		close(ends[0]);
		close(ends[1]);
	}
	ends[0] = ends[1] = -1;
}
