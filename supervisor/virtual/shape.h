/*
 * The shape of a value: what a placeholder keeps of it. Pure; random
 * characters come from the caller.
 */
#ifndef SUPERVISOR_VIRTUAL_SHAPE_H
#define SUPERVISOR_VIRTUAL_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/** Where random numbers come from. */
struct shape_source {
	/** A number below `below`, which is at most 256. */
	unsigned (*draw)(void *context, unsigned below);
	void *context;
};

/** How long the well-known prefix is with which a text begins; else 0. */
size_t shape_prefix(const char *text, size_t length);

/** Three parts of base64url, the first of which is a JSON object. */
bool shape_is_jwt(const char *text, size_t length);

/** Eight, four, four, four and twelve hexadecimal digits. */
bool shape_is_uuid(const char *text, size_t length);

/** A number as JSON writes it. */
bool shape_is_number(const char *text, size_t length);

/**
 * The length of the armour line (`-----BEGIN X-----`, `-----END X-----`) that
 * starts here; else 0.
 */
size_t shape_armour(const char *text, size_t length);

/** Write letters to `out`, nothing kept but the ends of lines. */
void shape_erase(const struct shape_source *source, const char *value,
		 size_t length, char *out);

/**
 * Write something of the same shape to `out`. Returns how many bytes at the
 * start are the value's own: its prefix, or all where parts of the value, such
 * as armour lines, stay wherever they are.
 */
size_t shape_fill(const struct shape_source *source, const char *value,
		  size_t length, char *out);

#endif
