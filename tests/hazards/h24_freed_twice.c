// SPDX-License-Identifier: MIT
// Hazard 24: a freed sample's block is kept for the next sample, and the program frees it a second time.
// Shows: glibc still gets both frees, and ends the program as it would have without us.
// Seen failing without "a second free is the allocator's to judge" (mutants).
#include "hazard.h"
#include <dlfcn.h>
#include <signal.h>

NOINLINE static void *site_twice(size_t n) {
  void *p = malloc(n);
  STAY(p);
  return p;
}

static void aborted(int signal) { _exit(42); }

int main(void) {
  if (dlsym(RTLD_DEFAULT, "mallctl") || dlsym(RTLD_DEFAULT, "tc_version") || dlsym(RTLD_DEFAULT, "mi_malloc"))
    skip("of these allocators only glibc's tells a second free for certain");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 2); // what glibc says of it
    signal(SIGABRT, aborted);
    char *p = NULL, *before = NULL;
    void (*volatile give)(void *) = free; // the compiler knows free's
    // At 512k a sample's block begins a page, and others are where the last one was; that there is none has a chance of 2 * 10^-50.
    for (int i = 1;; i++) {
      p = site_twice(600);
      if (((uintptr_t)p % 4096 == 0 && before && p != before) || i == 100000)
        break;
      before = p;
      free(p);
    }
    STAY(p);
    char *beside = malloc(2000);
    STAY(beside);
    give(p);
    give(p);
    void *one = site_twice(600), *other = site_twice(600);
    _exit(one == other ? 3 : 2);
  }
  int status;
  CHECK(child > 0, "fork succeeds");
  CHECK(waitpid(child, &status, 0) == child, "the child is there to wait for");
  CHECK(WIFEXITED(status), "the child exits");
  CHECK(WEXITSTATUS(status) == 42, "it exits with 42");
  return 0;
}
