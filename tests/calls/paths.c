/*
 * Every call that takes a path, with every kind of path: one box, made anew
 * after each call that changed it.
 *
 * covers: open openat openat2 creat truncate name_to_handle_at
 * covers: inotify_add_watch stat lstat newfstatat statx access faccessat
 * covers: faccessat2 readlink readlinkat statfs chdir getxattr lgetxattr
 * covers: getxattrat listxattr llistxattr listxattrat file_getattr chmod
 * covers: fchmodat fchmodat2 chown lchown fchownat utime utimes futimesat
 * covers: utimensat setxattr lsetxattr setxattrat removexattr lremovexattr
 * covers: removexattrat file_setattr mkdir mkdirat mknod mknodat rmdir unlink
 * covers: unlinkat rename renameat renameat2 link linkat symlink symlinkat
 */
#include "tests/calls/box.h"
#include "tests/calls/calls.h"

#include "supervisor/arch/arch.h"

#include <linux/limits.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <utime.h>

/* Calls of Linux 6.6 and later, which the headers may lack; the numbers are the
 * same everywhere. */
enum {
	NR_FCHMODAT2 = 452,
	NR_SETXATTRAT = 463,
	NR_GETXATTRAT = 464,
	NR_LISTXATTRAT = 465,
	NR_REMOVEXATTRAT = 466,
	NR_FILE_GETATTR = 468,
	NR_FILE_SETATTR = 469,
};

static char long_name[300], long_leaf[256], long_path[PATH_MAX + 64];
static char just_path[PATH_MAX], just_over[PATH_MAX + 1];

static const char *const paths[] = {
	"file",		"file/",	"file/.",	"file/..",
	"file/x",	"./file",	".//file",	"dir/../file",
	"dir",		"dir/",		"dir//",	"dir/.",
	"dir/..",	"dir/./",	"dir/../",	"dir/inner",
	"dir/inner/",	"dir/missing",	"dir/missing/", "missing",
	"missing/",	"missing/.",	"missing/..",	"missing/x",
	"missing/../file", "tofile",	"tofile/",	"tofile/.",
	"todir",	"todir/",	"todir/.",	"todir/..",
	"todir/inner",	"todir/inner/", "todir/new",	"todir/new/",
	"dangling",	"dangling/",	"dangling/x",	"dangling/.",
	"tonew",	"tonew/",	"loop",		"loop/",
	"loop/x",	"chain1",	"chain40",	"chain41",
	"chain40/",	"empty",	"empty/",	"deep/a/b/c",
	"toslash",	"toslash/",	"tofileslash",	"around",
	"inward",	"inward2",	"deep/round",	"deep/round/",
	"deep/a/b/../..", "up",		"up/dir",	"todots",
	"locked",	"locked/x",	"fifo",		"sock",
	".",		"..",		"./",		"../",
	"./.",		"/",		"//",		"/.",
	"/..",		"/../",		"/dev/null",	"/dev/null/",
	"/dev/null/x",	"/missing",	"/missing/",	"/proc",
	"/proc/",	"/proc/self",	"/proc/self/",	"/proc/version",
	"",		" ",		"\xff\xfe",	"new\nline",
	"tab\there",	"...",		"-",		"abs",
};

static const size_t path_count = sizeof(paths) / sizeof(*paths);

/* After a call: what it came to, and what it changed, if anything. */
static bool report(const char *call, const char *path, long result)
{
	int error = errno;
	bool changed;

	if (result == -1) {
		const char *name = strerrorname_np(error);

		printf("%s(%s): %s", call, path, name ? name : "?");
	} else {
		printf("%s(%s): %ld", call, path, result);
	}
	changed = box_changed();
	if (changed) {
		printf(" and now");
		box_print();
	}
	putchar('\n');
	return changed;
}

typedef long one_path(const char *path);

#define ONE(name, expression)                 \
	static long name(const char *path)    \
	{                                     \
		return expression;            \
	}

static struct stat a_stat;
static struct statx a_statx;
static struct statfs a_statfs;
static char a_buffer[256];
static const struct timespec early[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
static const struct timeval early_too[2] = {{.tv_sec = 3000},
					    {.tv_sec = 4000}};
static const struct utimbuf early_still = {.actime = 5000, .modtime = 6000};

static long opened(long fd)
{
	if (fd >= 0)
		close((int)fd);
	return fd;
}

static long open2(const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
		how.mode = 0600;
	return opened(syscall(NR_openat2, AT_FDCWD, path, &how, sizeof(how)));
}

static long watched(const char *path, uint32_t mask)
{
	int fd = inotify_init1(IN_CLOEXEC);
	long result = syscall(NR_inotify_add_watch, fd, path, mask);
	int error = errno;

	close(fd);
	errno = error;
	return result;
}

static long handled(const char *path, int flags)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
	int mount;

	return syscall(NR_name_to_handle_at, AT_FDCWD, path, &handle, &mount,
		       flags);
}

struct xattr_args {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

static long set_at(const char *path, int flags)
{
	static const struct xattr_args args = {.value = (uintptr_t) "value",
					       .size = 5};

	return syscall(NR_SETXATTRAT, AT_FDCWD, path, flags, "user.x", &args,
		       sizeof(args));
}

static long get_at(const char *path, int flags)
{
	const struct xattr_args args = {.value = (uintptr_t)a_buffer,
					.size = sizeof(a_buffer)};

	return syscall(NR_GETXATTRAT, AT_FDCWD, path, flags, "user.x", &args,
		       sizeof(args));
}

static uint64_t attributes[3];

ONE(do_open, opened(syscall(NR_open, path, O_RDONLY | O_NONBLOCK)))
ONE(do_open_write, opened(syscall(NR_open, path, O_WRONLY | O_NONBLOCK)))
ONE(do_open_trunc, opened(syscall(NR_open, path, O_RDWR | O_TRUNC | O_NONBLOCK)))
ONE(do_open_trunc_read, opened(syscall(NR_open, path, O_TRUNC | O_NONBLOCK)))
ONE(do_open_creat, opened(syscall(NR_open, path, O_WRONLY | O_CREAT | O_NONBLOCK, 0640)))
ONE(do_open_creat_read, opened(syscall(NR_open, path, O_CREAT | O_NONBLOCK, 0400)))
ONE(do_open_excl, opened(syscall(NR_open, path, O_RDWR | O_CREAT | O_EXCL, 0600)))
ONE(do_open_only_excl, opened(syscall(NR_open, path, O_EXCL | O_NONBLOCK)))
ONE(do_open_nofollow, opened(syscall(NR_open, path, O_NOFOLLOW | O_NONBLOCK)))
ONE(do_open_creat_nofollow, opened(syscall(NR_open, path, O_CREAT | O_NOFOLLOW | O_WRONLY | O_NONBLOCK, 0600)))
ONE(do_open_directory, opened(syscall(NR_open, path, O_DIRECTORY | O_NONBLOCK)))
ONE(do_open_directory_creat, opened(syscall(NR_open, path, O_DIRECTORY | O_CREAT | O_NONBLOCK, 0600)))
ONE(do_open_directory_nofollow, opened(syscall(NR_open, path, O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK)))
ONE(do_open_directory_write, opened(syscall(NR_open, path, O_DIRECTORY | O_RDWR | O_NONBLOCK)))
ONE(do_open_path, opened(syscall(NR_open, path, O_PATH)))
ONE(do_open_path_nofollow, opened(syscall(NR_open, path, O_PATH | O_NOFOLLOW)))
ONE(do_open_path_directory, opened(syscall(NR_open, path, O_PATH | O_DIRECTORY)))
ONE(do_open_path_directory_nofollow, opened(syscall(NR_open, path, O_PATH | O_DIRECTORY | O_NOFOLLOW)))
ONE(do_open_path_creat, opened(syscall(NR_open, path, O_PATH | O_CREAT | O_RDWR, 0600)))
ONE(do_open_tmpfile, opened(syscall(NR_open, path, O_TMPFILE | O_RDWR, 0600)))
ONE(do_open_tmpfile_read, opened(syscall(NR_open, path, O_TMPFILE, 0600)))
ONE(do_open_accmode3, opened(syscall(NR_open, path, O_ACCMODE | O_NONBLOCK)))
ONE(do_openat, opened(syscall(NR_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK)))
ONE(do_openat_bad, opened(syscall(NR_openat, 999, path, O_RDONLY | O_NONBLOCK)))
ONE(do_openat_stdin, opened(syscall(NR_openat, 0, path, O_RDONLY | O_NONBLOCK)))
ONE(do_openat2, open2(path, O_RDONLY | O_NONBLOCK, 0))
ONE(do_openat2_creat, open2(path, O_WRONLY | O_CREAT | O_NONBLOCK, 0))
ONE(do_openat2_beneath, open2(path, O_RDONLY | O_NONBLOCK, RESOLVE_BENEATH))
ONE(do_openat2_beneath_creat, open2(path, O_WRONLY | O_CREAT | O_NONBLOCK, RESOLVE_BENEATH))
ONE(do_openat2_root, open2(path, O_RDONLY | O_NONBLOCK, RESOLVE_IN_ROOT))
ONE(do_openat2_nosym, open2(path, O_RDONLY | O_NONBLOCK, RESOLVE_NO_SYMLINKS))
ONE(do_openat2_nosym_nofollow, open2(path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS))
ONE(do_openat2_nomagic, open2(path, O_RDONLY | O_NONBLOCK, RESOLVE_NO_MAGICLINKS))
ONE(do_openat2_noxdev, open2(path, O_RDONLY | O_NONBLOCK, RESOLVE_NO_XDEV))
ONE(do_creat, opened(syscall(NR_creat, path, 0604)))
ONE(do_truncate, syscall(NR_truncate, path, 3L))
ONE(do_truncate_minus, syscall(NR_truncate, path, -1L))
ONE(do_handle, handled(path, 0))
ONE(do_handle_follow, handled(path, AT_SYMLINK_FOLLOW))
ONE(do_handle_empty, handled(path, AT_EMPTY_PATH))
ONE(do_handle_bad, handled(path, AT_SYMLINK_NOFOLLOW))
ONE(do_watch, watched(path, IN_CREATE))
ONE(do_watch_nofollow, watched(path, IN_CREATE | IN_DONT_FOLLOW))
ONE(do_watch_onlydir, watched(path, IN_CREATE | IN_ONLYDIR))
ONE(do_watch_none, watched(path, 0))
ONE(do_stat, syscall(NR_stat, path, &a_stat))
ONE(do_lstat, syscall(NR_lstat, path, &a_stat))
ONE(do_fstatat, syscall(NR_newfstatat, AT_FDCWD, path, &a_stat, 0))
ONE(do_fstatat_nofollow, syscall(NR_newfstatat, AT_FDCWD, path, &a_stat, AT_SYMLINK_NOFOLLOW))
ONE(do_fstatat_empty, syscall(NR_newfstatat, AT_FDCWD, path, &a_stat, AT_EMPTY_PATH))
ONE(do_fstatat_bad, syscall(NR_newfstatat, AT_FDCWD, path, &a_stat, 0x8000000))
ONE(do_fstatat_999, syscall(NR_newfstatat, 999, path, &a_stat, 0))
ONE(do_fstatat_stdin, syscall(NR_newfstatat, 0, path, &a_stat, 0))
ONE(do_statx, syscall(NR_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &a_statx))
ONE(do_statx_nofollow, syscall(NR_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &a_statx))
ONE(do_statx_empty, syscall(NR_statx, AT_FDCWD, path, AT_EMPTY_PATH, STATX_BASIC_STATS, &a_statx))
ONE(do_access, syscall(NR_access, path, F_OK))
ONE(do_access_w, syscall(NR_access, path, W_OK))
ONE(do_access_x, syscall(NR_access, path, X_OK))
ONE(do_access_bad, syscall(NR_access, path, 64))
ONE(do_faccessat, syscall(NR_faccessat, AT_FDCWD, path, R_OK))
ONE(do_faccessat2, syscall(NR_faccessat2, AT_FDCWD, path, R_OK, AT_EACCESS))
ONE(do_faccessat2_nofollow, syscall(NR_faccessat2, AT_FDCWD, path, W_OK, AT_SYMLINK_NOFOLLOW))
ONE(do_faccessat2_empty, syscall(NR_faccessat2, AT_FDCWD, path, W_OK, AT_EMPTY_PATH))
ONE(do_faccessat2_bad, syscall(NR_faccessat2, AT_FDCWD, path, R_OK, 0x40000))
ONE(do_readlink, syscall(NR_readlink, path, a_buffer, 3L))
ONE(do_readlink_zero, syscall(NR_readlink, path, a_buffer, 0L))
ONE(do_readlinkat, syscall(NR_readlinkat, AT_FDCWD, path, a_buffer, 2L))
ONE(do_readlinkat_stdin, syscall(NR_readlinkat, 0, path, a_buffer, 2L))
ONE(do_statfs, syscall(NR_statfs, path, &a_statfs))
ONE(do_chdir, syscall(NR_chdir, path))
ONE(do_getxattr, syscall(NR_getxattr, path, "user.x", a_buffer, sizeof(a_buffer)))
ONE(do_lgetxattr, syscall(NR_lgetxattr, path, "user.x", a_buffer, sizeof(a_buffer)))
ONE(do_getxattrat, get_at(path, 0))
ONE(do_getxattrat_nofollow, get_at(path, AT_SYMLINK_NOFOLLOW))
ONE(do_getxattrat_empty, get_at(path, AT_EMPTY_PATH))
ONE(do_getxattrat_bad, get_at(path, AT_EACCESS))
ONE(do_listxattr, syscall(NR_listxattr, path, a_buffer, sizeof(a_buffer)))
ONE(do_llistxattr, syscall(NR_llistxattr, path, a_buffer, sizeof(a_buffer)))
ONE(do_listxattrat, syscall(NR_LISTXATTRAT, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, a_buffer, sizeof(a_buffer)))
ONE(do_listxattrat_bad, syscall(NR_LISTXATTRAT, AT_FDCWD, path, 1, a_buffer, sizeof(a_buffer)))
ONE(do_file_getattr, syscall(NR_FILE_GETATTR, AT_FDCWD, path, attributes, sizeof(attributes), 0))
ONE(do_file_getattr_nofollow, syscall(NR_FILE_GETATTR, AT_FDCWD, path, attributes, sizeof(attributes), AT_SYMLINK_NOFOLLOW))
ONE(do_file_getattr_bad, syscall(NR_FILE_GETATTR, AT_FDCWD, path, attributes, sizeof(attributes), 1))

static const struct {
	const char *name;
	one_path *call;
} readers[] = {
#define R(name) {#name, do_##name}
	R(open), R(open_write), R(open_nofollow), R(open_only_excl),
	R(open_directory), R(open_directory_nofollow),
	R(open_directory_write), R(open_path), R(open_path_nofollow),
	R(open_path_directory), R(open_path_directory_nofollow),
	R(open_path_creat), R(open_accmode3), R(open_tmpfile_read), R(openat),
	R(openat_bad), R(openat_stdin), R(openat2), R(openat2_beneath),
	R(openat2_root), R(openat2_nosym), R(openat2_nosym_nofollow),
	R(openat2_nomagic), R(openat2_noxdev), R(handle), R(handle_follow),
	R(handle_empty), R(handle_bad), R(watch), R(watch_nofollow),
	R(watch_onlydir), R(watch_none), R(stat), R(lstat), R(fstatat),
	R(fstatat_nofollow), R(fstatat_empty), R(fstatat_bad), R(fstatat_999),
	R(fstatat_stdin), R(statx), R(statx_nofollow), R(statx_empty),
	R(access), R(access_w), R(access_x), R(access_bad), R(faccessat),
	R(faccessat2), R(faccessat2_nofollow), R(faccessat2_empty),
	R(faccessat2_bad), R(readlink), R(readlink_zero), R(readlinkat),
	R(readlinkat_stdin), R(statfs), R(chdir), R(getxattr), R(lgetxattr),
	R(getxattrat), R(getxattrat_nofollow), R(getxattrat_empty),
	R(getxattrat_bad), R(listxattr), R(llistxattr), R(listxattrat),
	R(listxattrat_bad), R(file_getattr), R(file_getattr_nofollow),
	R(file_getattr_bad), R(truncate_minus),
};

/* Those that may change something: only inside the box, so that a root session
 * does no harm. */
ONE(do_chmod, syscall(NR_chmod, path, 0605))
ONE(do_fchmodat, syscall(NR_fchmodat, AT_FDCWD, path, 06711))
ONE(do_fchmodat2, syscall(NR_FCHMODAT2, AT_FDCWD, path, 0605, AT_SYMLINK_NOFOLLOW))
ONE(do_fchmodat2_empty, syscall(NR_FCHMODAT2, AT_FDCWD, path, 0700, AT_EMPTY_PATH))
ONE(do_fchmodat2_bad, syscall(NR_FCHMODAT2, AT_FDCWD, path, 0605, 1))
ONE(do_chown, syscall(NR_chown, path, -1, getgid()))
ONE(do_chown_other, syscall(NR_chown, path, 7, 8))
ONE(do_lchown, syscall(NR_lchown, path, 7, 8))
ONE(do_fchownat, syscall(NR_fchownat, AT_FDCWD, path, getuid(), -1, AT_SYMLINK_NOFOLLOW))
ONE(do_fchownat_empty, syscall(NR_fchownat, AT_FDCWD, path, getuid(), -1, AT_EMPTY_PATH))
ONE(do_fchownat_bad, syscall(NR_fchownat, AT_FDCWD, path, 1, 1, 1))
ONE(do_utime, syscall(NR_utime, path, &early_still))
ONE(do_utimes, syscall(NR_utimes, path, early_too))
ONE(do_futimesat, syscall(NR_futimesat, AT_FDCWD, path, early_too))
ONE(do_utimensat, syscall(NR_utimensat, AT_FDCWD, path, early, 0))
ONE(do_utimensat_nofollow, syscall(NR_utimensat, AT_FDCWD, path, early, AT_SYMLINK_NOFOLLOW))
ONE(do_utimensat_empty, syscall(NR_utimensat, AT_FDCWD, path, early, AT_EMPTY_PATH))
ONE(do_setxattr, syscall(NR_setxattr, path, "user.x", "1", 1L, 0))
ONE(do_setxattr_replace, syscall(NR_setxattr, path, "user.x", "1", 1L, 2))
ONE(do_lsetxattr, syscall(NR_lsetxattr, path, "user.x", "1", 1L, 0))
ONE(do_setxattrat, set_at(path, 0))
ONE(do_setxattrat_nofollow, set_at(path, AT_SYMLINK_NOFOLLOW))
ONE(do_setxattrat_bad, set_at(path, AT_REMOVEDIR))
ONE(do_removexattr, syscall(NR_removexattr, path, "user.x"))
ONE(do_lremovexattr, syscall(NR_lremovexattr, path, "user.x"))
ONE(do_removexattrat, syscall(NR_REMOVEXATTRAT, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, "user.x"))
ONE(do_removexattrat_bad, syscall(NR_REMOVEXATTRAT, AT_FDCWD, path, 1, "user.x"))
ONE(do_file_setattr, syscall(NR_FILE_SETATTR, AT_FDCWD, path, attributes, sizeof(attributes), 0))
ONE(do_file_setattr_bad, syscall(NR_FILE_SETATTR, AT_FDCWD, path, attributes, sizeof(attributes), 2))
ONE(do_mkdir, syscall(NR_mkdir, path, 0757))
ONE(do_mkdirat, syscall(NR_mkdirat, AT_FDCWD, path, 01777))
ONE(do_mknod, syscall(NR_mknod, path, S_IFREG | 0644, 0))
ONE(do_mknod_0, syscall(NR_mknod, path, 0666, 0))
ONE(do_mknod_fifo, syscall(NR_mknodat, AT_FDCWD, path, S_IFIFO | 0666, 0))
ONE(do_mknod_sock, syscall(NR_mknodat, AT_FDCWD, path, S_IFSOCK | 0666, 0))
ONE(do_mknod_dir, syscall(NR_mknodat, AT_FDCWD, path, S_IFDIR | 0666, 0))
ONE(do_mknod_link, syscall(NR_mknodat, AT_FDCWD, path, S_IFLNK | 0666, 0))
ONE(do_rmdir, syscall(NR_rmdir, path))
ONE(do_unlink, syscall(NR_unlink, path))
ONE(do_unlinkat, syscall(NR_unlinkat, AT_FDCWD, path, 0))
ONE(do_unlinkat_dir, syscall(NR_unlinkat, AT_FDCWD, path, AT_REMOVEDIR))
ONE(do_unlinkat_bad, syscall(NR_unlinkat, AT_FDCWD, path, 1))
ONE(do_rename_from, syscall(NR_rename, path, "renamed"))
ONE(do_rename_from_slash, syscall(NR_rename, path, "renamed/"))
ONE(do_rename_file_to, syscall(NR_rename, "file", path))
ONE(do_rename_dir_to, syscall(NR_rename, "dir", path))
ONE(do_rename_missing_to, syscall(NR_rename, "missing", path))
ONE(do_renameat_link_to, syscall(NR_renameat, AT_FDCWD, "tofile", AT_FDCWD, path))
ONE(do_renameat2_noreplace, syscall(NR_renameat2, AT_FDCWD, "file", AT_FDCWD, path, 1))
ONE(do_renameat2_exchange, syscall(NR_renameat2, AT_FDCWD, "dir", AT_FDCWD, path, 2))
ONE(do_renameat2_both, syscall(NR_renameat2, AT_FDCWD, "dir", AT_FDCWD, path, 3))
ONE(do_renameat2_bad, syscall(NR_renameat2, AT_FDCWD, "dir", AT_FDCWD, path, 16))
ONE(do_link_from, syscall(NR_link, path, "linked"))
ONE(do_link_from_slash, syscall(NR_link, path, "linked/"))
ONE(do_link_file_to, syscall(NR_link, "file", path))
ONE(do_link_dir_to, syscall(NR_link, "dir", path))
ONE(do_link_missing_to, syscall(NR_link, "missing", path))
ONE(do_linkat_follow, syscall(NR_linkat, AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW))
ONE(do_linkat_empty, syscall(NR_linkat, AT_FDCWD, path, AT_FDCWD, "linked", AT_EMPTY_PATH))
ONE(do_linkat_bad, syscall(NR_linkat, AT_FDCWD, path, AT_FDCWD, "linked", 1))
ONE(do_symlink_at, syscall(NR_symlink, "target", path))
ONE(do_symlink_to, syscall(NR_symlink, path, "symlinked"))
ONE(do_symlinkat, syscall(NR_symlinkat, "target", AT_FDCWD, path))

static const struct {
	const char *name;
	one_path *call;
} writers[] = {
	R(open_trunc), R(open_trunc_read), R(open_creat), R(open_creat_read),
	R(open_excl), R(open_creat_nofollow), R(open_directory_creat),
	R(open_tmpfile), R(openat2_creat), R(openat2_beneath_creat), R(creat),
	R(truncate), R(chmod), R(fchmodat), R(fchmodat2), R(fchmodat2_empty),
	R(fchmodat2_bad), R(chown), R(chown_other), R(lchown), R(fchownat),
	R(fchownat_empty), R(fchownat_bad), R(utime), R(utimes), R(futimesat),
	R(utimensat), R(utimensat_nofollow), R(utimensat_empty), R(setxattr),
	R(setxattr_replace), R(lsetxattr), R(setxattrat),
	R(setxattrat_nofollow), R(setxattrat_bad), R(removexattr),
	R(lremovexattr), R(removexattrat), R(removexattrat_bad),
	R(file_setattr), R(file_setattr_bad), R(mkdir), R(mkdirat), R(mknod),
	R(mknod_0), R(mknod_fifo), R(mknod_sock), R(mknod_dir), R(mknod_link),
	R(rmdir), R(unlink), R(unlinkat), R(unlinkat_dir), R(unlinkat_bad),
	R(rename_from), R(rename_from_slash), R(rename_file_to),
	R(rename_dir_to), R(rename_missing_to), R(renameat_link_to),
	R(renameat2_noreplace), R(renameat2_exchange), R(renameat2_both),
	R(renameat2_bad), R(link_from), R(link_from_slash), R(link_file_to),
	R(link_dir_to), R(link_missing_to), R(linkat_follow), R(linkat_empty),
	R(linkat_bad), R(symlink_at), R(symlink_to), R(symlinkat),
#undef R
};

/* Outside of the box, and the box's own parents, nothing is changed. */
static bool inside(const char *path)
{
	return path[0] != '/' && strncmp(path, "..", 2) != 0 &&
	       strncmp(path, "up", 2) != 0 && strcmp(path, "abs") != 0 &&
	       strcmp(path, "dir/../..") != 0;
}

/* Bad pointers and lengths, by every call. */
struct odd {
	const char *name;
	const char *path;
};

static void each_odd(const char *name, one_path *call)
{
	const struct odd odds[] = {
		{"NULL", NULL},
		{"1", (const char *)1},
		{"a kernel address", (const char *)UINTPTR_MAX - 100},
		{"255 bytes", long_leaf},
		{"a long name", long_name},
		{"a long path", long_path},
		{"4095 bytes", just_path},
		{"4096 bytes", just_over},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(odds) / sizeof(*odds); i++)
		if (report(name, odds[i].name, call(odds[i].path)))
			box_furnish();
	if (report(name, "file at an edge", call(at_edge("file"))))
		box_furnish();
	if (report(name, "file over an edge", call(over_edge("file"))))
		box_furnish();
	if (report(name, "a long name over an edge",
		   call(over_edge(long_name))))
		box_furnish();
}

/* Every so many of the pairs of call and path; all by default. */
static size_t stride = 1;

static void all(bool write)
{
	size_t count = write ? sizeof(writers) / sizeof(*writers)
			     : sizeof(readers) / sizeof(*readers);

	for (size_t i = 0; i < count; i++) {
		const char *name = write ? writers[i].name : readers[i].name;
		one_path *call = write ? writers[i].call : readers[i].call;

		for (size_t j = 0; j < path_count; j++) {
			if ((i + j) % stride || (write && !inside(paths[j])))
				continue;
			if (report(name, paths[j], call(paths[j])))
				box_furnish();
		}
		if (i % stride == 0)
			each_odd(name, call);
	}
}

static void lengths(void)
{
	memset(long_name, 'n', sizeof(long_name) - 1);
	memset(long_leaf, 'l', sizeof(long_leaf) - 1);
	memset(long_path, '/', sizeof(long_path) - 1);
	memset(just_path, '/', sizeof(just_path) - 1);
	memcpy(just_path, "dir", 3);
	memcpy(just_path + sizeof(just_path) - 6, "inner", 5);
	memset(just_over, '/', sizeof(just_over) - 1);
	memcpy(just_over, "dir", 3);
	memcpy(just_over + sizeof(just_over) - 6, "inner", 5);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2)
		stride = strtoul(argv[2], NULL, 10);
	lengths();
	box_begin();
	if (argc < 2 || strcmp(argv[1], "change") != 0)
		all(false);
	if (argc < 2 || strcmp(argv[1], "look") != 0)
		all(true);
	box_end();
	return 0;
}
