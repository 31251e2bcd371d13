// SPDX-License-Identifier: MIT
// Of h53_resident.sh: a cache of blocks that are replaced at random, mostly of 64 bytes, and in one of 100 a buffer of 30,000 of which
// only the beginning is used. Prints the resident memory at the end, in KiB.
#include "hazard.h"

enum { BLOCKS = 100000, REPLACED = 4000000 };
static char *blocks[BLOCKS];

int main(void) {
  unsigned long seed = 88172645463325252UL;
  for (int i = 0; i < REPLACED; i++) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    char **at = &blocks[seed % BLOCKS];
    free(*at);
    *at = malloc(seed >> 40 & 127 ? 64 : 30000);
    CHECK(*at, "malloc succeeds");
    memset(*at, 1, 64);
  }
  printf("%ld\n", resident_kib());
  return 0;
}
