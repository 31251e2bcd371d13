/* SPDX-License-Identifier: MIT */
/* Recognises the allocator's own records, which contain addresses of live blocks and are no
 * pointers of the program's. */
#ifndef HEAPTAP_SRC_LEAKS_RECORDS_H
#define HEAPTAP_SRC_LEAKS_RECORDS_H

#include "leaks/leaks.h"

/* The allocators whose records the process may have. */
struct ht_leak_records {
    bool jemalloc, glibc;
};

struct ht_leak_records ht_leak_records_of(const struct ht_remote *r);

/* Whether the word at `at`, which points into the block, is part of such a record. Reads the memory
 * around it. */
bool ht_leak_is_record(const struct ht_leak_records *k, struct ht_remote *r, uint64_t at,
                       uint64_t word, const struct ht_leak_block *b);

#endif
