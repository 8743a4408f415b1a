/*
 * Directories' entries: what is hidden is not listed, and what only a stand-in
 * provides is.
 *
 * The entries are read from a duplicate of the program's descriptor, so that
 * another thread cannot put a different directory in its place; both share one
 * position.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/listing.h"
#include "supervisor/path.h"
#include "supervisor/session.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"

enum {
	CHUNK = 32 * 1024,
	MOST_CHUNKS = 64, /* of a directory that is looked through */
};

/* getdents64(2) */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

struct listing {
	struct call *call;
	int fd;
	char path[PLACE_PATH];
	size_t length;
	bool filtered; /* a child may be hidden */
};

/* The question about a child; false where its path is too long for one. */
static bool child_query(const struct listing *listing, const char *name,
			char path[PLACE_PATH], struct policy_query *query)
{
	size_t slash = listing->length > 1 ? 1 : 0;
	size_t length = strlen(name);

	if (listing->length + slash + length + 1 > PLACE_PATH)
		return false;
	memcpy(path, listing->path, listing->length);
	path[listing->length] = '/';
	memcpy(path + listing->length + slash, name, length + 1);
	call_query(listing->call, query, ACTION_READ, path,
		   listing->length + slash + length);
	return true;
}

static enum verdict child_verdict(const struct listing *listing,
				  const char *name)
{
	struct policy_decision decision;
	struct policy_query query;
	char path[PLACE_PATH];

	if (!child_query(listing, name, path, &query))
		return VERDICT_HIDE;
	policy_decide(listing->call->session->policy, &query, &decision);
	return decision.verdict;
}

/* Take out what is hidden. Returns the bytes that are left. */
static size_t filter(const struct listing *listing, char *bytes, size_t length)
{
	size_t from = 0, to = 0;

	while (from < length) {
		struct entry *entry = (struct entry *)(void *)(bytes + from);
		size_t size = entry->size;
		bool dots = strcmp(entry->name, ".") == 0 ||
			    strcmp(entry->name, "..") == 0;

		if (dots ||
		    child_verdict(listing, entry->name) != VERDICT_HIDE) {
			memmove(bytes + to, bytes + from, size);
			to += size;
		}
		from += size;
	}
	return to;
}

/* ------------------------------------- names that only a stand-in provides --
 */

struct extra {
	const struct listing *listing;
	char *bytes;
	size_t size, used;
};

static void add_extra(struct extra *extra, const char *name)
{
	struct stat status;
	size_t length = strlen(name);
	size_t size =
		(offsetof(struct entry, name) + length + 1 + 7) & ~(size_t)7;

	if (extra->size - extra->used < size)
		return;
	/* Where the real one is there, it is listed already. */
	if (fstatat(extra->listing->fd, name, &status, AT_SYMLINK_NOFOLLOW) ==
	    0)
		return;
	struct entry *entry =
		(struct entry *)(void *)(extra->bytes + extra->used);

	memset(entry, 0, size);
	entry->inode = 1;
	entry->size = (unsigned short)size;
	entry->type = DT_UNKNOWN;
	memcpy(entry->name, name, length + 1);
	extra->used += size;
}

static bool visit_prefix(void *context, const struct policy_prefix *prefix)
{
	struct extra *extra = context;
	const struct listing *listing = extra->listing;
	struct policy_rule_info info;

	policy_rule_info(prefix->rule, &info);
	if (!info.fake ||
	    (info.fake->kind != FAKE_EMPTY && info.fake->kind != FAKE_TEXT &&
	     info.fake->kind != FAKE_FILE && info.fake->kind != FAKE_DIR))
		return true;
	const char *slash = strrchr(prefix->path, '/');
	size_t parent = (size_t)(slash - prefix->path);

	if (parent == 0)
		parent = 1;
	if (parent == listing->length &&
	    memcmp(prefix->path, listing->path, parent) == 0 &&
	    child_verdict(listing, slash + 1) == VERDICT_FAKE)
		add_extra(extra, slash + 1);
	return true;
}

/* At the start of the directory only: the position tells. */
static size_t extras(const struct listing *listing, char *bytes, size_t size)
{
	struct extra extra = {.listing = listing, .bytes = bytes, .size = size};

	if (!listing->filtered || lseek(listing->fd, 0, SEEK_CUR) != 0)
		return 0;
	policy_fakes(listing->call->session->policy, visit_prefix, &extra);
	return extra.used;
}

/* ----------------------------------------------------------------- both -- */

/* getdents(2) has the type in the last byte of an entry, and no room for it in
 * front of the name. */
static void to_legacy(char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		struct entry *entry = (struct entry *)(void *)(bytes + at);
		unsigned char type = entry->type;
		size_t size = entry->size;
		size_t name = strlen(entry->name);

		memmove(bytes + at + 18, entry->name, name + 1);
		bytes[at + size - 1] = (char)type;
		at += size;
	}
}

static ssize_t read_entries(const struct listing *listing, char *bytes,
			    size_t size)
{
	size_t used = extras(listing, bytes, size);

	for (;;) {
		long got = syscall(SYS_getdents64, listing->fd, bytes + used,
				   size - used);

		if (got < 0)
			return used > 0 ? (ssize_t)used : -errno;
		if (got == 0)
			return (ssize_t)used;
		size_t left = listing->filtered ? filter(listing, bytes + used,
							 (size_t)got)
						: (size_t)got;

		/* Nothing at all would mean the end of the directory. */
		if (left > 0 || used > 0)
			return (ssize_t)(used + left);
	}
}

/* --------------------------------------------------- whether it differs -- */

/* Is the name hidden for someone, at some time? */
static bool may_be_hidden(const struct listing *listing, const char *name)
{
	struct policy_decision decision;
	struct policy_query query;
	char path[PLACE_PATH];

	if (!child_query(listing, name, path, &query))
		return true;
	policy_decide(listing->call->session->policy, &query, &decision);
	if (decision.verdict == VERDICT_HIDE)
		return true;
	return listing->call->session->conditional &&
	       (policy_depends_on_time(listing->call->session->policy,
				       &query) ||
		policy_depends_on_program(listing->call->session->policy,
					  &query));
}

static bool chunk_differs(const struct listing *listing, const char *bytes,
			  size_t length)
{
	for (size_t at = 0; at < length;) {
		const struct entry *entry =
			(const struct entry *)(const void *)(bytes + at);

		if (strcmp(entry->name, ".") != 0 &&
		    strcmp(entry->name, "..") != 0 &&
		    may_be_hidden(listing, entry->name))
			return true;
		at += entry->size;
	}
	return false;
}

bool listing_differs(struct call *call, int fd)
{
	struct listing listing = {.call = call, .fd = fd};
	auto_free char *bytes = NULL;
	bool standin;
	ssize_t length = path_of_own_fd(call, fd, listing.path,
					sizeof(listing.path), &standin);

	if (length < 0)
		return true;
	listing.length = (size_t)length;
	listing.filtered =
		policy_hides_children(call->session->policy, listing.path);
	if (!listing.filtered)
		return false;
	bytes = malloc(CHUNK);
	if (!bytes || extras(&listing, bytes, CHUNK) > 0)
		return true;
	for (int i = 0; i < MOST_CHUNKS; i++) {
		long got = syscall(SYS_getdents64, fd, bytes, (size_t)CHUNK);

		if (got < 0 || chunk_differs(&listing, bytes, (size_t)got))
			break;
		if (got == 0)
			return lseek(fd, 0, SEEK_SET) != 0;
	}
	(void)lseek(fd, 0, SEEK_SET);
	return true;
}

/* ----------------------------------------------------------- the calls -- */

static void serve_listing(struct call *call, bool legacy)
{
	size_t size = (uint32_t)call_arg(call, 2);
	struct listing listing = {.call = call};
	auto_free char *bytes = NULL;
	struct stat status;
	bool standin;

	auto_fd fd = call_take_fd(call, call_int(call, 0));
	if (fd < 0) {
		call_result(call, fd);
		return;
	}
	if (fstat(fd, &status) || !S_ISDIR(status.st_mode)) {
		call_fail(call, ENOTDIR);
		return;
	}
	ssize_t length = path_of_own_fd(call, fd, listing.path,
					sizeof(listing.path), &standin);

	if (length < 0) {
		call_result(call, length);
		return;
	}
	listing.fd = fd;
	listing.length = (size_t)length;
	listing.filtered =
		policy_hides_children(call->session->policy, listing.path);
	if (size > CHUNK)
		size = CHUNK;
	bytes = malloc(size ? size : 1);
	if (!bytes) {
		call_fail(call, ENOMEM);
		return;
	}
	ssize_t got = read_entries(&listing, bytes, size);

	if (got > 0 && legacy)
		to_legacy(bytes, (size_t)got);
	if (got > 0 && call_write(call, call_arg(call, 1), bytes, (size_t)got))
		got = -EFAULT;
	call_result(call, got);
}

void call_getdents64(struct call *call)
{
	serve_listing(call, false);
}

void call_getdents(struct call *call)
{
	serve_listing(call, true);
}
