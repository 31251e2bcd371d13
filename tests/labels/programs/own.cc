// SPDX-License-Identifier: MIT
// Labels set by heaptap_label: nested, hidden, left by an exception, by longjmp, by the thread's end; in signal handlers and after a fork.
// Every allocation is 100 bytes through take(), and prints what it is to be counted for: "KEY=VALUE[,...] n", once each.
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

#define MUST(cond)                                                                                                     \
  do {                                                                                                                 \
    if (!(cond)) {                                                                                                     \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);                                         \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static __attribute__((noinline, noclone)) void take(int n) {
  for (int i = 0; i < n; i++) {
    void *p = malloc(100);
    __asm__ volatile("" : "+r"(p)::"memory");
    free(p);
  }
}

static sigjmp_buf out;
static volatile sig_atomic_t handled;

static void handler(int) {
  HEAPTAP_LABEL("tenant", "handler");
  handled++;
}
static void leaves(int) {
  heaptap_call_label("tenant", "left");
  siglongjmp(out, 1);
}

static void throws() {
  HEAPTAP_LABEL("tenant", "thrown");
  take(4);
  throw 1;
}

static void *thread(void *arg) {
  take(1); // nothing of the thread before it, which had this memory
  heaptap_call_label("tenant", static_cast<const char *>(arg)); // until the thread ends
  if (!strcmp(static_cast<const char *>(arg), "t1"))
    heaptap_call_label("route", "/dead");
  take(10);
  return nullptr;
}

// The trap flag: a signal behind every instruction while it is set.
#define TRAPS(instruction)                                                                                             \
  __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; " instruction ", (%%rsp); popfq; lea 128(%%rsp), %%rsp"            \
                   :                                                                                                   \
                   :                                                                                                   \
                   : "memory", "cc")

static volatile sig_atomic_t traps, sets_at;
static void trap(int) {
  if (traps++ != sets_at)
    return;
  HEAPTAP_LABEL("tenant", "trap");
}

// A handler comes behind the first instruction of the call, then behind the second, and so on.
static void step_by_step() {
  static const char value[] = "set while a handler sets its own";
  for (int i = 0; i < 200; i++) {
    traps = 0;
    sets_at = i;
    TRAPS("orq $0x100");
    const int before = heaptap_call_label("tenant", value);
    TRAPS("andq $~0x100");
    take(1);
    sets_at = i - traps; // the rest of them behind the end
    traps = 0;
    TRAPS("orq $0x100");
    heaptap_call_label_end(before);
    TRAPS("andq $~0x100");
    take(1);
  }
}

static void *storm(void *) {
  // Signals come down while labels are set and ended: what is counted is what was set.
  for (int i = 0; i < 20000; i++) {
    HEAPTAP_LABEL("tenant", i % 2 ? "odd" : "even");
    HEAPTAP_LABEL("route", "/storm");
    take(1);
  }
  return nullptr;
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "step")) {
    signal(SIGTRAP, trap);
    step_by_step();
    return 0;
  }
  if (argc > 1 && !strcmp(argv[1], "thread")) {
    take(1);
    {
      HEAPTAP_LABEL("thread", "in place of the name");
      take(2);
    }
    take(4);
    return 0;
  }
  const char *asked = getenv("HEAPTAP_LABELS");
  const bool here = heaptap_call_active() >= 0, tenant = asked && strstr(asked, "tenant");
  char value[400];
  take(3);
  {
    HEAPTAP_LABEL("tenant", "a");
    take(5);
    {
      HEAPTAP_LABEL("route", "/x");
      take(6);
      {
        HEAPTAP_LABEL("tenant", "b");
        take(7);
        const int hidden = heaptap_call_label("tenant", nullptr);
        take(8);
        heaptap_call_label_end(hidden);
        take(1);
      }
      take(1);
    }
    HEAPTAP_LABEL("secret", "not asked for");
    take(2);
  }
  take(1);
  try {
    throws();
  } catch (int) {
    take(2);
  }
  // Inner ones end with the outer one, as after a longjmp over their ends.
  const volatile int outer = heaptap_call_label("tenant", "c");
  if (!setjmp(out)) {
    heaptap_call_label("tenant", "d");
    heaptap_call_label("route", "/y");
    take(3);
    longjmp(out, 1);
  }
  heaptap_call_label_end(outer);
  take(1);
  // No more than 8, and what was not set need not be undone.
  if (here && !tenant) {
    MUST(heaptap_call_label("tenant", "x") == 0);
    take(2);
  } else if (here) {
    const int first = heaptap_call_label("tenant", "0");
    for (int i = 1; i < 8; i++)
      MUST(heaptap_call_label("tenant", "1") == i);
    MUST(heaptap_call_label("tenant", "2") == -ENOSPC);
    heaptap_call_label_end(-ENOSPC);
    heaptap_call_label_end(77);
    take(2);
    heaptap_call_label_end(first);
    MUST(heaptap_call_label("secret", "x") == 0 && heaptap_call_label(nullptr, "x") == 0);
  } else {
    MUST(heaptap_call_label("tenant", "x") == -ENOSYS);
    heaptap_call_label_end(0);
    take(2);
  }
  // Copied, and cut at 126 bytes, not within a character.
  memset(value, 'v', sizeof value);
  memcpy(value + 124, "\xe2\x82\xac", 3);
  value[399] = 0;
  {
    HEAPTAP_LABEL("tenant", value);
    memset(value, 0, sizeof value);
    take(9);
  }
  {
    HEAPTAP_LABEL("tenant", "");
    take(1);
  }
  // Threads one after the other have the same memory.
  for (const char *name : {"t1", "t2", "t3"}) {
    pthread_t t;
    MUST(!pthread_create(&t, nullptr, thread, const_cast<char *>(name)));
    pthread_join(t, nullptr);
  }
  // A handler's labels are its own, also where it never returns.
  signal(SIGUSR2, handler);
  signal(SIGALRM, leaves);
  {
    HEAPTAP_LABEL("tenant", "e");
    raise(SIGUSR2);
    take(3);
    const volatile int before = heaptap_call_label("route", "/z");
    if (!sigsetjmp(out, 1))
      raise(SIGALRM);
    heaptap_call_label_end(before);
    take(2);
  }
  pthread_t t;
  MUST(!pthread_create(&t, nullptr, storm, nullptr));
  for (int i = 0; i < 2000 && !pthread_kill(t, SIGUSR2); i++)
    usleep(50);
  pthread_join(t, nullptr);
  fflush(stdout);
  // A child goes on in its parent's scope, and its parent's blocks keep their labels.
  if (argc > 1) {
    HEAPTAP_LABEL("tenant", "forking");
    static void *kept[5];
    for (void *&p : kept) {
      p = malloc(200);
      __asm__ volatile("" : "+r"(p)::"memory");
    }
    const pid_t pid = fork();
    if (!pid) {
      take(11);
      {
        HEAPTAP_LABEL("tenant", "child");
        take(12);
      }
      _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid && status == 0);
  }
  MUST(handled >= 1);
  return 0;
}
