#include "supervisor/program.h"

#include "supervisor/call.h"
#include "supervisor/images.h"

const struct policy_program *program_of_call(void *context)
{
	struct call *call = context;

	return images_program(call->session->images, call->tid);
}
