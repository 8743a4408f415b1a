/*
 * Signature Version 4 of AWS: what a request says of its signature, and what
 * that should be. Knows no secrets and no connections.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#ifndef SUPERVISOR_NET_AWS_SIGN_H
#define SUPERVISOR_NET_AWS_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/net/http_head.h"

enum { AWS_HEX = 64 /**< characters of a signature, and of a hash */ };

/** What a request says of its signature. */
struct aws_signature {
	bool query;	  /**< in the query: a request that was signed before */
	char scope[160];  /**< date/region/service/aws4_request */
	char date[24];	  /**< as 20150830T123600Z */
	char names[4096]; /**< of the signed headers, with `;` */
	const char *signature;	  /**< AWS_HEX characters, in the head */
	struct http_text payload; /**< what it says the body's hash is;
				     empty: nothing */
};

/**
 * Find the signature that a head has of the key of that id. Returns 1 and
 * `found`; 0 where it has none of that key; -EBADMSG with `why`, a static
 * text, where it has, and is not one that can be made anew.
 */
int aws_signature_find(const struct http_head *head, struct http_text id,
		       struct aws_signature *found, const char **why);

/**
 * Services take the path and the query in one of these ways; a request does
 * not say which. They go from 0 up to AWS_WAYS.
 */
enum { AWS_WAYS = 6 };

/**
 * The signature that the head should have with that key. `payload` is the
 * body's hash, as the head says or as it is. Returns 0, -ENOMEM, or -EBADMSG
 * with `why` for a head of which none can be made.
 */
int aws_signature_make(const struct http_head *head,
		       const struct aws_signature *found, struct http_text key,
		       struct http_text payload, unsigned way,
		       char out[AWS_HEX + 1], const char **why);

/** The hash of so many bytes. Returns 0 or -ENOMEM. */
int aws_hash(const void *bytes, size_t length, char out[AWS_HEX + 1]);

#endif
