/*
 * Reads `objdump -dw --insn-width=15` and compares the lengths of instructions
 * with what the shim's decoder says. Prints what differs; status 1 where
 * anything does. Not understood is no difference, but counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/sites.h"

static size_t read_bytes(const char *line, unsigned char bytes[32])
{
	const char *at = strchr(line, '\t');
	size_t count = 0;

	while (at && count < 15) {
		char *end;
		unsigned long byte = strtoul(at, &end, 16);

		if (end == at || byte > 255 || (*end != ' ' && *end != '\t'))
			break;
		bytes[count++] = (unsigned char)byte;
		if (*end == '\t')
			break;
		at = end;
	}
	return count;
}

int main(void)
{
	unsigned long seen = 0, unknown = 0, wrong = 0;
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned char bytes[32] = {0};
		size_t length = read_bytes(line, bytes);

		if (!length || strstr(line, "(bad)"))
			continue;
		struct shim_instruction now = shim_decode_x86_64(bytes, 20);

		seen++;
		unknown += now.length == 0;
		if (now.length && now.length != length) {
			wrong++;
			printf("%d, not %zu: %s", now.length, length, line);
		}
	}
	printf("%lu instructions, %lu not understood, %lu wrong\n", seen,
	       unknown, wrong);
	return wrong || !seen || unknown > seen / 1000;
}
