/*
 * The session's secrets, as the broker holds them: in locked memory, with the
 * placeholder that the session has in the place of each.
 */
#ifndef SUPERVISOR_NET_SECRETS_H
#define SUPERVISOR_NET_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/http_head.h"
#include "supervisor/net/needles.h"

enum {
	SECRETS_MOST = 64, /**< one bit each of a mask */
	SECRET_VALUE_MOST = 4096,
	SECRET_NAME = 64,
};

/** Where in a request a placeholder becomes its secret. */
enum secret_place {
	SECRET_IN_AUTHENTICATION = 0, /**< the usual headers */
	SECRET_IN_HEADER,	      /**< one that is named */
	SECRET_IN_BASIC,
	SECRET_IN_BEARER,
	SECRET_IN_QUERY,
	SECRET_IN_BODY,
	/* The parts of an AWS key, one behind the other. With them requests are
	 * signed again; alone none of them is put anywhere. */
	SECRET_IN_AWS_ID,
	SECRET_IN_AWS_KEY,
	SECRET_IN_AWS_TOKEN, /**< where it is a temporary one */
};

/** The most parts that one secret has. */
enum { SECRET_PARTS = 3 };

/** One secret on its way into the broker. Wipe it after use. */
struct secret_record {
	char name[SECRET_NAME];
	char header[SECRET_NAME];  /**< in lower case; or empty */
	char renewed[SECRET_NAME]; /**< the key of its new value; or empty */
	uint32_t group;		   /**< of secrets that are renewed together */
	uint32_t place;		   /**< enum secret_place */
	uint32_t value_length, placeholder_length;
	char value[SECRET_VALUE_MOST];
	char placeholder[SECRET_VALUE_MOST];
};

struct secret {
	const char *name, *header, *renewed;
	uint32_t group;
	enum secret_place place;
	struct http_text value, placeholder;
	struct http_text former; /**< the value before this one; or empty */
};

/** All of them. Read only, once made, but for secrets_forget(); held by
 * counting. */
struct secrets {
	unsigned holds;
	size_t size, count;
	struct secret items[SECRETS_MOST];
	uint64_t aws; /**< bits of the parts of AWS keys */
	/** A value in an answer becomes its placeholder again; also in its
	 * other forms, where twice the memory can be locked. */
	struct needles *restore;
	/** A placeholder in a request, also disguised; ids are indexes. */
	struct needles *watch;
};

/**
 * Returns 0 and an object for secrets_drop(); -EINVAL for records that make no
 * sense, -ENOMEM also where memory cannot be locked, -E2BIG.
 */
int secrets_new(const struct secret_record *records, size_t count,
		struct secrets **made);

/** How many parts has the secret whose first one has that index? */
size_t secrets_parts(const struct secrets *secrets, size_t index);

/** The same, with other values for the `count` from that index on. What they
 * were before still becomes their placeholder again. Errors as secrets_new().
 */
int secrets_renew(const struct secrets *secrets, size_t index, size_t count,
		  const struct http_text *values, struct secrets **made);

/** Is that placeholder sent as it is? */
bool secrets_forgotten(const struct secrets *secrets, size_t index);

/** From now on the placeholders of the `count` from that index on are sent as
 * they are. Their values still become placeholders again, also once they are
 * renewed. */
void secrets_forget(struct secrets *secrets, size_t index, size_t count);

struct secrets *secrets_hold(struct secrets *secrets);
void secrets_drop(struct secrets *secrets);

#endif
