/*
 * A program that gives up being root, or some of it, without running another:
 * what it may still do is the kernel's to say, also by descriptor and below its
 * own directories. For an ordinary user there is nothing to give up.
 */
#include "tests/calls/calls.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>

enum { SOMEBODY = 1000, GROUP = 50 };

static void look(void)
{
	int fd = open("open", O_RDONLY);
	int directory = open(".", O_RDONLY | O_DIRECTORY);
	struct stat status;

	tell("open", fd < 0 ? -1 : 0);
	tell("fstat", fstat(fd, &status));
	tell("fstatat", fstatat(directory, "open", &status, 0));
	tell("fchmod", fchmod(fd, 0644));
	tell_fd("openat", openat(directory, "open", O_RDONLY));
	tell_fd("closed to others", open("closed", O_RDONLY));
	tell_fd("the group's", open("group", O_RDONLY));
	tell("below a closed directory", stat("shut/file", &status));
	tell("chown", chown("open", SOMEBODY, SOMEBODY));
	tell("unlink", unlink("open2"));
	fd = open("made", O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (tell("create", fd < 0 ? -1 : 0) == 0 && fstat(fd, &status) == 0)
		printf("owner %u:%u\n", status.st_uid, status.st_gid);
	unlink("made");
}

static void drop(bool group)
{
	gid_t list[] = {GROUP};

	need(setgroups(group ? 1 : 0, list));
	need(setresgid(SOMEBODY, SOMEBODY, SOMEBODY));
	need(setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	look();
}

static void somebody(void)
{
	drop(false);
}

static void in_group(void)
{
	drop(true);
}

/* The first of the session that changes anything: what comes before does not. */
static void effective(void)
{
	need(setresgid(0, (gid_t)-1, 0));
	need(setresuid((uid_t)-1, 0, (uid_t)-1));
	need(setresuid((uid_t)-1, SOMEBODY, (uid_t)-1));
	look();
}

static void borrowed(void)
{
	setfsgid(SOMEBODY);
	setfsuid(SOMEBODY);
	look();
}

static void powerless(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = {{0}};

	need(syscall(SYS_capset, &header, none));
	look();
}

int main(void)
{
	if (getuid() != 0)
		return 0;
	write_file("open", "open\n");
	write_file("open2", "open\n");
	write_file("closed", "closed\n");
	write_file("group", "group\n");
	need(mkdir("shut", 0700));
	write_file("shut/file", "file\n");
	need(chmod("closed", 0600));
	need(chown("group", 0, GROUP));
	need(chmod("group", 0640));
	in_child("another effective id", effective);
	in_child("powerless", powerless);
	in_child("somebody", somebody);
	in_child("in a group", in_group);
	need(chmod(".", 0777));
	in_child("borrowed ids", borrowed);
	in_child("somebody", somebody);
	return 0;
}
