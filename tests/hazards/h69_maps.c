// SPDX-License-Identifier: MIT
// The program of h69_mappings.sh: calls of mmap and its kind where they are awkward. Prints what it saw.
#include "hazard.h"
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

#define PAGE 4096ul

NOINLINE static char *site_kept(size_t n) {
  char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  STAY(p);
  return p;
}

static void map_and_unmap(void) {
  char *p = site_kept(4 * PAGE);
  CHECK(p != MAP_FAILED, "mmap succeeds");
  p = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
  CHECK(p != MAP_FAILED, "mmap of eight pages succeeds");
  CHECK(munmap(p, 8 * PAGE) == 0, "they are unmapped");
}

// Before any constructor, the library's own among them.
static void first(void) { map_and_unmap(); }
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = first;

static void errnos(void) {
  errno = 7777;
  char *p = site_kept(PAGE);
  CHECK(p != MAP_FAILED, "mmap succeeds");
  CHECK(errno == 7777, "mmap that succeeds leaves errno");
  char *q = mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
  CHECK(q != MAP_FAILED, "mremap succeeds");
  CHECK(errno == 7777, "mremap that succeeds leaves errno");
  CHECK(munmap(q, 3 * PAGE) == 0, "munmap succeeds");
  CHECK(errno == 7777, "munmap that succeeds leaves errno");
  CHECK(sbrk(0) != (void *)-1, "sbrk succeeds");
  CHECK(errno == 7777, "sbrk that succeeds leaves errno");
  CHECK(brk(sbrk(0)) == 0, "brk to where it is succeeds");
  CHECK(errno == 7777, "brk that succeeds leaves errno");
  errno = 0;
  CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL,
        "mmap of no bytes fails with EINVAL");
  errno = 0;
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF,
        "mmap of a bad descriptor fails with EBADF");
  errno = 0;
  CHECK(mmap(NULL, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM,
        "mmap of more than the address space fails with ENOMEM");
  errno = 0;
  CHECK(munmap((char *)1, PAGE) == -1 && errno == EINVAL, "munmap of an unaligned address fails with EINVAL");
  errno = 0;
  CHECK(mremap((char *)(16 * PAGE), PAGE, PAGE * 2, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT,
        "mremap of what is not mapped fails with EFAULT");
  errno = 0;
  CHECK(brk((void *)-PAGE) == -1 && errno == ENOMEM, "brk past the address space fails with ENOMEM");
  CHECK(brk((void *)8) == 0, "brk below the heap returns 0, as glibc's does"); // which it is not, and yet no error
  errno = 0;
  CHECK(sbrk(1l << 50) == (void *)-1 && errno == ENOMEM, "sbrk past the address space fails with ENOMEM");
}

static volatile sig_atomic_t handled;
static void handler(int number) {
  int saved = errno;
  map_and_unmap();
  handled = handled + 1;
  errno = saved;
}

// The handler comes while the thread is inside the hooks of mmap and of malloc, mostly.
static void *signalled(void *end) {
  for (long i = 0; handled < (sig_atomic_t)(intptr_t)end; i++) {
    map_and_unmap();
    free(malloc((size_t)i % 5000));
  }
  return NULL;
}

static void signals(void) {
  struct itimerval each = {{0, 100}, {0, 100}}, none = {{0, 0}, {0, 0}};
  pthread_t thread;
  signal(SIGALRM, handler);
  setitimer(ITIMER_REAL, &each, NULL);
  CHECK(pthread_create(&thread, NULL, signalled, (void *)(intptr_t)1500) == 0, "the thread that is signalled starts");
  signalled((void *)(intptr_t)1500);
  pthread_join(thread, NULL);
  setitimer(ITIMER_REAL, &none, NULL);
}

static volatile int stop;
static void *busy(void *unused) {
  while (!stop)
    map_and_unmap();
  return unused;
}

static void forks(void) {
  pthread_t thread[3];
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&thread[i], NULL, busy, NULL) == 0, "a busy thread starts");
  for (int i = 0; i < 60; i++) {
    pid_t child = fork();
    CHECK(child >= 0, "fork succeeds");
    if (!child) {
      alarm(20);
      for (int k = 0; k < 50; k++)
        map_and_unmap();
      _exit(site_kept(PAGE) == MAP_FAILED);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
    CHECK(status == 0, "it maps and unmaps as its parent does");
  }
  stop = 1;
  for (int i = 0; i < 3; i++)
    pthread_join(thread[i], NULL);
}

static void vforks(void) {
  char *kept = site_kept(3 * PAGE);
  CHECK(kept != MAP_FAILED, "the mapping that is kept is made");
  for (int i = 0; i < 20; i++) {
    pid_t child = vfork();
    if (!child) {
      map_and_unmap();
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
    CHECK(status == 0, "it has exited with 0");
  }
}

static sigjmp_buf away;
static volatile int instruction, leave_at;
static void leave(int number) {
  if (instruction++ == leave_at)
    siglongjmp(away, 1);
}
static void *leaves(void *at) {
  leave_at = (int)(intptr_t)at;
  instruction = 0;
  if (!sigsetjmp(away, 1))
    STEPPED(site_kept(PAGE));
  return NULL;
}

static int stepped(int at) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, leaves, (void *)(intptr_t)at) == 0, "a thread starts");
  pthread_join(thread, NULL);
  return instruction;
}

// Threads leave mmap by longjmp, some of them while they have the table: it stays so for ever, and others go on.
static void left(void) {
  signal(SIGTRAP, leave);
  stepped(INT_MAX); // what happens once
  const int all = stepped(INT_MAX);
  for (int i = 0; i < 25; i++)
    stepped(all / 25 * i);
  for (int i = 0; i < 1000; i++)
    map_and_unmap();
}

static ucontext_t back;
static void on_stack(void) {
  map_and_unmap();
  for (int i = 0; i < 10; i++)
    CHECK(site_kept(PAGE) != MAP_FAILED, "a mapping by the site that is kept succeeds");
}

// A coroutine of 16 KiB, with a guard below.
static void small(void) {
  ucontext_t there;
  char *stack = site_kept(5 * PAGE);
  CHECK(stack != MAP_FAILED, "the stack is mapped");
  CHECK(mprotect(stack, PAGE, PROT_NONE) == 0, "its first page is a guard");
  CHECK(getcontext(&there) == 0, "the context is read");
  there.uc_stack.ss_sp = stack + PAGE;
  there.uc_stack.ss_size = 4 * PAGE;
  there.uc_link = &back;
  makecontext(&there, on_stack, 0);
  CHECK(swapcontext(&back, &there) == 0, "the context on the small stack runs and comes back");
  for (int i = 0; i < 300; i++) { // the allocator must map some of its own
    char *p = malloc(300000);
    CHECK(p, "mmap succeeds on the small stack");
    STAY(p);
  }
}

// From then on only mappings, and no other call at all. More of them than were prepared for.
static void sandbox(void) {
  struct sock_filter f[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof f / sizeof *f, .filter = f};
  pid_t child = fork();
  CHECK(child >= 0, "fork succeeds");
  if (!child) {
    map_and_unmap();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
      _exit(77);
    for (int i = 0; i < 9000; i++)
      if (site_kept(PAGE) == MAP_FAILED)
        syscall(SYS_exit_group, 9);
    map_and_unmap();
    syscall(SYS_exit_group, 8);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
  CHECK(WIFEXITED(status), "no signal has ended it");
  CHECK((WEXITSTATUS(status) == 8 || WEXITSTATUS(status) == 77),
        "mmap under the filter works, or cannot be shown here");
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } cases[] = {{"errno", errnos}, {"signals", signals}, {"forks", forks},    {"vfork", vforks},
               {"left", left},    {"small", small},     {"sandbox", sandbox}};
  for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
    if (!strcmp(argv[1], cases[i].name)) {
      cases[i].run();
      printf("%s\n", argv[1]);
      return 0;
    }
  return 2;
}
