// SPDX-License-Identifier: MIT
// siblings N BLOCKS SIZE [threads]: N children that are forked alike, one after another, and each allocate BLOCKS of SIZE in function
// `site`, with "threads" on a thread of their own. Prints nothing.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long blocks;
static size_t size;

__attribute__((noinline, noclone)) static void *site(void *arg) {
  for (long i = 0; i < blocks; i++) {
    void *volatile p = malloc(size);
    if (!p)
      abort();
  }
  return arg;
}

int main(int argc, char **argv) {
  if (argc < 4)
    return 2;
  blocks = atol(argv[2]);
  size = (size_t)atol(argv[3]);
  void *volatile first = malloc(size); // the sampler of this thread is set up, and its children go on with it
  for (long i = atol(argv[1]); i-- > 0;) {
    pid_t child = fork();
    int status;
    if (child == 0) {
      pthread_t t;
      if (argc == 4)
        site(NULL);
      else if (pthread_create(&t, NULL, site, NULL) != 0 || pthread_join(t, NULL) != 0)
        return 2;
      return 0;
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
      return 1;
  }
  free(first);
  return 0;
}
