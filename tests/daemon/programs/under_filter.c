/* SPDX-License-Identifier: MIT */
/*
 * under_filter kill|refuse|allow PROGRAM [ARGUMENT]...: executes a program under a seccomp filter that kills on, refuses or
 * allows what only heaptap's library calls at a start. under_filter forks: fills a heap, installs a filter that allows
 * all, and forks a child that allocates; then says so and waits.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int install(unsigned on_ours)
{
    static const unsigned ours[] = {SYS_flock,  SYS_fallocate, SYS_ftruncate, SYS_mkdir,
                                    SYS_getcwd, SYS_uname,     SYS_prctl,     SYS_rename,
                                    SYS_unlink, SYS_unlinkat};
    struct sock_filter f[16];
    unsigned n = 0, count = sizeof ours / sizeof *ours;
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < count; i++)
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ours[i],
                                              (unsigned char)(count - i), 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, on_ours);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

__attribute__((noinline)) static void keep(int n)
{
    for (int i = 0; i < n; i++)
        *(void *volatile *)malloc(1000) = NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    unsigned on_ours = !strcmp(argv[1], "kill")     ? SECCOMP_RET_KILL_PROCESS
                       : !strcmp(argv[1], "refuse") ? SECCOMP_RET_ERRNO | EPERM
                                                    : SECCOMP_RET_ALLOW;
    int forks = !strcmp(argv[1], "forks");
    if (forks)
        keep(100);
    if (install(on_ours))
        return 77;
    if (!forks) {
        execvp(argv[2], argv + 2);
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        keep(100);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
