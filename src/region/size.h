/* SPDX-License-Identifier: MIT */
/* How large a region is mapped: by the library, which makes it, and by what explains why it could
 * not. */
#ifndef HEAPTAP_SRC_REGION_SIZE_H
#define HEAPTAP_SRC_REGION_SIZE_H

#include <stdint.h>
#include <sys/resource.h>

#include "region/layout.h"

/* A region has no file where it may not be as long. */
#define HT_REGION_FILE_LEAST (HT_HEADER_SIZE + 4ull * HT_CHUNK_SIZE)

/* Bytes of address space under the soft limits RLIMIT_AS and RLIMIT_MEMLOCK (RLIM_INFINITY: none).
 */
static inline uint64_t ht_region_size(rlim_t as, rlim_t memlock)
{
    uint64_t n = 2ULL << 30;
    /* The region takes a small part of a limit by ulimit -v. */
    if (as != RLIM_INFINITY && as / 32 < n)
        n = as / 32;
    /* mlockall compares the whole address space with the limit. No program passes that with the
     * usual 8 MiB; a larger limit may have been chosen to fit. */
    if (memlock != RLIM_INFINITY && memlock >= (64u << 20) && memlock / 32 < n)
        n = memlock / 32;
    if (n < 16 * HT_CHUNK_SIZE)
        n = 16 * HT_CHUNK_SIZE;
    return HT_HEADER_SIZE + n / HT_CHUNK_SIZE * HT_CHUNK_SIZE;
}

#endif
