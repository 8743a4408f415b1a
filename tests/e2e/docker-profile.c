/*
 * A stand-in for the seccomp profile that Docker gives its containers, as far as
 * it refuses what a supervisor might want: docker-profile PROGRAM [ARG…]. The
 * real one lists what is allowed; this one lists what is not. Started by root,
 * it also keeps only the capabilities of a container's root.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int refused[] = {
	SYS_acct,	   SYS_add_key,	      SYS_bpf,
	SYS_chroot,	   SYS_clock_adjtime, SYS_clock_settime,
	SYS_delete_module, SYS_fanotify_init, SYS_finit_module,
	SYS_fsconfig,	   SYS_fsmount,	      SYS_fsopen,
	SYS_fspick,	   SYS_init_module,   SYS_io_uring_enter,
	SYS_io_uring_setup, SYS_io_uring_register, SYS_kcmp,
	SYS_kexec_load,	   SYS_keyctl,	      SYS_mbind,
	SYS_mount,	   SYS_mount_setattr, SYS_move_mount,
	SYS_move_pages,	   SYS_open_by_handle_at, SYS_open_tree,
	SYS_perf_event_open, SYS_pidfd_getfd, SYS_pivot_root,
	SYS_process_madvise, SYS_quotactl,    SYS_reboot,
	SYS_request_key,   SYS_setdomainname, SYS_sethostname,
	SYS_setns,	   SYS_settimeofday,  SYS_swapoff,
	SYS_swapon,	   SYS_syslog,	      SYS_umount2,
	SYS_unshare,	   SYS_userfaultfd,   SYS_vhangup,
};

enum {
	COUNT = sizeof(refused) / sizeof(*refused),
	NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP,
	CLONE_ARGUMENT = offsetof(struct seccomp_data, args[0]),
};

/* What root keeps in a container by default. */
static const uint64_t kept =
	1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FSETID |
	1 << CAP_FOWNER | 1 << CAP_MKNOD | 1 << CAP_NET_RAW | 1 << CAP_SETGID |
	1 << CAP_SETUID | 1U << CAP_SETFCAP | 1 << CAP_SETPCAP |
	1 << CAP_NET_BIND_SERVICE | 1 << CAP_SYS_CHROOT | 1 << CAP_KILL |
	1 << CAP_AUDIT_WRITE;

static int install(void)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CLONE_ARGUMENT),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)NAMESPACES, 0,
			 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	enum { HEAD = sizeof(head) / sizeof(*head) };
	struct sock_filter code[HEAD + COUNT + 2];
	struct sock_fprog program = {.len = HEAD + COUNT + 2, .filter = code};

	for (unsigned i = 0; i < HEAD; i++)
		code[i] = head[i];
	for (unsigned i = 0; i < COUNT; i++)
		code[HEAD + i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refused[i],
			(uint8_t)(COUNT - i), 0);
	code[HEAD + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							  SECCOMP_RET_ALLOW);
	code[HEAD + COUNT + 1] = (struct sock_filter)BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	/* Docker itself has CAP_SYS_ADMIN here; a user has not. */
	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static int limit_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)kept, .permitted = (uint32_t)kept},
	};

	if (geteuid() != 0)
		return 0;
	for (unsigned long number = 0; number < 64; number++)
		if (!(kept >> number & 1) &&
		    prctl(PR_CAPBSET_DROP, number, 0, 0, 0) && errno != EINVAL)
			return -1;
	return (int)syscall(SYS_capset, &header, data);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: docker-profile PROGRAM [ARG…]\n");
		return 2;
	}
	if (install() || limit_capabilities()) {
		perror("docker-profile");
		return 77;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
