// SPDX-License-Identifier: MIT
// Four sites take turns at owning the heap; prints what each held when the total was highest, as JSON.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SITE(name)                                                                                                     \
  static __attribute__((noinline, noclone, no_icf)) void *name(size_t n) {                                             \
    void *p = malloc(n);                                                                                               \
    __asm__ volatile("" : "+r"(p)::"memory");                                                                          \
    return p;                                                                                                          \
  }
SITE(site_a)
SITE(site_b)
SITE(site_c)
SITE(site_d)

enum { SITES = 4, ROOM = 200000 };
static void *(*const sites[SITES])(size_t) = {site_a, site_b, site_c, site_d};
static struct block {
  void *p;
  uint32_t site, size;
} blocks[ROOM];
static size_t n;
static long held[SITES][2], peak[SITES][2], total, highest;
static uint32_t state = 12345;

static uint32_t any(uint32_t below) {
  state = state * 1664525 + 1013904223;
  return (state >> 8) % below;
}

int main(void) {
  // Waves: each rises by more or less than it falls, and has a site of its own at the fore.
  static const int rise[] = {4000, 9000, 30000, 2000, 20000, 500}, fall[] = {3500, 8000, 26000, 1900, 24000, 400};
  for (unsigned wave = 0; wave < sizeof rise / sizeof *rise; wave++) {
    for (int i = 0; i < rise[wave]; i++) {
      uint32_t s = any(3) ? wave % SITES : any(SITES), size = 20 + any(400);
      blocks[n++] = (struct block){sites[s](size), s, size};
      held[s][0]++;
      held[s][1] += size;
      total += size;
      if (total > highest) {
        highest = total;
        for (int k = 0; k < SITES; k++) {
          peak[k][0] = held[k][0];
          peak[k][1] = held[k][1];
        }
      }
    }
    for (int i = 0; i < fall[wave] && n; i++) {
      uint32_t k = any((uint32_t)n);
      struct block b = blocks[k];
      blocks[k] = blocks[--n];
      free(b.p);
      held[b.site][0]--;
      held[b.site][1] -= b.size;
      total -= b.size;
    }
  }
  printf("{\"total\": %ld, \"sites\": {", highest);
  for (int s = 0; s < SITES; s++)
    printf("%s\"site_%c\": [%ld, %ld]", s ? ", " : "", 'a' + s, peak[s][0], peak[s][1]);
  printf("}}\n");
  return 0;
}
