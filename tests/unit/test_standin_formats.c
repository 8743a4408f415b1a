/*
 * Which bytes of a file are replaced: each case shows a file and the same
 * with a * for each byte that a placeholder takes. SECRET values all hold
 * "canary", so that a test can look for what survived.
 */
#include "supervisor/virtual/transform.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/virtual/json.h"

struct sample {
	enum fake_kind kind;
	const char *path;
	const char *text;
	const char *shape;
};

/* clang-format off */
static const struct sample samples[] = {
/* ------------------------------------------------------------ dotenv -- */
{FAKE_DOTENV, "/p/.env",
 "# the port\nPORT=3000\nexport TOKEN=canary77\n\nEMPTY=\n",
 "# the port\nPORT=****\nexport TOKEN=********\n\nEMPTY=\n"},
{FAKE_DOTENV, "/p/.env",
 "A=\"canary one\" # note\nB='canary two'\nC=`canary`\n",
 "A=\"**********\" # note\nB='**********'\nC=`******`\n"},
{FAKE_DOTENV, "/p/.env",
 "A=canary #note\nB=canary#part\nC = canary  \n",
 "A=****** #note\nB=***********\nC = ******  \n"},
{FAKE_DOTENV, "/p/.env",
 "KEY=\"canary\nline two\nend\"\nNEXT=canary\n",
 "KEY=\"******\n********\n***\"\nNEXT=******\n"},
{FAKE_DOTENV, "/p/.env", "A=canary\r\nB=canary\r\n", "A=******\r\nB=******\r\n"},
{FAKE_DOTENV, "/p/.env",
 "#OLD_TOKEN=canary\n# export PASSWORD=canary\n",
 "#OLD_TOKEN=******\n# export PASSWORD=******\n"},
{FAKE_DOTENV, "/p/.env", "A=\"canary\nB=canary\n", "A=\"******\nB=******\n"},
{FAKE_DOTENV, "/p/.env", "canarycanary\n", "************\n"},
{FAKE_DOTENV, "/p/.env", "A=\"\"\nB=''\n", "A=\"\"\nB=''\n"},
{FAKE_DOTENV, "/p/.env", "A=x\\\"canary", "A=*********"},
/* -------------------------------------------------------------- aws --- */
{FAKE_AWS, "/h/.aws/credentials",
 "[default]\naws_access_key_id = AKIACANARYCANARY1234\n"
 "aws_secret_access_key = canarycanary/canary+canary\nregion = eu-west-1\n",
 "[default]\naws_access_key_id = ********************\n"
 "aws_secret_access_key = **************************\nregion = eu-west-1\n"},
{FAKE_AWS, "/h/.aws/config",
 "[profile token-service]\nregion=us-east-1\noutput=json\n"
 "role_arn = arn:aws:iam::123456789012:role/Admin\n"
 "s3 =\n    max_concurrent_requests = 20\n",
 "[profile token-service]\nregion=us-east-1\noutput=json\n"
 "role_arn = arn:aws:iam::123456789012:role/Admin\n"
 "s3 =\n    max_concurrent_requests = 20\n"},
{FAKE_AWS, "/h/.aws/sso/cache/0123.json",
 "{\"startUrl\": \"https://x.awsapps.com/start\", \"region\": \"eu-west-1\","
 " \"accessToken\": \"canary\", \"expiresAt\": \"2026-01-01T00:00:00Z\"}",
 "{\"startUrl\": \"https://x.awsapps.com/start\", \"region\": \"eu-west-1\","
 " \"accessToken\": \"******\", \"expiresAt\": \"2026-01-01T00:00:00Z\"}"},
{FAKE_AWS, "/h/.aws/cli/cache/0123.json",
 "{\"Credentials\": {\"AccessKeyId\": \"canary\", \"SecretAccessKey\":"
 " \"canary\", \"SessionToken\": \"canary\", \"Expiration\": \"2026\"}}",
 "{\"Credentials\": {\"AccessKeyId\": \"******\", \"SecretAccessKey\":"
 " \"******\", \"SessionToken\": \"******\", \"Expiration\": \"2026\"}}"},
/* ------------------------------------------------------------- JSON --- */
{FAKE_KEYS, "/h/x.json",
 "{\n  \"password\": \"canary\",\n  \"user\": \"me\", \"on\": true,\n"
 "  \"port\": 5432, \"pin\": 1234, \"token\": null\n}\n",
 "{\n  \"password\": \"******\",\n  \"user\": \"me\", \"on\": true,\n"
 "  \"port\": 5432, \"pin\": ****, \"token\": null\n}\n"},
{FAKE_KEYS, "/h/x.json",
 "{\"tokens\": {\"a\": \"canary\", \"b\": [\"canary\", {\"c\": \"canary\"}],"
 " \"user\": \"me\"}}",
 "{\"tokens\": {\"a\": \"******\", \"b\": [\"******\", {\"c\": \"******\"}],"
 " \"user\": \"me\"}}"},
{FAKE_KEYS, "/h/x.json", "{\"pass\\u0077ord\": \"canary\"}",
 "{\"pass\\u0077ord\": \"******\"}"},
{FAKE_KEYS, "/h/x.json",
 "{\"args\": [\"--api-key\", \"canary\", \"--port\", \"80\"]}",
 "{\"args\": [\"--api-key\", \"******\", \"--port\", \"80\"]}"},
{FAKE_KEYS, "/h/x.json",
 "{\"env\": [{\"name\": \"DB_PASSWORD\", \"value\": \"canary\"},"
 " {\"value\": \"canary\", \"name\": \"API_TOKEN\"}]}",
 "{\"env\": [{\"name\": \"DB_PASSWORD\", \"value\": \"******\"},"
 " {\"value\": \"******\", \"name\": \"API_TOKEN\"}]}"},
{FAKE_KEYS, "/h/x.json",
 "{\"url\": \"postgres://me:canary@db.example:5432/x\","
 " \"token_uri\": \"https://oauth2.googleapis.com/token\"}",
 "{\"url\": \"postgres://me:******@db.example:5432/x\","
 " \"token_uri\": \"https://oauth2.googleapis.com/token\"}"},
{FAKE_KEYS, "/h/x.json",
 "{\"cmd\": \"curl -H 'Authorization: Bearer canarycanary' x\"}",
 "{\"cmd\": \"curl -H 'Authorization: Bearer ************' x\"}"},
{FAKE_KEYS, "/h/x.json",
 "{\"inner\": \"{\\\"password\\\":\\\"canary\\\",\\\"a\\\":1}\"}",
 "{\"inner\": \"{\\\"password\\\":\\\"******\\\",\\\"a\\\":1}\"}"},
{FAKE_KEYS, "/h/x.json",
 "{\"a\": \"ghp_0123canary456789canary\", \"b\": \"xoxb-1234-canary\"}",
 "{\"a\": \"**************************\", \"b\": \"****************\"}"},
{FAKE_KEYS, "/h/x.json",
 "// key = canary\n{\"a\": 1, /* password: canary */ \"b\": [1,],}\n",
 "// key = ******\n{\"a\": 1, /* password: ****** */ \"b\": [1,],}\n"},
{FAKE_KEYS, "/h/.docker/config.json",
 "{\"auths\": {\"ghcr.io\": {\"auth\": \"dXNlcjpjYW5hcnk=\"}},"
 " \"credsStore\": \"pass\"}",
 "{\"auths\": {\"ghcr.io\": {\"auth\": \"****************\"}},"
 " \"credsStore\": \"pass\"}"},
{FAKE_KEYS, "/h/list", "[{\"secret\": \"canary\"}]", "[{\"secret\": \"******\"}]"},
{FAKE_KEYS, "/h/x.jsonl", "{\"key\":\"canary\"}\n{\"key\":\"canary\"}\n",
 "{\"key\":\"******\"}\n{\"key\":\"******\"}\n"},
{FAKE_KEYS, "/h/x.json", "{\"password\": \"canary\", oops",
 "{\"********\": \"******\", ****"},
/* -------------------------------------------------------------- INI --- */
{FAKE_KEYS, "/h/.npmrc",
 "registry=https://registry.example/\n"
 "//registry.example/:_authToken=canary\n"
 "//npm.example/:_authToken=${NPM_TOKEN}\n//npm.example/:username=me\n"
 "//npm.example/:_password=\"canary\"\n",
 "registry=https://registry.example/\n"
 "//registry.example/:_authToken=******\n"
 "//npm.example/:_authToken=${NPM_TOKEN}\n//npm.example/:username=me\n"
 "//npm.example/:_password=\"******\"\n"},
{FAKE_KEYS, "/h/.pypirc",
 "[pypi]\nusername = __token__\npassword: canary\n  canary canary\n",
 "[pypi]\nusername = __token__\npassword: ******\n  *************\n"},
{FAKE_KEYS, "/h/conf",
 "[credentials]\ngithub = canary ; canary\nhost = github.com\n",
 "[credentials]\ngithub = ***************\nhost = github.com\n"},
{FAKE_KEYS, "/h/.terraformrc",
 "credentials \"app.terraform.io\" {\n  token = \"canary\"\n}\n",
 "credentials \"app.terraform.io\" {\n  token = \"******\"\n}\n"},
{FAKE_KEYS, "/h/.git-credentials",
 "https://me:canary@github.com\nhttps://canarycanarycanary@x.org\n",
 "https://me:******@github.com\nhttps://******************@x.org\n"},
/* ------------------------------------------------------------ netrc --- */
{FAKE_KEYS, "/h/.netrc",
 "# mine\nmachine api.x.com login me password canary\n"
 "machine y.com\n\tlogin me\n\tpassword \"canary canary\"\ndefault login a"
 " password canary\n",
 "# mine\nmachine api.x.com login me password ******\n"
 "machine y.com\n\tlogin me\n\tpassword \"*************\"\ndefault login a"
 " password ******\n"},
{FAKE_KEYS, "/h/.pgpass",
 "# x\ndb.example:5432:*:me:canary:canary\\\\\n",
 "# x\ndb.example:5432:*:me:***************\n"},
/* ------------------------------------------------------------- YAML --- */
{FAKE_KEYS, "/h/.config/gh/hosts.yml",
 "github.com:\n    user: me\n    oauth_token: canary # mine\n"
 "    git_protocol: ssh\n",
 "github.com:\n    user: me\n    oauth_token: ****** # mine\n"
 "    git_protocol: ssh\n"},
{FAKE_KEYS, "/h/.kube/config",
 "apiVersion: v1\nusers:\n- name: admin\n  user:\n    token: canary\n"
 "    client-key-data: Y2FuYXJ5Y2FuYXJ5\n- name: b\n  user: {token: canary}\n",
 "apiVersion: v1\nusers:\n- name: admin\n  user:\n    token: ******\n"
 "    client-key-data: ****************\n- name: b\n  user: {token: ******}\n"},
{FAKE_KEYS, "/h/x.yaml",
 "password: |\n  canary\n\n  canary\nnext: 'it''s'\nsecret: \"a canary\n"
 "  canary\"\nkey: >-\n  canary\nlast: 1\n",
 "password: |\n  ******\n\n  ******\nnext: 'it''s'\nsecret: \"********\n"
 "********\"\nkey: >-\n  ******\nlast: 1\n"},
{FAKE_KEYS, "/h/x.yaml",
 "kind: Secret\ndata:\n  a: Y2FuYXJ5\n  b: Y2FuYXJ5\ntype: Opaque\n",
 "kind: Secret\ndata:\n  a: ********\n  b: ********\ntype: Opaque\n"},
{FAKE_KEYS, "/h/x.yaml",
 "tokens:\n- canary\n- canary canary\nenv:\n  - name: API_KEY\n"
 "    value: canary\n  - name: PORT\n    value: plain\n",
 "tokens:\n- ******\n- *************\nenv:\n  - name: API_KEY\n"
 "    value: ******\n  - name: PORT\n    value: plain\n"},
{FAKE_KEYS, "/h/x.yaml", "password: canary\n  canary\nok: yes\n",
 "password: ******\n  ******\nok: yes\n"},
{FAKE_KEYS, "/h/x.yaml", "? password\n: canary\n", "? ********\n: ******\n"},
/* ------------------------------------------------------------- TOML --- */
{FAKE_KEYS, "/h/.cargo/credentials.toml",
 "[registry]\ntoken = \"canary\" # mine\n",
 "[registry]\ntoken = \"******\" # mine\n"},
{FAKE_KEYS, "/h/x.toml",
 "[tokens]\na = 'canary'\nb = [\"canary\", { c = \"canary\" }]\nn = 12\n"
 "[server]\nhost = \"h\"\nport = 80\nkey = \"\"\"\ncanary\n\"\"\"\n",
 "[tokens]\na = '******'\nb = [\"******\", { c = \"******\" }]\nn = **\n"
 "[server]\nhost = \"h\"\nport = 80\nkey = \"\"\"\n******\n\"\"\"\n"},
/* -------------------------------------------------------------- PEM --- */
{FAKE_KEYS, "/h/.ssh/id_x",
 "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n",
 "***************************\n********\n*************************\n"},
{FAKE_KEYS, "/h/.ssh/id_x.pub",
 "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 me@host\n",
 "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 me@host\n"},
};
/* clang-format on */

/* The text with a * for each byte that is marked; lines keep their ends. */
static char *render(const char *text, const struct marks *marks)
{
	char *shape = strdup(text);

	for (size_t i = 0; i < marks->count; i++) {
		char *at = shape + marks->items[i].offset;

		for (size_t j = 0; j < marks->items[i].length; j++)
			at[j] = at[j] == '\n' ? '\n' : '*';
	}
	return shape;
}

START_TEST(test_shape)
{
	const struct sample *sample = &samples[_i];
	struct marks marks = {0};
	char *shape;

	ck_assert_int_eq(transform_mark(&marks, sample->kind, sample->path,
					sample->text, strlen(sample->text)),
			 0);
	shape = render(sample->text, &marks);
	ck_assert_str_eq(shape, sample->shape);
	free(shape);
	marks_free(&marks);
}
END_TEST

START_TEST(test_no_canary_survives)
{
	const struct sample *sample = &samples[_i];
	struct placeholders *placeholders;
	struct transformed result;
	size_t length = strlen(sample->text);

	ck_assert_int_eq(placeholders_new(&placeholders), 0);
	ck_assert_int_eq(transform(placeholders, sample->kind, sample->path,
				   sample->text, length, &result),
			 0);
	ck_assert_uint_eq(result.length, length);
	ck_assert_ptr_null(strstr(result.text, "canary"));
	ck_assert_ptr_null(strstr(result.text, "CANARY"));
	ck_assert_ptr_null(strstr(result.text, "Y2FuYXJ5"));
	transformed_free(&result);
	placeholders_free(placeholders);
}
END_TEST

/* What was read as a format can be read as it again. */
START_TEST(test_result_is_marked_alike)
{
	const struct sample *sample = &samples[_i];
	struct placeholders *placeholders;
	struct transformed result;
	struct marks marks = {0};
	char *shape;

	ck_assert_int_eq(placeholders_new(&placeholders), 0);
	ck_assert_int_eq(transform(placeholders, sample->kind, sample->path,
				   sample->text, strlen(sample->text), &result),
			 0);
	ck_assert_int_eq(transform_mark(&marks, sample->kind, sample->path,
					result.text, result.length),
			 0);
	shape = render(result.text, &marks);
	if (!strstr(sample->text, "oops") && sample->text[0] != '?' &&
	    !strstr(sample->path, "git-credentials") &&
	    !strstr(sample->text, "x\\\""))
		ck_assert_str_eq(shape, sample->shape);
	free(shape);
	marks_free(&marks);
	transformed_free(&result);
	placeholders_free(placeholders);
}
END_TEST

/* Marks stay inside, in order, for any prefix of any sample. */
START_TEST(test_truncated)
{
	const struct sample *sample = &samples[_i];

	for (size_t length = 0; length <= strlen(sample->text); length++) {
		struct marks marks = {0};
		char *text = malloc(length ? length : 1);
		size_t end = 0;

		memcpy(text, sample->text, length);
		ck_assert_int_eq(transform_mark(&marks, sample->kind,
						sample->path, text, length),
				 0);
		for (size_t i = 0; i < marks.count; i++) {
			ck_assert_uint_ge(marks.items[i].offset, end);
			ck_assert_uint_gt(marks.items[i].length, 0);
			end = marks.items[i].offset + marks.items[i].length;
		}
		ck_assert_uint_le(end, length);
		marks_free(&marks);
		free(text);
	}
}
END_TEST

/* ------------------------------------------------------ hostile inputs -- */

/* `count` times `word`. */
static char *repeat(const char *word, size_t count)
{
	size_t size = strlen(word);
	char *text = malloc(size * count + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(text + i * size, word, size);
	text[size * count] = '\0';
	return text;
}

static const char *const endless[] = {
	"[",
	"{\"a\":",
	"{\"token\":[",
	"- ",
	"a:\n",
	"\\",
	"\"",
	"://",
	"x:",
	"token:",
	"a.",
	"a = [",
	"a = {b = ",
	"'",
	"-----BEGIN ",
	"=",
	"\"\"\"",
	"a: |\n",
	"? ",
	"Bearer ",
	"\xff\xfe",
	"eyJ.",
	"A\n",
	"a:b@",
	"\t",
	"-----BEGIN PRIVATE KEY-----\n",
	"-----BEGIN CERTIFICATE-----\n",
	"/",
	"[[",
	"{a: ",
	"!x ",
	"&a ",
	"#",
	"\r",
	"$",
	"{\"\":\"",
	"\"token\\",
};

static const char *const hostile_paths[] = {
	"/h/x.json", "/h/x.yaml",  "/h/x.toml", "/h/x.ini",
	"/h/.netrc", "/h/.pgpass", "/h/x.pem",	"/h/x",
};

START_TEST(test_endless)
{
	for (size_t i = 0; i < sizeof(endless) / sizeof(*endless); i++) {
		size_t count = (256u << 10) / strlen(endless[i]);
		char *text = repeat(endless[i], count);
		struct marks marks = {0};

		ck_assert_int_eq(transform_mark(&marks, FAKE_KEYS,
						hostile_paths[_i], text,
						strlen(text)),
				 0);
		marks_clear(&marks);
		ck_assert_int_eq(transform_mark(&marks, FAKE_DOTENV, "/p/.env",
						text, strlen(text)),
				 0);
		marks_free(&marks);
		free(text);
	}
}
END_TEST

START_TEST(test_deep_json_is_unknown)
{
	char *open = repeat("[", 1000), *close = repeat("]", 1000);
	char *text = malloc(3000);
	struct marks marks = {0};

	strcpy(text, open);
	strcat(text, "\"canary\"");
	strcat(text, close);
	ck_assert_int_eq(json_mark(&marks, text, strlen(text), KEY_PLAIN), -22);
	marks_clear(&marks);
	ck_assert_int_eq(transform_mark(&marks, FAKE_KEYS, "/h/x.json", text,
					strlen(text)),
			 0);
	ck_assert_uint_eq(marks.count, 1);
	ck_assert_uint_eq(marks.items[0].length, 6);
	marks_free(&marks);
	free(text);
	free(open);
	free(close);
}
END_TEST

START_TEST(test_binary_is_empty)
{
	static const char text[] = "SQLite\0canary canary";
	struct placeholders *placeholders;
	struct transformed result;

	ck_assert_int_eq(placeholders_new(&placeholders), 0);
	ck_assert_int_eq(transform(placeholders, FAKE_KEYS, "/h/x.db", text,
				   sizeof(text), &result),
			 0);
	ck_assert(result.opaque);
	ck_assert_uint_eq(result.length, 0);
	transformed_free(&result);
	placeholders_free(placeholders);
}
END_TEST

int main(void)
{
	const int count = sizeof(samples) / sizeof(*samples);
	const int paths = sizeof(hostile_paths) / sizeof(*hostile_paths);
	Suite *suite = suite_create("standin formats");
	TCase *tests = tcase_create("formats");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_shape, 0, count);
	tcase_add_loop_test(tests, test_no_canary_survives, 0, count);
	tcase_add_loop_test(tests, test_result_is_marked_alike, 0, count);
	tcase_add_loop_test(tests, test_truncated, 0, count);
	tcase_add_loop_test(tests, test_endless, 0, paths);
	tcase_add_test(tests, test_deep_json_is_unknown);
	tcase_add_test(tests, test_binary_is_empty);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
