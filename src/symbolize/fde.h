/* SPDX-License-Identifier: MIT */
/* Where a binary's functions begin and end, from .eh_frame: stripped ones have it too. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_FDE_H
#define HEAPTAP_SRC_SYMBOLIZE_FDE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_fdes;

/* NULL: out of memory. Without .eh_frame, or when it is damaged, there are no functions. */
struct ht_fdes *ht_fdes_create(Elf *elf);
void ht_fdes_destroy(struct ht_fdes *f);

/* Where the function that covers the address begins, and where it ends (end may be NULL); false
 * when none does. */
bool ht_fdes_find(const struct ht_fdes *f, uint64_t vaddr, uint64_t *start, uint64_t *end);

#endif
