/*
 * The warden: the supervisor's parent, and the guardian's child.
 *
 * Theory of operation. The supervisor ends the session when the guardian is
 * killed, the guardian when the supervisor is. Whoever kills both at once (as
 * `pkill -9 interpose` does) would leave the programs to themselves. So a third
 * process stands between them, to which the session's processes fall once the
 * supervisor is gone: it waits for that, and then kills them. It is not called
 * interpose, and in no process group of theirs.
 */
#ifndef SUPERVISOR_WARDEN_H
#define SUPERVISOR_WARDEN_H

#include <stddef.h>
#include <sys/types.h>

struct cgroup;
struct relay;

/**
 * Fork twice. Returns the warden's number in the caller, 0 in the supervisor,
 * or -errno. The warden ends once the supervisor and all below have ended, as
 * the supervisor did. It closes its copies of `others` and `theirs`; of these
 * descriptors some may be -1. To be called by a process with one thread and
 * signals blocked.
 */
pid_t warden_fork(const int *others, size_t other_count, const int *theirs,
		  size_t their_count, struct relay *relay,
		  const struct cgroup *cgroup);

#endif
