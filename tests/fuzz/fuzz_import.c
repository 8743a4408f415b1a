/*
 * Fuzz target: other tools' files. The first byte says which tool; what is
 * printed in the end, if it is, loads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_load(const char *text)
{
	static const struct policy_variable variables[] = {
		{"home", "/home/u"}, {"project", "/home/u/p"}};
	const struct policy_source source = {POLICY_LAYER_FILE, "fuzz", text};
	struct policy_system_host context = {.search_path = "/nowhere"};
	struct policy_host host;
	struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.variables = variables,
		.variable_count = 2,
		.host = &host,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;

	policy_system_host_init(&host, &context);
	if (policy_load(&input, list, &policy)) {
		policy_diagnostics_print(list, stderr, false);
		abort();
	}
	policy_diagnostics_free(list);
	policy_free(policy);
	policy_system_host_clear(&context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const formats[])(struct import * import,
				      const char *const *files,
				      size_t count) = {
		import_claude, import_srt, import_devcontainer, import_codex};
	auto_fd fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct import import = {.home = "/home/u", .project = "/home/u/p"};
	auto_free char *string = NULL;
	struct text text = {0};
	char path[64];
	const char *const files[] = {path};
	static FILE *quiet;

	if (size < 1)
		return 0;
	/* What is said of malformed files is not of interest; the descriptor
	 * stays for the sanitizers. */
	if (!quiet && (quiet = fopen("/dev/null", "we")))
		stderr = quiet;
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1) ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!formats[data[0] % 4](&import, files, 1) && !import.failed) {
		import_finish(&import, "Fuzzed.", &text);
		if (text_finish(&text, &string))
			abort();
		must_load(string);
	}
	import_clear(&import);
	return 0;
}
