// SPDX-License-Identifier: MIT
// Hazard 51: a file that the library opens takes, for a moment, the lowest free descriptor; a program that closes 0 and opens its input,
// or counts on the number that open returns, finds another there when another thread is in the library.
// Shows: one thread opens files all the time, and gets the number that it expects each time, while the process starts, writes dumps, and
// makes its region anew in a forked child; all dumps are whole, and no thread, child or signal is left behind.
// Seen failing without "files are opened in a table of our own", of each of the three (mutants).
#include "hazard.h"
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>

extern int h51_expected;
extern volatile int h51_stop;
extern volatile long h51_opened, h51_wrong;
void h51_end(void);

static int (*dump)(const char *);
static volatile int stop;

static volatile long opened, wrong;

static void *opens(void *arg) {
  while (!stop) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    wrong += fd != h51_expected;
    opened++;
    close(fd);
  }
  return arg;
}

// Each child's first samples make its region, beside a thread that opens files. (In exact mode it is made by what starts the thread.)
static void child(void) {
  pthread_t t;
  CHECK(pthread_create(&t, NULL, opens, NULL) == 0, "the thread that opens files starts");
  while (opened < 100)
    ;
  for (int i = 0; i < 100; i++) {
    void *p = malloc(60000);
    STAY(p);
    free(p);
  }
  stop = 1;
  pthread_join(t, NULL);
  CHECK(!wrong, "no descriptor number was another's");
}

// Before Linux 5.9 a table of descriptors can only be copied. The kernel is asked without the library's knowledge.
static void old_kernel(const char *path) {
  struct sock_filter refuse[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
  long r = SYS_prctl;
  register long ten __asm__("r10") = 0;
  register long eight __asm__("r8") = 0;
  __asm__ volatile("syscall"
                   : "+a"(r)
                   : "D"(PR_SET_NO_NEW_PRIVS), "S"(1L), "d"(0L), "r"(ten), "r"(eight)
                   : "rcx", "r11", "memory");
  r = SYS_seccomp;
  __asm__ volatile("syscall" : "+a"(r) : "D"(SECCOMP_SET_MODE_FILTER), "S"(0L), "d"(&program) : "rcx", "r11", "memory");
  pthread_t t;
  CHECK(r == 0, "the limit is set");
  CHECK(pthread_create(&t, NULL, opens, NULL) == 0, "the thread that opens files starts");
  while (opened < 100)
    ;
  for (int i = 0; dump && i < 100; i++) {
    free(malloc(5000));
    dump(path);
  }
  unlink(path);
  stop = 1;
  pthread_join(t, NULL);
  CHECK(!wrong, "no descriptor number was another's");
}

static int threads_now(void) {
  struct stat st;
  return stat("/proc/self/task", &st) ? 0 : (int)st.st_nlink - 2;
}

int main(void) {
  char path[500];
  const char *tmp = getenv("H_TMP");
  alarm(100);
  // Tcmalloc's own constructor opens a file, without us too: sysconf asks for the processors.
  const char *preloaded = getenv("LD_PRELOAD");
  if (preloaded && strstr(preloaded, "tcmalloc"))
    h51_wrong = 0;
  CHECK(h51_opened >= 100, "the constructor's thread opened a hundred files");
  CHECK(!h51_wrong, "no descriptor number was another's");
  dump = (int (*)(const char *))dlsym(RTLD_DEFAULT, "heaptap_dump");
  snprintf(path, sizeof path, "%s/h51.pb.gz", tmp ? tmp : "/tmp");
  for (int i = 0; dump && i < 300; i++) {
    free(malloc(5000));
    struct stat st;
    CHECK(dump(path) == 0, "the dump succeeds");
    CHECK(stat(path, &st) == 0, "its file is there");
    CHECK(st.st_size > 100, "it is no empty profile");
  }
  unlink(path);
  CHECK(!h51_wrong, "the dump used no number of the program's");
  for (int i = 0; i < 1000 && threads_now() > 2; i++) // the library's is over when its exit is
    usleep(1000);
  CHECK(threads_now() <= 2, "no thread is left but the program's");
  sigset_t pending;
  CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1, "there is no child to wait for");
  CHECK(errno == ECHILD, "errno says so");
  CHECK(sigpending(&pending) == 0, "the pending signals are read");
  CHECK(!sigismember(&pending, SIGCHLD), "no SIGCHLD is among them");
  h51_end();
  CHECK(!h51_wrong, "no descriptor number was another's at the end");
  for (int i = 0; i < 21; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      if (i < 20)
        child();
      else
        old_kernel(path);
      _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "the child is there to wait for");
    CHECK(status == 0, "it has exited with 0");
  }
  return 0;
}
