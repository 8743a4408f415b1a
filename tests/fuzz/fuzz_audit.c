/*
 * Fuzz target: the audit log's reader, and what prints for a terminal.
 *
 * The input is read as a log; whatever is in it, nothing that commands a
 * terminal may come out, and what was readable must be the same after it is
 * written and read again.
 */
#include "policy/scope.h"
#include "supervisor/audit_line.h"
#include "supervisor/audit_read.h"
#include "supervisor/commands/log_print.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void check_print(const struct audit_entry *entry)
{
	auto_free char *shown = NULL;
	size_t length;
	FILE *out = open_memstream(&shown, &length);

	log_print(out, entry, false);
	fclose(out);
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)shown[i] < ' ' || shown[i] == 0x7f) &&
		    i + 1 != length)
			abort();
}

/* Write a record again and compare what is read of that. */
static void check_again(const struct audit_entry *entry)
{
	static char bytes[AUDIT_LINE_MAX];
	struct jtext text = {.bytes = bytes, .size = sizeof(bytes)};
	const struct audit_record *r = &entry->record;
	struct audit_reader *reader;
	struct audit_entry again;
	struct audit_chain chain;
	auto_fd fd = -1;

	audit_chain_init(&chain);
	if (!audit_line_add(&text, &chain, r, &entry->time, NULL)) {
		fd = file_of(bytes, text.length);
		if (audit_reader_new(fd, &reader) ||
		    audit_reader_next(reader, &again) || !again.readable ||
		    again.result != AUDIT_READ_LINE ||
		    !same(again.record.subject, r->subject) ||
		    !same(again.record.rule_text, r->rule_text) ||
		    !same(again.record.message, r->message) ||
		    again.record.bytes_in != r->bytes_in ||
		    again.record.argv_length != r->argv_length ||
		    (r->argv_length &&
		     memcmp(again.record.argv, r->argv, r->argv_length) != 0))
			abort();
		audit_reader_free(reader);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_fd fd = file_of(data, size);
	struct audit_reader *reader;
	struct audit_entry entry;

	if (audit_reader_new(fd, &reader))
		abort();
	while (!audit_reader_next(reader, &entry) &&
	       entry.result != AUDIT_READ_END) {
		if (!entry.readable)
			continue;
		check_print(&entry);
		check_again(&entry);
	}
	audit_reader_free(reader);
	return 0;
}
