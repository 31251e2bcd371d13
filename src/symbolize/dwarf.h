/* SPDX-License-Identifier: MIT */
/* Functions, inlined calls and lines from a file's DWARF. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_DWARF_H
#define HEAPTAP_SRC_SYMBOLIZE_DWARF_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>

#include "symbolize/frames.h"
#include "symbolize/pool.h"

struct ht_dwarf;

/* Gives the symbol table's name for an outermost frame; NULL when it has none. */
typedef const char *(*ht_symbol_fn)(void *arg, uint64_t vaddr);

/* NULL when the file has no DWARF that can be read, or memory is short. */
struct ht_dwarf *ht_dwarf_open(Elf *elf);
void ht_dwarf_close(struct ht_dwarf *d);

/*
 * Fills the frames of the addresses, which are sorted and different from each other, from pool.
 * Those that DWARF knows nothing of are left as they are. Only the compilation units that the
 * addresses lie in are read. tick (may be NULL) is called now and then with the addresses done;
 * false ends the work. 0, -ENOMEM or -EINTR.
 */
int ht_dwarf_resolve(struct ht_dwarf *d, struct ht_addr *addrs, size_t n, struct ht_pool *pool,
                     ht_symbol_fn symbol, void *symbol_arg, bool (*tick)(void *arg, size_t done),
                     void *tick_arg);

#endif
