/*
 * `interpose apply`: what a program wrote to a stand-in, on the real file,
 * with the real values where the placeholders were.
 */
#include "supervisor/commands/apply.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/standin_world.h"

static const struct policy_fake keys = {.kind = FAKE_KEYS};
static const struct policy_fake dotenv = {.kind = FAKE_DOTENV};
static const struct policy_fake empty = {.kind = FAKE_EMPTY};

static char *output; /* what apply showed, and complained about */

/* Make the stand-ins of a real file. */
static void fake(const char *name, const struct policy_fake *kind,
		 const char *text)
{
	world_put(world_at(name), text);
	world_rule(0, world_at(name), kind);
	ck_assert_int_eq(world_prepare(world_at(name)), 0);
}

/* Replace what is there once in a stand-in, as an editor would. */
static void edit(const char *name, const char *from, const char *to)
{
	char *text = strdup(world_get(world_mirrored(name)));
	char *at = strstr(text, from);
	char *whole = malloc(strlen(text) + strlen(to) + 1);

	ck_assert_ptr_nonnull(at);
	memcpy(whole, text, (size_t)(at - text));
	strcpy(whole + (at - text), to);
	strcat(whole, at + strlen(from));
	world_put(world_mirrored(name), whole);
	free(whole);
	free(text);
}

/* What follows `before` in a stand-in, up to the end of the line. */
static char *read_placeholder(const char *name, const char *before)
{
	const char *text = world_get(world_mirrored(name));
	const char *at = strstr(text, before);

	ck_assert_ptr_nonnull(at);
	at += strlen(before);
	return strndup(at, strcspn(at, "\n\"\r"));
}

static bool yes(void *context, size_t count)
{
	(void)context;
	return count > 0;
}

static int keep(void)
{
	char state[128];
	int fd;

	snprintf(state, sizeof(state), "%s/state", world.base);
	mkdir(state, 0700);
	fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(standins_keep(world.standins, fd), 0);
	return fd;
}

static int run(int state, struct apply_options options)
{
	size_t length;
	FILE *out = open_memstream(&output, &length);
	int status;

	options.out = options.errors = out;
	status = apply_run(state, &options);
	fclose(out);
	return status;
}

static int apply(void)
{
	int state = keep();
	int status = run(state, (struct apply_options){.confirm = yes});

	close(state);
	return status;
}

static void forget(void)
{
	free(output);
	output = NULL;
	world_remove();
}

START_TEST(test_edit_keeps_secrets)
{
	struct stat st;

	fake(".env", &dotenv, "# x\nTOKEN=canarycanary\nPIN=1234\nPORT=3000\n");
	ck_assert_int_eq(chmod(world_at(".env"), 0604), 0);
	edit(".env", "# x\n", "# y\nNEW=1\n");
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(
		world_get(world_at(".env")),
		"# y\nNEW=1\nTOKEN=canarycanary\nPIN=1234\nPORT=3000\n");
	ck_assert_int_eq(stat(world_at(".env"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0604);
	ck_assert_ptr_null(strstr(output, "canary"));
	ck_assert_ptr_null(strstr(output, "1234"));
	ck_assert_ptr_nonnull(strstr(output, "+NEW=1"));
}
END_TEST

START_TEST(test_secret_can_be_replaced)
{
	char *placeholder;

	fake(".env", &dotenv, "A=canarycanary\nB=canarycanary2\n");
	placeholder = read_placeholder(".env", "A=");
	edit(".env", placeholder, "new value");
	free(placeholder);
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(world_get(world_at(".env")),
			 "A=new value\nB=canarycanary2\n");
}
END_TEST

/* A secret got another value, longer or shorter: its file shows the placeholder
 * that programs have already, which is turned back into the new value. */
START_TEST(test_renewed_secret_keeps_its_placeholder)
{
	static const char *const values[] = {"ghp_muchlongerthanthatone12",
					     "ghp_short1"};
	const char *value = values[_i];
	char *held =
		standins_placeholder(world.standins, "T", "ghp_canary12345");
	char text[128];

	ck_assert_int_eq(
		standins_renewed(world.standins, held, value, strlen(value)),
		0);
	snprintf(text, sizeof(text), "A=%s\nB=canarycanary\nC=%s\n# x\n", value,
		 value);
	fake(".env", &dotenv, text);
	for (const char *at = "A="; at; at = *at == 'A' ? "C=" : NULL) {
		char *shown = read_placeholder(".env", at);

		ck_assert_str_eq(shown, held);
		free(shown);
	}
	free(held);
	edit(".env", "# x", "# y");
	ck_assert_int_eq(apply(), 0);
	snprintf(text, sizeof(text), "A=%s\nB=canarycanary\nC=%s\n# y\n", value,
		 value);
	ck_assert_str_eq(world_get(world_at(".env")), text);
}
END_TEST

START_TEST(test_rewritten_file_keeps_secrets)
{
	char *token, text[256];

	fake("x.json", &keys, "{\"token\":\"canarycanary\",\"on\":true}");
	token = read_placeholder("x.json", "\"token\":\"");
	snprintf(text, sizeof(text),
		 "{\n  \"on\": false,\n  \"token\": \"%s\"\n}\n", token);
	free(token);
	world_put(world_mirrored("x.json"), text);
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(
		world_get(world_at("x.json")),
		"{\n  \"on\": false,\n  \"token\": \"canarycanary\"\n}\n");
}
END_TEST

START_TEST(test_short_value_on_a_changed_line)
{
	fake("x.ini", &keys, "password = abc ; old\n");
	edit("x.ini", "password = ", "password = ");
	fake(".env", &dotenv, "PIN=47 # old\n");
	edit(".env", "# old", "# new");
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(world_get(world_at(".env")), "PIN=47 # new\n");
}
END_TEST

START_TEST(test_short_value_moved_is_refused)
{
	char *pin, text[128];

	fake("x.json", &keys, "{\"pin\":\"4721\",\"a\":1}");
	pin = read_placeholder("x.json", "\"pin\":\"");
	snprintf(text, sizeof(text), "{ \"pin\": \"%s\" }\n", pin);
	free(pin);
	world_put(world_mirrored("x.json"), text);
	ck_assert_int_eq(apply(), 1);
	ck_assert_ptr_nonnull(strstr(output, "short value"));
	ck_assert_str_eq(world_get(world_at("x.json")),
			 "{\"pin\":\"4721\",\"a\":1}");
}
END_TEST

START_TEST(test_lines_of_a_key_may_move)
{
	fake("key.yaml", &keys,
	     "a: 1\nkey: |\n  canarycanaryone\n  canarycanarytwo\nb: 2\n");
	edit("key.yaml", "a: 1\n", "");
	edit("key.yaml", "b: 2", "b: 3");
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(
		world_get(world_at("key.yaml")),
		"key: |\n  canarycanaryone\n  canarycanarytwo\nb: 3\n");
}
END_TEST

START_TEST(test_renewed_secret_is_used)
{
	fake("x.ini", &keys, "token = canarycanary\nport = 1\n");
	edit("x.ini", "port = 1", "port = 2");
	world_put(world_at("x.ini"),
		  "token = canary-renewed-and-longer\nport = 1\n");
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(world_get(world_at("x.ini")),
			 "token = canary-renewed-and-longer\nport = 2\n");
}
END_TEST

START_TEST(test_changed_file_is_refused)
{
	fake("x.ini", &keys, "token = canarycanary\nport = 1\n");
	edit("x.ini", "port = 1", "port = 2");
	world_put(world_at("x.ini"), "token = canarycanary\nport = 7\n");
	ck_assert_int_eq(apply(), 1);
	ck_assert_ptr_nonnull(strstr(output, "changed since the session"));
	ck_assert_str_eq(world_get(world_at("x.ini")),
			 "token = canarycanary\nport = 7\n");
}
END_TEST

START_TEST(test_tree)
{
	struct stat st;

	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	ck_assert_int_eq(mkdir(world_at("g/old"), 0700), 0);
	world_put(world_at("g/a"), "token = canarycanary\n");
	world_put(world_at("g/old/b"), "token = canarycanary\n");
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	ck_assert_int_eq(unlink(world_mirrored("g/old/b")), 0);
	ck_assert_int_eq(rmdir(world_mirrored("g/old")), 0);
	ck_assert_int_eq(mkdir(world_mirrored("g/new"), 0750), 0);
	world_put(world_mirrored("g/new/c"), "plain\n");
	ck_assert_int_eq(chmod(world_mirrored("g/new/c"), 0640), 0);
	/* A copy holds what its neighbour holds. */
	world_put(world_mirrored("g/a.bak"), world_get(world_mirrored("g/a")));
	ck_assert_int_eq(apply(), 0);
	ck_assert(!world_there(world_at("g/old")));
	ck_assert_str_eq(world_get(world_at("g/new/c")), "plain\n");
	ck_assert_int_eq(stat(world_at("g/new/c"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_str_eq(world_get(world_at("g/a.bak")),
			 "token = canarycanary\n");
}
END_TEST

START_TEST(test_placeholder_of_another_directory_is_refused)
{
	char *token, text[128];

	ck_assert_int_eq(mkdir(world_at("d"), 0700), 0);
	fake("d/a.ini", &keys, "token = canarycanary\n");
	token = read_placeholder("d/a.ini", "token = ");
	world_put(world_at(".env"), "A=canary2canary2\n");
	world_rule(1, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	snprintf(text, sizeof(text), "A=%s\n", token);
	free(token);
	world_put(world_mirrored(".env"), text);
	ck_assert_int_eq(apply(), 1);
	ck_assert_ptr_nonnull(strstr(output, "d/a.ini"));
	ck_assert_str_eq(world_get(world_at(".env")), "A=canary2canary2\n");
}
END_TEST

START_TEST(test_empty_stand_in_does_not_replace)
{
	fake("x", &empty, "canary\n");
	world_put(world_mirrored("x"), "new\n");
	ck_assert_int_eq(apply(), 1);
	ck_assert_str_eq(world_get(world_at("x")), "canary\n");
}
END_TEST

START_TEST(test_created_where_nothing_was)
{
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	world_put(world_mirrored(".env"), "A=1\n");
	ck_assert_int_eq(apply(), 0);
	ck_assert_str_eq(world_get(world_at(".env")), "A=1\n");
}
END_TEST

START_TEST(test_created_meanwhile_is_kept)
{
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	world_put(world_mirrored(".env"), "A=1\n");
	world_put(world_at(".env"), "B=canary\n");
	ck_assert_int_eq(apply(), 1);
	ck_assert_str_eq(world_get(world_at(".env")), "B=canary\n");
}
END_TEST

START_TEST(test_shown_only_without_a_person)
{
	int state;

	fake(".env", &dotenv, "A=canarycanary\n");
	edit(".env", "A=", "B=");
	state = keep();
	ck_assert_int_eq(run(state, (struct apply_options){0}), 0);
	close(state);
	ck_assert_ptr_nonnull(strstr(output, "+B="));
	ck_assert_ptr_nonnull(strstr(output, "nothing was put"));
	ck_assert_str_eq(world_get(world_at(".env")), "A=canarycanary\n");
}
END_TEST

START_TEST(test_only_named_files)
{
	const char *files[] = {NULL, "/nowhere/at/all"};
	int state;

	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	world_put(world_at("g/a"), "token = canarycanary\n");
	world_put(world_at("g/b"), "token = canarycanary\n");
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	edit("g/a", "token", "secret");
	edit("g/b", "token", "secret");
	files[0] = world_at("g/a");
	state = keep();
	ck_assert_int_eq(run(state, (struct apply_options){.files = files,
							   .file_count = 2,
							   .yes = true}),
			 1);
	close(state);
	ck_assert_ptr_nonnull(strstr(output, "/nowhere/at/all"));
	ck_assert_str_eq(world_get(world_at("g/a")), "secret = canarycanary\n");
	ck_assert_str_eq(world_get(world_at("g/b")), "token = canarycanary\n");
}
END_TEST

START_TEST(test_link_on_the_way_is_refused)
{
	ck_assert_int_eq(mkdir(world_at("d"), 0700), 0);
	fake("d/x.ini", &keys, "token = canarycanary\n");
	edit("d/x.ini", "token", "secret");
	ck_assert_int_eq(rename(world_at("d"), world_at("e")), 0);
	ck_assert_int_eq(symlink("e", world_at("d")), 0);
	ck_assert_int_eq(apply(), 1);
	ck_assert_str_eq(world_get(world_at("e/x.ini")),
			 "token = canarycanary\n");
}
END_TEST

START_TEST(test_terminal_gets_text_only)
{
	fake(".env", &dotenv, "A=canarycanary\n");
	edit(".env", "A=", "B\x1b[2J\xc2\x9b=");
	ck_assert_int_eq(apply(), 0);
	ck_assert_ptr_null(strchr(output, '\x1b'));
	ck_assert_ptr_nonnull(strstr(output, "\\x1b[2J\\xc2\\x9b"));
}
END_TEST

/* A disk that is full looks like this to a program, too. */
START_TEST(test_failed_write_loses_nothing)
{
	struct rlimit limit = {8, 8};
	int state;

	fake(".env", &dotenv, "A=canarycanary\n");
	edit(".env", "A=", "B=");
	state = keep();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(run(state, (struct apply_options){.yes = true}), 1);
	close(state);
	ck_assert_str_eq(world_get(world_at(".env")), "A=canarycanary\n");
	ck_assert_int_eq(unlink(world_at(".env")), 0);
	ck_assert_int_eq(rmdir(world.real), 0);
}
END_TEST

START_TEST(test_damaged_manifest_is_refused)
{
	static const char *const texts[] = {
		"x\n",
		"file 3 0 - 1 /a\n",
		"file 3 0 - 1 /a\n5 0\n",
		"file 3 0 - 2 /a\n5 1\n5 1\n",
		"file 3 0 - 0 ../a\n",
		"file 3 0 - 0 /a%00\n",
		"file 3 0 zz 0 /a\n",
		"file 3 0 - 1 /a\n18446744073709551615 1\n",
	};
	char path[128];
	int state;

	fake(".env", &dotenv, "A=canarycanary\n");
	edit(".env", "A=", "B=");
	state = keep();
	snprintf(path, sizeof(path), "%s/state/standins/manifest", world.base);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		world_put(path, texts[i]);
		ck_assert_int_lt(
			run(state, (struct apply_options){.yes = true}), 0);
		free(output);
		output = NULL;
	}
	close(state);
	ck_assert_str_eq(world_get(world_at(".env")), "A=canarycanary\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("standin apply");
	TCase *tcase = tcase_create("apply");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, world_make, forget);
	tcase_add_test(tcase, test_edit_keeps_secrets);
	tcase_add_test(tcase, test_secret_can_be_replaced);
	tcase_add_loop_test(tcase, test_renewed_secret_keeps_its_placeholder, 0,
			    2);
	tcase_add_test(tcase, test_rewritten_file_keeps_secrets);
	tcase_add_test(tcase, test_short_value_on_a_changed_line);
	tcase_add_test(tcase, test_short_value_moved_is_refused);
	tcase_add_test(tcase, test_lines_of_a_key_may_move);
	tcase_add_test(tcase, test_renewed_secret_is_used);
	tcase_add_test(tcase, test_changed_file_is_refused);
	tcase_add_test(tcase, test_tree);
	tcase_add_test(tcase, test_placeholder_of_another_directory_is_refused);
	tcase_add_test(tcase, test_empty_stand_in_does_not_replace);
	tcase_add_test(tcase, test_created_where_nothing_was);
	tcase_add_test(tcase, test_created_meanwhile_is_kept);
	tcase_add_test(tcase, test_shown_only_without_a_person);
	tcase_add_test(tcase, test_only_named_files);
	tcase_add_test(tcase, test_link_on_the_way_is_refused);
	tcase_add_test(tcase, test_terminal_gets_text_only);
	tcase_add_test(tcase, test_failed_write_loses_nothing);
	tcase_add_test(tcase, test_damaged_manifest_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
