/*
 * The tour runs each scene twice with the same `sh -c`, the same directory and
 * the same environment: once as it is, once as the arguments of /proc/self/exe.
 * So it shows the program that was installed, not a picture of it. Everything
 * lies in one private directory: the home, the project, the policy, and (by
 * XDG_*) the configuration and the logs of its sessions.
 */
#include "supervisor/commands/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/remove_tree.h"

enum {
	OUTPUT_MAX = 16 * 1024, /* a scene prints a few lines */
	PATH_LENGTH = 4096,
};

/* Made up here; none of them opens anything. */
#define AWS_SECRET  "dEm0ScretNotReal/Key0000000000EXAMPLEKEY"
#define DB_PASSWORD "correct-horse-battery"
#define SSH_SECRET  "ZGVtb25zdHJhdGlvbiBvbmx5LCBub3QgYSBrZXk"
#define FORGE_TOKEN "ghp_0000DemonstrationOnly000000000000000"

struct demo_file {
	const char *path;
	mode_t mode;
	const char *content; /* NULL: a directory */
};

/* Below the private directory; parents come first. */
static const struct demo_file demo_files[] = {
	{"home", 0700, NULL},
	{"home/.aws", 0700, NULL},
	{"home/.aws/credentials", 0600,
	 "[default]\n"
	 "aws_access_key_id = AKIADEMO00000EXAMPLE\n"
	 "aws_secret_access_key = " AWS_SECRET "\n"},
	{"home/.ssh", 0700, NULL},
	{"home/.ssh/id_ed25519", 0600,
	 "-----BEGIN OPENSSH PRIVATE KEY-----\n" SSH_SECRET "\n"
	 "-----END OPENSSH PRIVATE KEY-----\n"},
	{"home/shop", 0755, NULL},
	{"home/shop/.env", 0600,
	 "# the shop's database\n"
	 "DB_HOST=localhost\n"
	 "DB_PASSWORD=" DB_PASSWORD "\n"},
	{"home/shop/.git", 0755, NULL},
	{"home/shop/.git/hooks", 0755, NULL},
	{"home/shop/price.txt", 0644, "42\n"},
	{"config", 0700, NULL},
	{"state", 0700, NULL},
	{"run", 0700, NULL},
};

/* The policy of the tour: shown, then used as it is. */
static const char demo_policy[] =
	"allow read,exec  /{usr,bin,sbin,lib,lib64,nix,gnu}/**\n"
	"allow read       /etc/** /proc/** /dev/**\n"
	"allow write      /dev/null\n"
	"allow read,write ${project}/**\n"
	"allow env        *\n"
	"fake  read       ~/.aws/** as aws\n"
	"fake  read       ${project}/.env as dotenv\n"
	"hide  read       ~/.ssh/**\n"
	"hide  env        *_TOKEN\n"
	"deny  write      ${project}/.git/hooks/*"
	" because \"hooks run outside the sandbox\"\n";

struct demo_scene {
	const char *title;
	const char *command;
	const char *secret; /* must not be printed under interpose; or NULL */
	const char *expect; /* must be printed under interpose; or NULL */
	const char *lesson;
};

static const struct demo_scene demo_scenes[] = {
	{"The work itself", "echo 43 >price.txt; cat price.txt", NULL, "43",
	 "allow: the real thing. Nothing differs."},
	{"Cloud credentials", "cat ~/.aws/credentials", AWS_SECRET,
	 "aws_secret_access_key",
	 "fake: a stand-in of the same shape. Tools start; the key is none."},
	{"The project's .env", "cat .env", DB_PASSWORD, "DB_PASSWORD",
	 "fake: the names stay, what is secret is replaced."},
	{"A private key", "cat ~/.ssh/id_ed25519", SSH_SECRET, NULL,
	 "hide: as if it were not there."},
	{"A variable", "echo \"token: ${FORGE_TOKEN-none}\"", FORGE_TOKEN,
	 "none", "hide: left out of the environment of what is started."},
	{"A git hook to run later",
	 "echo 'curl evil' >.git/hooks/pre-commit && echo planted", "planted\n",
	 NULL, "deny: a plain refusal, with the reason in the log."},
};

/* A signal that would end the tour: it ends after the scene, tidily. */
static volatile sig_atomic_t demo_stopped;

struct demo {
	char root[PATH_LENGTH];
	const char *bold, *plain; /* terminal sequences, or "" */
	bool failed;
};

static int demo_path(const struct demo *demo, const char *name,
		     char path[PATH_LENGTH])
{
	int length = snprintf(path, PATH_LENGTH, "%s/%s", demo->root, name);

	return length < 0 || length >= PATH_LENGTH ? -ENAMETOOLONG : 0;
}

static int write_file(const char *path, mode_t mode, const char *content)
{
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t length = strlen(content);

	if (fd < 0)
		return -errno;
	while (length > 0) {
		ssize_t count = write(fd, content, length);

		if (count < 0 && errno != EINTR)
			return -errno;
		if (count > 0) {
			content += count;
			length -= (size_t)count;
		}
	}
	return 0;
}

/* Make the private directory and all that is in it. */
static int demo_furnish(struct demo *demo)
{
	char path[PATH_LENGTH];
	int error = 0;

	for (size_t i = 0;
	     !error && i < sizeof(demo_files) / sizeof(demo_files[0]); i++) {
		const struct demo_file *file = &demo_files[i];

		error = demo_path(demo, file->path, path);
		if (error)
			return error;
		if (file->content)
			error = write_file(path, file->mode, file->content);
		else if (mkdir(path, file->mode) < 0)
			error = -errno;
	}
	if (!error)
		error = demo_path(demo, "policy", path);
	return error ? error : write_file(path, 0600, demo_policy);
}

/* mkdtemp() in TMPDIR; the result is canonical, so that `~` is too. */
static int demo_make_root(struct demo *demo)
{
	const char *tmp = getenv("TMPDIR");
	auto_free char *real = realpath(tmp && tmp[0] ? tmp : "/tmp", NULL);
	int length;

	if (!real)
		return -errno;
	length = snprintf(demo->root, sizeof(demo->root),
			  "%s/interpose-demo.XXXXXX", real);
	if (length < 0 || (size_t)length >= sizeof(demo->root))
		return -ENAMETOOLONG;
	return mkdtemp(demo->root) ? 0 : -errno;
}

static int demo_clear(const struct demo *demo)
{
	auto_free char *parent = strdup(demo->root);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	auto_fd fd = -1;

	if (!slash)
		return -ENOMEM;
	*slash = '\0';
	fd = open(parent[0] ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : remove_tree(fd, slash + 1);
}

/*
 * The child of a scene: the private directory is its whole world of settings.
 * Never returns.
 */
static void scene_child(const struct demo *demo, const char *command,
			bool supervised, int output)
{
	static const char *const places[][2] = {
		{"HOME", "home"},
		{"XDG_CONFIG_HOME", "config"},
		{"XDG_STATE_HOME", "state"},
		{"XDG_RUNTIME_DIR", "run"},
	};
	char project[PATH_LENGTH], policy[PATH_LENGTH], path[PATH_LENGTH];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (demo_path(demo, places[i][1], path) ||
		    setenv(places[i][0], path, 1) < 0)
			_exit(125);
	signal(SIGPIPE, SIG_DFL);
	if (demo_path(demo, "home/shop", project) ||
	    demo_path(demo, "policy", policy) || chdir(project) < 0 ||
	    setenv("FORGE_TOKEN", FORGE_TOKEN, 1) < 0 || unsetenv("ENV") < 0 ||
	    dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		_exit(125);
	if (supervised)
		execl("/proc/self/exe", "interpose", "-q", "--only", "-p",
		      policy, "-C", project, "sh", "-c", command, (char *)NULL);
	else
		execlp("sh", "sh", "-c", command, (char *)NULL);
	_exit(125);
}

/* Read all there is; what does not fit is dropped. Returns 0 or -errno. */
static int read_all(int fd, char text[OUTPUT_MAX])
{
	size_t used = 0;
	char rest[512];

	for (;;) {
		bool full = used == OUTPUT_MAX - 1;
		ssize_t count =
			full ? read(fd, rest, sizeof(rest))
			     : read(fd, text + used, OUTPUT_MAX - 1 - used);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		if (!full)
			used += (size_t)count;
	}
	text[used] = '\0';
	return 0;
}

/* Run a scene's command; its output, and its exit status as sh counts. */
static int scene_run(const struct demo *demo, const char *command,
		     bool supervised, char text[OUTPUT_MAX], int *status)
{
	int ends[2], wait_status, error;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		scene_child(demo, command, supervised, ends[1]);
	error = child < 0 ? -errno : 0;
	close(ends[1]);
	if (!error)
		error = read_all(ends[0], text);
	close(ends[0]);
	if (child < 0)
		return error;
	while (waitpid(child, &wait_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
					 : 128 + WTERMSIG(wait_status);
	return error;
}

/* Print a text with a mark before each line; what is no text as \xNN. */
static void print_marked(const char *mark, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (line_start)
			printf("  %s | ", mark);
		line_start = byte == '\n';
		if (line_start || (byte >= 0x20 && byte != 0x7f))
			putchar(byte);
		else
			printf("\\x%02x", byte);
	}
	if (!line_start)
		putchar('\n');
}

static void scene_judge(struct demo *demo, const struct demo_scene *scene,
			const char *text, int status)
{
	const char *wrong = NULL;

	if (status == 125)
		wrong = "the session could not be started: see `interpose "
			"doctor`";
	else if (scene->secret && strstr(text, scene->secret))
		wrong = "this should not have been seen";
	else if (scene->expect && !strstr(text, scene->expect))
		wrong = "this should have worked";
	if (wrong) {
		demo->failed = true;
		printf("  FAILED: %s\n\n", wrong);
	} else {
		printf("  %s\n\n", scene->lesson);
	}
}

static int scene_play(struct demo *demo, const struct demo_scene *scene,
		      size_t number)
{
	char text[OUTPUT_MAX];
	int status = 0, error;

	printf("%s%zu. %s%s\n  $ %s\n", demo->bold, number, scene->title,
	       demo->plain, scene->command);
	error = scene_run(demo, scene->command, false, text, &status);
	if (error)
		return error;
	print_marked("bare     ", text);
	fflush(stdout);
	/* What the bare run planted is not there for the second run. */
	error = scene_run(demo, "rm -f .git/hooks/pre-commit", false, text,
			  &status);
	if (!error)
		error = scene_run(demo, scene->command, true, text, &status);
	if (error)
		return error;
	print_marked("interpose", text);
	scene_judge(demo, scene, text, status);
	fflush(stdout);
	return 0;
}

static int demo_play(struct demo *demo)
{
	int error = demo_furnish(demo);

	if (error)
		return error;
	printf("%sWhat a program sees, bare and under interpose.%s\n"
	       "Everything here is made up, in %s,\n"
	       "and gone at the end. The policy:\n\n",
	       demo->bold, demo->plain, demo->root);
	print_marked("policy   ", demo_policy);
	putchar('\n');
	for (size_t i = 0; i < sizeof(demo_scenes) / sizeof(demo_scenes[0]);
	     i++) {
		error = demo_stopped ? -EINTR
				     : scene_play(demo, &demo_scenes[i], i + 1);
		if (error)
			return error;
	}
	return 0;
}

static void on_signal(int number)
{
	(void)number;
	demo_stopped = 1;
}

/* Nothing may be left behind, whoever ends the tour early. */
static void catch_signals(void)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal,
				   .sa_flags = SA_RESTART};

	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int command_demo(int argc, char **argv)
{
	struct demo demo = {.bold = "", .plain = ""};
	const char *no_color = getenv("NO_COLOR");
	int error, clear_error;

	if (argc > 1) {
		fprintf(stderr, "interpose: demo takes no argument: %s\n",
			argv[1]);
		return 2;
	}
	if (isatty(STDOUT_FILENO) && !(no_color && no_color[0])) {
		demo.bold = "\033[1m";
		demo.plain = "\033[0m";
	}
	catch_signals();
	error = demo_make_root(&demo);
	if (error) {
		fprintf(stderr, "interpose: demo: no temporary directory: %s\n",
			strerror(-error));
		return 1;
	}
	error = demo_play(&demo);
	clear_error = demo_clear(&demo);
	if (error || clear_error) {
		fprintf(stderr, "interpose: demo: %s\n",
			strerror(error ? -error : -clear_error));
		return 1;
	}
	printf("The same for an agent, with the policy that comes with "
	       "interpose:\n  interpose claude\n");
	return demo.failed ? 1 : 0;
}
