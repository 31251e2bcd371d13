/* SPDX-License-Identifier: MIT */
/*
 * A fork in a signal handler that interrupted a hook. The child returns into the middle of that
 * hook, which holds references to the parent's region, and would find the state wiped. Only in this
 * case the state survives the fork, and the child works on a private copy of the region until the
 * hook has returned. From then on it is like any forked child.
 */
#include "config.h"

#include "target/process/fork_inside.h"

#include <string.h>
#include <sys/mman.h>

#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/sampler/rate.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

_Atomic uint32_t ht_fork_unfinished;

static void advise(int advice)
{
    SYS3(SYS_madvise, ht_state, HT_PAGE_UP(sizeof(struct ht_state)), advice);
}

/* Replaces the region by a private copy. When memory is out, the rest of the hook adds to the
 * parent's region. */
static void copy_region(struct ht_state *s)
{
    const struct ht_region_header *h = s->header;
    const uint64_t had = s->mapped; /* at the fork */
    unsigned char *copy = ht_sys_anonymous(had);
    if (!copy)
        return;
    /* Only what is mapped is copied, and behind the last chunk the file may have an end. */
    uint64_t size = HT_HEADER_SIZE + (uint64_t)atomic_load(&h->n_chunks) * HT_CHUNK_SIZE;
    memcpy(copy, s->base, size < had ? size : had);
    /* The parent goes on meanwhile, and what was copied may refer to chunks that were made since
     * the fork: they are read as zeroes. Read after the copy, so that the number covers all. */
    const uint32_t n_chunks = atomic_load(&h->n_chunks);
    size = HT_HEADER_SIZE + (uint64_t)n_chunks * HT_CHUNK_SIZE;
    atomic_store(&((struct ht_region_header *)copy)->n_chunks, n_chunks);
    if (SYS_FAILED(SYS6(SYS_mremap, copy, had, had, MREMAP_MAYMOVE | MREMAP_FIXED, s->base, 0))) {
        SYS2(SYS_munmap, copy, had);
        return;
    }
    /* No more chunks: the addresses beyond belong to the parent's region. */
    s->limit = had;
    if (size <= had)
        return;
    /* A kernel before 4.17 takes the address for a hint. What the child still has there stays. */
    unsigned char *more = s->base + had;
    long at = SYS6(SYS_mmap, more, size - had, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == (long)more) {
        s->mapped = s->limit = size;
        atomic_store_explicit(&ht_region_mapped, size, memory_order_relaxed);
    } else if (!SYS_FAILED(at)) {
        SYS2(SYS_munmap, at, size - had);
    }
}

pid_t ht_fork_inside(pid_t (*next)(void))
{
    uint64_t number = ht_fork_number();
    if (!ht_tls.reentrancy_depth || ht_sandboxed || !ht_active()) {
        pid_t child = next();
        if (!child)
            ht_reseed_forked(number);
        return child;
    }
    advise(MADV_KEEPONFORK);
    pid_t child = next();
    advise(MADV_WIPEONFORK);
    if (!child)
        ht_reseed_forked(number);
    if (!child && ht_active()) {
        atomic_store(&ht_state->fold.child,
                     1); /* where the copy fails, the parent's are left alone */
        copy_region(ht_state);
        atomic_store(&ht_fork_unfinished, 1);
    }
    return child;
}

void ht_fork_finish(void)
{
    atomic_store(&ht_fork_unfinished, 0);
    memset(ht_state, 0, sizeof *ht_state);
}
