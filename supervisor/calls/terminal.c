#include "supervisor/calls/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/take_fd.h"
#include "supervisor/terminals.h"
#include "supervisor/tracer.h"

void call_terminal_peer(struct call *call)
{
	int flags = call_int(call, 2);
	auto_fd master = call_take_fd(call, call_int(call, 0));

	if (master < 0) {
		call_result(call, master);
		return;
	}
	int peer = ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);

	if (peer < 0) {
		call_fail(call, errno);
		return;
	}
	if ((flags & O_NOCTTY) || !terminals_takes(call, peer)) {
		call_give_fd(call, &peer, flags & O_CLOEXEC);
		return;
	}
	int error = tracer_give_terminal(call, peer, flags & O_CLOEXEC);

	close(peer);
	if (error)
		call_result(call, error);
}
