/* SPDX-License-Identifier: MIT */
/* One binary with all sources of names for its addresses. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_MODULE_H
#define HEAPTAP_SRC_SYMBOLIZE_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include "symbolize/find.h"
#include "symbolize/frames.h"
#include "symbolize/pool.h"

struct ht_sym_module {
    struct ht_found found;
    struct ht_elf mini;  /* .gnu_debugdata */
    struct ht_pool pool; /* frames */
    struct ht_symtab *symtab;
    struct ht_dwarf *dwarf;
    struct ht_fdes *fdes; /* for what has no symbol */
};

/* 0, or as ht_find_open; on failure only found.replaced of *m has a meaning. */
int ht_sym_module_open(struct ht_sym_module *m, const struct ht_find *what, bool want_debug);
void ht_sym_module_finish(struct ht_sym_module *m);

/* Those of the binary, or else of its debug file. */
const struct ht_segments *ht_sym_module_segments(const struct ht_sym_module *m);

/* Fills the frames of addresses that are sorted and different. They live as long as m.
 * 0, -ENOMEM, or -EINTR when tick returned false. */
int ht_sym_module_resolve(struct ht_sym_module *m, struct ht_addr *addrs, size_t n, bool dwarf,
                          bool (*tick)(void *arg, size_t done), void *tick_arg);

#endif
