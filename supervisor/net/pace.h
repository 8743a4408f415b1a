/*
 * Reading no more than is passed on. bufferevent_setwatermark(3) alone does not
 * do: libevent calls back again and again while as much waits as its watermark
 * says (bufferevent_inbuf_wm_check(), 2.1).
 */
#ifndef SUPERVISOR_NET_PACE_H
#define SUPERVISOR_NET_PACE_H

#include <stddef.h>

struct bufferevent;

/**
 * Read from there only while less than `most` bytes wait, its watermark. To be
 * called whenever bytes came, or were taken.
 */
void pace_reading(struct bufferevent *side, size_t most);

#endif
