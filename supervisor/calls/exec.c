/*
 * Starting programs: execve and execveat.
 *
 * Theory of operation. The file, the chain of interpreters that its first lines
 * name, and the arguments are read and decided about; from them follows which
 * file will run, with which arguments. The tracer lets the call go and compares
 * that with what stands ready to run before its first instruction. An exec that
 * would fail is answered here.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/arch/machine.h"
#include "supervisor/call.h"
#include "supervisor/images.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/interp.h"
#include "supervisor/calls/loader.h"
#include "supervisor/calls/words.h"
#include "supervisor/path.h"
#include "supervisor/sealed.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

enum {
	HEAD_SIZE = 256,       /* BINPRM_BUF_SIZE: what the kernel looks at */
	MOST_READ = 4096,      /* an ELF file's own tables, as a rule */
	MOST_INTERPRETERS = 5, /* exec of an interpreter that is a script */
};

struct image {
	struct place place;
	int file; /* the same, for reading; the place's own where that is */
	char head[HEAD_SIZE + 1];
	size_t head_length;
	char start[MOST_READ];
	size_t start_length;
	/* The script that the interpreter is to run, or "". */
	char script[PLACE_PATH];
	bool script_unsure; /* it may be another by the time it is read */
	/** The fence keeps the kernel from opening a file of the chain. */
	bool outside;
	bool copied;	  /* that is the file which will run */
	size_t new_words; /* at the front, which interpreters brought */
	bool glibc;	  /* its loader is glibc's, as its name says */
};

/* ------------------------------------------------------------- the file -- */

static void image_init(struct image *image)
{
	place_init(&image->place);
	image->file = -1;
}

/* A new one, for image_close() and free(); NULL: no memory. */
static struct image *image_new(void)
{
	/* Not cleared: it is some pages, of which few are used. */
	struct image *image = malloc(sizeof(*image));

	if (!image)
		return NULL;
	image_init(image);
	image->head_length = image->start_length = image->new_words = 0;
	image->script[0] = '\0';
	image->script_unsure = image->outside = image->copied = false;
	image->glibc = false;
	return image;
}

static void image_close(struct image *image)
{
	if (image->file >= 0 && image->file != image->place.fd)
		close(image->file);
	image->file = -1;
	place_close(&image->place);
}

static int read_head(struct image *image)
{
	char link[40];

	image->file = image->place.opened
			      ? image->place.fd
			      : open(admit_own_link(image->place.fd, link),
				     O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* A program that may be run but not read cannot be looked into once it
	 * runs, nor its calls served: refused. */
	if (image->file < 0)
		return -EACCES;
	ssize_t got = pread(image->file, image->start, MOST_READ, 0);

	if (got < 0)
		return -errno;
	image->start_length = (size_t)got;
	image->head_length = got < HEAD_SIZE ? (size_t)got : HEAD_SIZE;
	memset(image->head, 0, sizeof(image->head));
	memcpy(image->head, image->start, image->head_length);
	return 0;
}

static struct loader_file elf_file(const struct image *image)
{
	return (struct loader_file){.fd = image->file,
				    .head = image->start,
				    .head_length = image->start_length};
}

/* What the kernel would refuse, in its order; execve(2). */
static int check_file(struct image *image)
{
	if (!S_ISREG(image->place.stat.st_mode))
		return -EACCES;
	/* It says so of a file system without leave to execute, too. */
	if (syscall(SYS_faccessat2, image->place.fd, "", X_OK,
		    AT_EACCESS | AT_EMPTY_PATH))
		return -errno;
	return read_head(image);
}

static bool is_script(const struct image *image)
{
	return image->head_length >= 2 && memcmp(image->head, "#!", 2) == 0;
}

static bool is_native(const struct image *image)
{
	Elf64_Ehdr header;

	if (image->head_length < sizeof(header))
		return false;
	memcpy(&header, image->head, sizeof(header));
	return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
	       header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_machine == EXEC_MACHINE;
}

/* ---------------------------------------------------------- the decision -- */

static int decide_exec(struct call *call, const struct place *place,
		       const struct words *words,
		       struct policy_decision *decision)
{
	struct policy_query query;

	*decision = (struct policy_decision){.verdict = VERDICT_ALLOW};
	if (place->nameless)
		/* A memfd or a deleted file: as the name it shows. */
		call_query(call, &query, ACTION_EXEC, place->path,
			   strlen(place->path));
	else
		call_query(call, &query, ACTION_EXEC, place->path,
			   place->length);
	query.argv = words->list;
	query.argc = words->count;
	if (place->standin) {
		/* The kernel would run the real one. */
		decision->verdict = VERDICT_DENY;
		call_note(call, ACTION_EXEC, place->path, decision);
		return -EACCES;
	}
	call_decide(call, &query, place, decision);
	if (decision->verdict == VERDICT_ALLOW && call->session->judged) {
		/* A dry run: for the record only. */
		policy_decide(call->session->judged, &query, decision);
		return 0;
	}
	return decision->verdict == VERDICT_ALLOW  ? 0
	       : decision->verdict == VERDICT_HIDE ? -ENOENT
						   : -EACCES;
}

static int check_loader(struct call *call, struct image *image)
{
	const struct loader_file file = elf_file(image);
	char path[PATH_MAX];
	int named = loader_named(&file, path);

	return named <= 0 ? named : interp_check(call, path, &image->glibc);
}

static bool is_elf(const struct place *place)
{
	char link[40], magic[SELFMAG];
	auto_fd fd = S_ISREG(place->stat.st_mode)
			     ? open(admit_own_link(place->fd, link),
				    O_RDONLY | O_CLOEXEC | O_NONBLOCK)
			     : -1;

	/* Somebody's lease, fcntl(2), keeps it from being looked at. */
	if (fd < 0 && S_ISREG(place->stat.st_mode) && errno == EWOULDBLOCK)
		return true;
	return fd >= 0 && pread(fd, magic, SELFMAG, 0) == SELFMAG &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* ld.so run by itself: what it is told to run is decided about, too. */
static int check_told(struct call *call, const struct image *image,
		      const struct words *words)
{
	struct policy_decision decision;
	struct words rest;
	struct place place;
	const struct loader_file file = elf_file(image);
	enum loader_kind kind = loader_kind(&file, image->place.path);
	size_t index = kind == LOADER_NOT ? 0 : words_loaded_program(words);

	if (index == 0)
		return 0;
	rest = (struct words){.list = words->list + index,
			      .count = words->count - index};
	/* It would be looked for where libraries are. */
	if (!strchr(rest.list[0], '/'))
		return kind == LOADER_SURE ? -EACCES : 0;
	place_init(&place);
	int error =
		path_resolve(call, AT_FDCWD, rest.list[0], PATH_FOLLOW, &place);

	if (kind == LOADER_MAYBE && (error || !is_elf(&place)))
		error = 0; /* a word like any other */
	else if (!error)
		error = decide_exec(call, &place, &rest, &decision);
	place_close(&place);
	return error;
}

/* A program that does what another name of it says: it is refused where that
 * one is. */
static int check_reading(struct call *call, const struct place *place,
			 const struct words *words)
{
	struct policy_decision decision;
	struct policy_query query;
	struct words reading;
	int error = words_reading(place->path, words, &reading);

	if (error)
		return error == -ENOENT ? 0 : error;
	call_query(call, &query, ACTION_EXEC, place->path,
		   place->nameless ? strlen(place->path) : place->length);
	query.argv = reading.list;
	query.argc = reading.count;
	query.via = place->via;
	query.via_count = place->via_count;
	policy_decide(call->session->policy, &query, &decision);
	words_free(&reading);
	if (!decision.rule || decision.verdict == VERDICT_ALLOW)
		return 0;
	call_note(call, ACTION_EXEC, place->path, &decision);
	return decision.verdict == VERDICT_HIDE ? -ENOENT : -EACCES;
}

/* ---------------------------------------------------------- interpreters -- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* The first byte up to `last` that is no blank; the first that ends a word. */
static char *past_blanks(char *from, const char *last)
{
	while (from <= last && is_blank(*from))
		from++;
	return from <= last ? from : NULL;
}

static char *word_end(char *from, const char *last)
{
	while (from <= last && *from && !is_blank(*from))
		from++;
	return from <= last ? from : NULL;
}

/* The interpreter's name and its one argument, as binfmt_script has them, step
 * by step: a line that is longer than the head ends before the head's last
 * byte, but not within the name. The head is cut up; `argument` is NULL where
 * there is none. */
static int parse_script(struct image *image, char **interpreter,
			char **argument)
{
	char *start = image->head + 2, *last = image->head + HEAD_SIZE - 1;
	char *end = start + strcspn(start, "\n");

	if (*end == '\0') {
		char *name = past_blanks(start, last);

		if (!name || !word_end(name, last))
			return -ENOEXEC;
		end = last;
	}
	while (is_blank(end[-1]))
		end--;
	char *name = past_blanks(start, end);

	if (!name || name == end)
		return -ENOEXEC;
	char *gap = word_end(name, end);

	*interpreter = name;
	*argument = gap && *gap ? past_blanks(gap, end) : NULL;
	*end = '\0';
	if (*argument)
		*gap = '\0';
	return 0;
}

/* Go from a script to its interpreter: the arguments become those that the
 * interpreter gets. */
static int step_to_interpreter(struct call *call, struct image *image,
			       struct words *words, const char *script)
{
	char *interpreter, *argument = NULL, path[PATH_MAX];
	int error = parse_script(image, &interpreter, &argument);

	/* The interpreter opens it by this name, later. */
	snprintf(image->script, sizeof(image->script), "%s", image->place.path);
	image->script_unsure =
		strcmp(script, image->place.path) != 0 ||
		images_unsure(call->session->images, image->place.path,
			      &image->place.stat);

	if (!error)
		error = words_interpret(words, interpreter, argument, script);
	/* The first of them takes the place of a word. */
	image->new_words += image->new_words ? 1U : 2U;
	image->new_words += argument != NULL;
	if (error)
		return error;
	/* To the kernel that is the working directory. */
	if (!*interpreter)
		return -EACCES;
	snprintf(path, sizeof(path), "%s", interpreter);
	image_close(image);
	image_init(image);
	return path_resolve(call, AT_FDCWD, path, PATH_FOLLOW | PATH_OPEN,
			    &image->place);
}

/* Decide about the file and all its interpreters. In the end the image is what
 * will run, and the words are its arguments. */
static int decide_chain(struct call *call, struct image *image,
			struct words *words, const char *name,
			struct policy_decision *decision)
{
	char script[PLACE_PATH];
	int error;

	snprintf(script, sizeof(script), "%s", name);
	for (int depth = 0;; depth++) {
		struct policy_decision here;

		/* Of the first, it is known. */
		error = depth ? check_file(image) : 0;
		if (!error)
			error = decide_exec(call, &image->place, words, &here);
		if (error)
			return error;
		if (depth == 0)
			*decision = here;
		image->copied = admit_outside(call, &image->place);
		image->outside |= image->copied;
		if (!is_script(image))
			break;
		if (depth == MOST_INTERPRETERS)
			return -ELOOP;
		error = step_to_interpreter(call, image, words, script);
		if (error)
			return error;
		/* A script's interpreter that is a script gets its own name. */
		snprintf(script, sizeof(script), "%s", words->list[0]);
	}
	if (!is_native(image))
		return -ENOEXEC;
	error = check_loader(call, image);
	if (!error)
		error = check_reading(call, &image->place, words);
	return error ? error : check_told(call, image, words);
}

/* ------------------------------------------------------------ the fence -- */

/* Have it run from a descriptor: of the file itself where the kernel may open
 * it, else of a copy. */
static int plan_outside(struct call *call, const struct image *image,
			struct exec_plan *plan)
{
	struct stat status;

	if (!image->outside)
		return 0;
	auto_fd fd = fcntl(image->file, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!plan->exe)
		plan->exe = strdup(image->place.path);
	plan->new_words = image->new_words;
	plan->program_fd = image->copied ? sealed_copy(call->session->sealed,
						       fd, image->place.path)
					 : take_fd(&fd);
	if (plan->program_fd < 0 || !plan->exe)
		return plan->exe ? plan->program_fd : -ENOMEM;
	if (fstat(plan->program_fd, &status))
		return -errno;
	plan->device = status.st_dev;
	plan->inode = status.st_ino;
	plan->changed = status.st_ctim;
	return 0;
}

/* ----------------------------------------------------------------- calls -- */

/* For rules that ask who it is. */
static int plan_program(struct call *call, const struct image *image,
			struct exec_plan *plan)
{
	struct images *images = call->session->images;
	struct policy_program *program = &plan->program;

	if (!images_wanted(images))
		return 0;
	plan->starter = images_program(images, call->tid);
	program->exe = strdup(image->place.path);
	program->unsure =
		image->place.nameless ||
		images_unsure(images, image->place.path, &image->place.stat);
	/* The first word of what is to be compared. */
	program->argv0 = plan->argv;
	if (image->script[0]) {
		program->script = strdup(image->script);
		program->script_unsure = image->script_unsure;
	}
	return program->exe && (!image->script[0] || program->script) ? 0
								      : -ENOMEM;
}

static int plan_of(struct call *call, const struct image *image,
		   const struct words *words, const char *subject,
		   const struct policy_decision *decision,
		   struct exec_plan *plan)
{
	*plan = (struct exec_plan){.program_fd = -1};
	plan->device = image->place.stat.st_dev;
	plan->inode = image->place.stat.st_ino;
	plan->changed = image->place.stat.st_ctim;
	plan->decision = *decision;
	plan->preloads = image->glibc;
	/* What is removed already the kernel knows by another name. */
	if (image->place.stat.st_nlink)
		plan->exe = strdup(image->place.path);
	plan->subject = strdup(subject);
	plan->argv = words_join(words, &plan->argv_length);
	int error = plan->subject && plan->argv
			    ? plan_program(call, image, plan)
			    : -ENOMEM;

	if (!error)
		error = plan_outside(call, image, plan);
	if (error)
		exec_plan_free(plan);
	return error;
}

/* Arguments that cannot be read do not tell that there is a hidden file. */
static int read_words(struct call *call, const struct image *image,
		      uint64_t argv, struct words *words)
{
	int error = words_read(call->tid, argv, words);
	struct words none = {.list = (const char *[]){""}, .count = 1};
	struct policy_decision decision;

	if (error &&
	    decide_exec(call, &image->place, &none, &decision) == -ENOENT)
		return -ENOENT;
	return error;
}

/* `name` is the script's name as its interpreter is told it. */
static void serve_exec(struct call *call, int dirfd, const char *path,
		       const char *name, uint64_t argv, unsigned walk)
{
	struct image *image = image_new();
	struct policy_decision decision;
	struct exec_plan plan;
	struct words words = {0};
	char subject[PLACE_PATH];
	int error = image ? 0 : -ENOMEM;

	/* The kernel opens the file before it looks at the arguments. */
	if (!error)
		error = path_resolve(call, dirfd, path, walk | PATH_OPEN,
				     &image->place);
	if (!error && S_ISLNK(image->place.stat.st_mode))
		error = -ELOOP;
	if (!error)
		error = check_file(image);
	if (!error)
		error = read_words(call, image, argv, &words);
	if (!error) {
		snprintf(subject, sizeof(subject), "%s", image->place.path);
		error = decide_chain(call, image, &words, name, &decision);
	}
	/* A copy takes its time: this is no place to wait. */
	if (!error && image->copied && !call->may_wait) {
		call_hand_over(call);
		words_free(&words);
		image_close(image);
		free(image);
		return;
	}
	if (!error)
		error = plan_of(call, image, &words, subject, &decision, &plan);
	if (!error)
		error = tracer_exec(call, &plan);
	if (error)
		call_result(call, error);
	words_free(&words);
	if (image)
		image_close(image);
	free(image);
}

void call_execve(struct call *call)
{
	char path[PATH_MAX];
	ssize_t length = call_path(call, 0, path);

	if (length < 0)
		call_result(call, length);
	else
		serve_exec(call, AT_FDCWD, path, path, call_arg(call, 1),
			   PATH_FOLLOW);
}

void call_execveat(struct call *call)
{
	char path[PATH_MAX], name[PATH_MAX + 32];
	int dirfd = call_int(call, 0), flags = call_int(call, 4);
	ssize_t length = call_path(call, 1, path);

	if (length >= 0 && flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		length = -EINVAL;
	if (length < 0) {
		call_result(call, length);
		return;
	}
	/* As the kernel names it to the interpreter of a script. */
	if (dirfd == AT_FDCWD || path[0] == '/')
		snprintf(name, sizeof(name), "%s", path);
	else if (path[0] == '\0')
		snprintf(name, sizeof(name), "/dev/fd/%d", dirfd);
	else
		snprintf(name, sizeof(name), "/dev/fd/%d/%s", dirfd, path);
	serve_exec(call, dirfd, path, name, call_arg(call, 2),
		   (flags & AT_SYMLINK_NOFOLLOW ? 0U : PATH_FOLLOW) |
			   (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0U));
}
