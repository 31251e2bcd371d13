// SPDX-License-Identifier: MIT
// Started by h44_tables_no_room.sh: 20,000 blocks of 3,000 bytes, when the address space may grow by argv[1] KiB at most.
#include "hazard.h"
#include <sys/resource.h>
#include <sys/syscall.h>

int main(int argc, char **argv) {
  char text[64];
  CHECK(malloc(1000), "the heap is there, with room for what follows");
  int fd = open("/proc/self/statm", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  CHECK(argc == 2 && n > 0, "there is one argument, and /proc/self/statm is read");
  text[n] = 0;
  close(fd);
  unsigned long most = strtoul(text, NULL, 10) * 4096 + strtoul(argv[1], NULL, 10) * 1024;
  struct rlimit limit = {most, RLIM_INFINITY};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "the address space is limited");
  for (int i = 0; i < 20000; i++) {
    void *p = malloc(3000);
    CHECK(p, "malloc succeeds within the room that is left");
    free(p);
  }
  limit.rlim_cur = RLIM_INFINITY;
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "the limit is taken back");
  return 0;
}
