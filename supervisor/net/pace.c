#include "supervisor/net/pace.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>

void pace_reading(struct bufferevent *side, size_t most)
{
	bool full = evbuffer_get_length(bufferevent_get_input(side)) >= most;
	bool reads = bufferevent_get_enabled(side) & EV_READ;

	if (full && reads)
		bufferevent_disable(side, EV_READ);
	else if (!full && !reads)
		bufferevent_enable(side, EV_READ);
}
