// SPDX-License-Identifier: MIT
// allow-stderr leaves-regions (the profile stays there)
// Hazard 16: a sandbox kills on a system call it does not expect.
// Shows: after a filter that lets through only what the bare allocator needs, 60,000 live blocks and their samples do no other
// system call; the program then leaves by exit_group. A second child, whose filter refuses with EPERM, leaves by exit().
// Seen failing without "no system call on a sample" (mutants).
#include "hazard.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static void sandbox(unsigned otherwise) {
  static const int allowed[] = {SYS_read,       SYS_write,        SYS_brk,           SYS_mmap,  SYS_munmap,
                                SYS_mremap,     SYS_madvise,      SYS_mprotect,      SYS_futex, SYS_exit,
                                SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask};
  struct sock_filter f[64];
  unsigned n = 0, count = sizeof allowed / sizeof *allowed;
  f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < count; i++)
    f[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(count - i), 0);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = f};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "new privileges are given up");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(77);
}

enum { BLOCKS = 60000 };
static void *blocks[BLOCKS];
static void allocate(void) {
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = malloc(64 + (size_t)i % 200);
    *(char *)blocks[i] = 1;
  }
  for (int i = 0; i < BLOCKS; i++)
    free(blocks[i]);
}

int main(void) {
  static const unsigned otherwise[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO | EPERM};
  for (int k = 0; k < 2; k++) {
    pid_t pid = fork();
    CHECK(pid >= 0, "fork succeeds");
    if (pid == 0) {
      free(malloc(1000));
      sandbox(otherwise[k]);
      allocate();
      if (k)
        exit(8);
      syscall(SYS_exit_group, 8);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
      skip("no seccomp here");
    if (WIFSIGNALED(status))
      say(2, "child %d was killed by signal %d\n", k, WTERMSIG(status));
    CHECK(WIFEXITED(status), "the child is ended by no filter");
    CHECK(WEXITSTATUS(status) == 8, "it exits with 8");
  }
  return 0;
}
