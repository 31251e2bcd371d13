/* SPDX-License-Identifier: MIT */
/* The allocator's own records, which hold addresses of live blocks. */
#ifndef HEAPTAP_SRC_LEAKS_RECORDS_H
#define HEAPTAP_SRC_LEAKS_RECORDS_H

#include "leaks/leaks.h"

/* Which allocators' records are to be expected. */
struct ht_leak_records {
    bool jemalloc, glibc;
};

struct ht_leak_records ht_leak_records_of(const struct ht_remote *r);

/* Whether the word at `at`, which points into the block, is such a record's and no pointer of the
 * program's. Memory around it is read. */
bool ht_leak_is_record(const struct ht_leak_records *k, struct ht_remote *r, uint64_t at,
                       uint64_t word, const struct ht_leak_block *b);

#endif
