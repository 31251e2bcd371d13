// SPDX-License-Identifier: MIT
// Of h51_descriptors: its constructor runs before the library's, and has a thread that opens files while the library starts.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#pragma GCC visibility push(default)
int h51_expected;
volatile int h51_stop;
volatile long h51_opened, h51_wrong;
void h51_end(void);
#pragma GCC visibility pop
static pthread_t thread;

static void *opens(void *arg) {
  while (!h51_stop) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    h51_wrong += fd != h51_expected;
    h51_opened++;
    close(fd);
  }
  return arg;
}

__attribute__((constructor)) static void begin(void) {
  h51_expected = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(h51_expected);
  pthread_create(&thread, NULL, opens, NULL);
  while (h51_opened < 100)
    ;
}

void h51_end(void) {
  h51_stop = 1;
  pthread_join(thread, NULL);
}
