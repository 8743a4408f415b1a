/*
 * The handlers: what serves a notified call. There is one for each row of
 * syscalls.def that can be notified, named call_NAME, in the file of its family
 * (file, metadata, namespace, process, network).
 *
 * A handler answers its call, once, in every case. What it owes to the caller
 * in detail is told where struct call is.
 */
#ifndef SUPERVISOR_CALLS_CALLS_H
#define SUPERVISOR_CALLS_CALLS_H

struct call;

/* clang-format off */
#define NATIVE(name, ...)
#define REFUSE(name, error, ...)
#define FILTER(name, test, ...)
#define SERVE(name, ...)       void call_##name(struct call *call);
#define SIFT(name, test, ...)  void call_##name(struct call *call);
#define CREDENTIALS(name, ...) void call_##name(struct call *call);
/* clang-format on */

#include "supervisor/syscalls.def"

#undef NATIVE
#undef REFUSE
#undef FILTER
#undef SERVE
#undef SIFT
#undef CREDENTIALS

#endif
