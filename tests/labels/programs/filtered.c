// SPDX-License-Identifier: MIT
// Labels under a seccomp filter that kills on every call but those of allocators: the thread's name stays what it was known to be, and what
// pointers lead to is not read.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "heaptap/heaptap.h"
#include "publisher.h"

__attribute__((noinline, noclone)) static void take(int n) {
  for (int i = 0; i < n; i++) {
    void *p = malloc(100);
    __asm__ volatile("" : "+r"(p)::"memory");
    free(p);
  }
}

static void shut(void) {
  static const int allowed[] = {SYS_read,       SYS_write,        SYS_brk,           SYS_mmap,  SYS_munmap,
                                SYS_mremap,     SYS_madvise,      SYS_mprotect,      SYS_futex, SYS_exit,
                                SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask};
  struct sock_filter f[64];
  unsigned n = 0, count = sizeof allowed / sizeof *allowed;
  f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < count; i++)
    f[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(count - i), 0);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = f};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    fputs("no seccomp here\n", stderr);
    _exit(77);
  }
}

int main(void) {
  static struct custom_label label = {{5, "route"}, {2, "/c"}};
  static struct custom_set set = {&label, 1, 1};
  struct timespec begin, now;
  attach_set(&set);
  take(3);
  prctl(PR_SET_NAME, "named-1");
  take(4);
  prctl(PR_SET_NAME, "last-2"); /* and no sample before the filter */
  shut();
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do // by the vDSO: a second in which names are asked for again elsewhere
    clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - begin.tv_sec) * 1000000000LL + now.tv_nsec - begin.tv_nsec < 1100000000LL);
  take(5);
  {
    HEAPTAP_LABEL("route", "own");
    take(6);
  }
  return 0;
}
