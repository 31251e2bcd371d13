// SPDX-License-Identifier: MIT
// Hazard 5: the unwinder's first call allocates or loads a library, in the midst of the program's malloc.
// Shows: the first samples load no object and open no descriptor.
// Seen failing without "nothing is loaded by a sample" (mutants).
#include "hazard.h"
#include <link.h>

static int objects(struct dl_phdr_info *info, size_t size, void *adds) {
  *(unsigned long long *)adds = info->dlpi_adds;
  return 1;
}

int main(void) {
  unsigned long long before = 0, after = 0;
  int descriptors = open_descriptors();
  dl_iterate_phdr(objects, &before);
  for (int i = 0; i < 100; i++) {
    char *p = malloc(100000);
    STAY(p);
    free(p);
  }
  dl_iterate_phdr(objects, &after);
  CHECK(before == after, "the first unwind loads no object");
  CHECK(open_descriptors() == descriptors, "the first unwind leaves no descriptor open");
  return 0;
}
