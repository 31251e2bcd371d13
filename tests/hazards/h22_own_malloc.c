// SPDX-License-Identifier: MIT
// Hazard 22: a program with a malloc of its own linked in: part of the family is its, and the rest would be ours.
// Shows: what the program's free and realloc are given is the program's, through every function of the C library that allocates, and
// what the program does not define is what it is without us. Seen failing without "reallocarray is the program's own" (mutants), as
// it did before; over mimalloc, which has one of its own, without us too.
#include "hazard.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <wchar.h>
#define PUBLIC __attribute__((visibility("default"), used))

enum { HEAD = 16, ROOM = 64 << 20 };
static char area[ROOM] __attribute__((aligned(16)));
static _Atomic size_t taken;

static int mine(const void *p) { return (const char *)p >= area && (const char *)p < area + ROOM; }
PUBLIC void *malloc(size_t n) {
  size_t whole = (n + HEAD + 15) & ~15UL;
  size_t at = atomic_fetch_add(&taken, whole);
  if (n > ROOM || at + whole > ROOM)
    return NULL;
  *(size_t *)(area + at) = n;
  return area + at + HEAD;
}
PUBLIC void free(void *p) { CHECK(!p || mine(p), "free gets blocks of the program's own malloc only"); }
PUBLIC void *calloc(size_t n, size_t size) {
  void *p = malloc(n * size);
  return p ? memset(p, 0, n * size) : p;
}
PUBLIC void *realloc(void *p, size_t n) {
  CHECK(!p || mine(p), "realloc gets blocks of the program's own malloc only");
  void *q = malloc(n);
  size_t old = p ? *(size_t *)((char *)p - HEAD) : 0;
  return q && p ? memcpy(q, p, old < n ? old : n) : q;
}

int main(void) {
  for (int i = 1; i < 300; i++) {
    int *p = reallocarray(NULL, (size_t)i, sizeof *p);
    CHECK(mine(p), "reallocarray of NULL uses the program's malloc");
    p[0] = i;
    p = reallocarray(p, (size_t)i * 10, sizeof *p);
    CHECK(mine(p), "reallocarray that grows uses the program's malloc");
    CHECK(p[0] == i, "it keeps the contents");
    free(p);
    char *text = strdup("a text"), *printed = NULL, *line = NULL;
    CHECK(mine(text), "strdup uses the program's malloc");
    CHECK(asprintf(&printed, "%d %s", i, text) > 0, "asprintf succeeds");
    CHECK(mine(printed), "its string is of the program's malloc");
    free(text);
    free(printed);
    wchar_t *wide = wcsdup(L"a text");
    CHECK(mine(wide), "wcsdup uses the program's malloc");
    free(wide);
    size_t room = 0;
    FILE *f = open_memstream(&text, &room);
    CHECK(f, "open_memstream opens");
    CHECK(fprintf(f, "%0*d\n", i * 20, i) > 0, "it is written to");
    CHECK(fclose(f) == 0, "it is closed");
    CHECK(mine(text), "its buffer is of the program's malloc");
    f = fmemopen(text, room, "r");
    room = 0;
    CHECK(f, "the file opens");
    CHECK(getline(&line, &room, f) > 0, "getline reads a line");
    CHECK(mine(line), "its buffer is of the program's malloc");
    CHECK(fclose(f) == 0, "the file is closed");
    free(line);
    free(text);
  }
  // Without us it is the C library's, and the C library's free would be its end.
  void *aligned = NULL;
  CHECK(posix_memalign(&aligned, 4096, 100000) == 0, "posix_memalign succeeds");
  CHECK(!mine(aligned), "it is libc's, which the program has not replaced");
  CHECK((uintptr_t)aligned % 4096 == 0, "its block is aligned");
  void *valloced = valloc(100000);
  CHECK(valloced, "valloc succeeds");
  CHECK(!mine(valloced), "it is libc's, which the program has not replaced");
  void (*libc_free)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  CHECK(libc_free, "libc's free is found");
  CHECK(libc_free != free, "it is another than the program's");
  libc_free(aligned);
  libc_free(valloced);
  puts("done");
  return 0;
}
