// SPDX-License-Identifier: MIT
// allow-stderr leaves-regions (the profile stays there)
// Hazard 40: a filter that kills, or strict mode, and then a fork, a second filter, or an exec: no call of ours was ever tried
// there. Its list is what a malloc, a fork and an exit need, so that getpid, prlimit64, openat and prctl are not on it.
// Shows: the child, its child, and what is executed under the filter allocate, free and leave with their own status; in strict
// mode the program goes on with the heap it has; and asking the kernel whether it has filters (a null pointer, a refused
// call) leaves the program as it was: its profile is written at exit (by its being complete in exact mode).
// Seen failing without each of "a listener is no error", "a child under a filter has no region", "an inherited filter is asked for" and "a refused
// filter is none" (mutants).
#include "hazard.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

// by_syscall 2: with a listener, whose descriptor is the call's result.
static int filter(unsigned otherwise, int by_syscall, const int *more, unsigned n_more) {
  static const int allowed[] = {
      SYS_read,           SYS_write,        SYS_brk,    SYS_mmap,       SYS_munmap, SYS_mremap, SYS_mprotect,
      SYS_madvise,        SYS_futex,        SYS_exit,   SYS_exit_group, SYS_clone,  SYS_wait4,  SYS_set_robust_list,
      SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_gettid, SYS_getrandom};
  unsigned n = 0, count = sizeof allowed / sizeof *allowed + n_more;
  struct sock_filter f[80];
  f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < count; i++) {
    unsigned number = (unsigned)(i < n_more ? more[i] : allowed[i - n_more]);
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, (unsigned char)(count - i), 0);
  }
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = f};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "new privileges are given up");
  if (by_syscall == 2)
    // 1 << 3: SECCOMP_FILTER_FLAG_NEW_LISTENER
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1ul << 3, &program) > 0 ? 0 : -1;
  return by_syscall ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                    : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static NOINLINE void *site(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

static void work(int n) {
  static void *kept[64];
  for (int i = 0; i < n; i++) {
    free(kept[i % 64]);
    kept[i % 64] = site(1000);
    *(char *)kept[i % 64] = 1;
  }
  for (int i = 0; i < 64; i++) {
    free(kept[i]);
    kept[i] = NULL;
  }
}

static void leave(int status) {
  for (;;)
    syscall(SYS_exit, status);
}

static int status_of(pid_t pid) {
  int status;
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "the child is there to wait for");
  if (WIFSIGNALED(status))
    say(2, "killed by signal %d\n", WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A child, its child, and one that is forked before any sample.
static void forks(int by_syscall) {
  work(5000);
  if (filter(SECCOMP_RET_KILL_PROCESS, by_syscall, NULL, 0))
    leave(77);
  pid_t pid = fork();
  if (pid == 0) {
    work(20000);
    pid = fork();
    if (pid == 0) {
      work(20000);
      _exit(7);
    }
    _exit(status_of(pid));
  }
  _exit(status_of(pid));
}

// What the loader and a C library call at the start, and what this program does; nothing of ours.
static const int of_start[] = {SYS_execve,     SYS_openat,          SYS_close, SYS_pread64,   SYS_fstat, SYS_newfstatat,
                               SYS_arch_prctl, SYS_set_tid_address, SYS_rseq,  SYS_prlimit64, SYS_access};

static void exec(const char *self) {
  if (filter(SECCOMP_RET_KILL_PROCESS, 0, of_start, sizeof of_start / sizeof *of_start))
    leave(77);
  execl(self, self, "inside", (char *)NULL);
  leave(1);
}

static void strict(void) {
  void *p = malloc(1 << 20); // some heap to go on with
  work(5000);
  free(p);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
    leave(77);
  work(20000);
  leave(7);
}

int main(int argc, char **argv) {
  if (argc > 1) { // under the filter
    work(20000);
    pid_t pid = fork();
    if (pid == 0) {
      work(20000);
      _exit(7);
    }
    _exit(status_of(pid));
  }
  for (int k = 0; k < 5; k++) {
    pid_t pid = fork();
    if (pid == 0)
      k == 0 ? forks(0) : k == 1 ? forks(1) : k == 2 ? exec(argv[0]) : k == 3 ? strict() : forks(2);
    int status = status_of(pid);
    if (k == 4 && status == 77)
      break; // before Linux 5.0
    if (status == 77)
      skip("no seccomp here");
    if (status != 7)
      say(2, "way %d: %d\n", k, status);
    CHECK(status == 7, "the child under the filter has exited with 7");
  }
  // Questions: no filter is there afterwards.
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1, "prctl refuses a filter at NULL");
  CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == -1, "seccomp refuses a filter at NULL");
  struct sock_fprog none = {.len = 0};
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &none) == -1, "prctl refuses an empty filter");
  CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0xffff, &none) == -1, "seccomp refuses flags that do not exist");
  work(1000);
  claim("files 1");
  truth("site", 1000, 1000 * 1000, 0, 0);
  return 0;
}
