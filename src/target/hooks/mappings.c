/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap, mremap, brk and sbrk, passed on. What they map anonymously is recorded by site,
 * when the user asked for it (HEAPTAP_MMAP=1). A call of the allocator's is none of the program's,
 * and is not looked at. The C library's own calls do not come here, and neither do system calls
 * that a program makes itself.
 *
 * The call itself is made first, unguarded, and its result and errno are what the program gets,
 * whatever becomes of the record.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/allocator/backend.h"
#include "target/hooks/export.h"
#include "target/hooks/sampled.h"
#include "target/labels/labels.h"
#include "target/os/libc.h"
#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/process/adopt.h"
#include "target/sampler/rate.h"
#include "target/stack/module.h"
#include "target/state/clock.h"
#include "target/tables/fold.h"
#include "target/tables/mappings.h"

typedef void *(*mmap_fn)(void *, size_t, int, int, int, off_t);
static mmap_fn next_mmap, next_mmap64;
static int (*next_munmap)(void *, size_t);
static void *(*next_mremap)(void *, size_t, size_t, int, void *);
static int (*next_brk)(void *);
static void *(*next_sbrk)(intptr_t);

/* Before the first thread in practice, and idempotent. */
__attribute__((constructor)) static void find(void)
{
    next_mmap = (mmap_fn)ht_next_symbol("mmap");
    next_mmap64 = (mmap_fn)ht_next_symbol("mmap64");
    next_munmap = (__typeof__(next_munmap))ht_next_symbol("munmap");
    next_mremap = (__typeof__(next_mremap))ht_next_symbol("mremap");
    next_brk = (__typeof__(next_brk))ht_next_symbol("brk");
    next_sbrk = (__typeof__(next_sbrk))ht_next_symbol("sbrk");
}

static inline void resolved(const void *fn)
{
    if (HT_UNLIKELY(!fn))
        find();
}

/* The caller's registers at a hook, and when it was called. */
struct call {
    struct ht_regs regs;
    uint64_t before;
};

/* False: the call is only to be passed on. */
static inline bool begin(struct call *c, uint64_t pc, uint64_t sp, uint64_t bp)
{
    if (!ht_state || pc - ht_allocator_start < ht_allocator_size)
        return false;
    *c = (struct call){{pc, sp, bp}, ht_mappings_now()};
    return true;
}

/* The site of the call, or 0. The thread was guarded by this call alone. */
static ht_ref site_of(const struct call *c)
{
    struct ht_tls *t = &ht_tls;
    bool due;
    if (!t->ready)
        ht_thread_setup(t);
    t->lock_refused = 0;
    ht_module_record_main();
    struct ht_fold_count *entered = ht_fold_enter(&due);
    ht_ref site = ht_site_of(&c->regs, 0, HT_RATE_MAPPING, ht_labels_now());
    ht_fold_leave(entered);
    if (!site)
        ht_lose(t->lock_refused ? HT_LOSS_BUSY : HT_LOSS_FULL);
    return site;
}

/* Records what a call has done. Inside another hook, of which a signal handler or the allocator
 * makes the call, no site can be found: what is mapped is lost, but nothing is recorded any more
 * of what was there. */
static __attribute__((noinline)) void record(const struct call *c, struct ht_mapping_change *change)
{
    struct ht_tls *t = &ht_tls;
    const bool wanted = change->in_end && change->in_start != change->in_end && change->site &&
                        atomic_load_explicit(&ht_rate, memory_order_relaxed);
    if (!wanted && !atomic_load_explicit(&ht_mappings_any, memory_order_relaxed))
        return;
    const int saved = *ht_errno();
    t->reentrancy_depth++;
    if (ht_forked())
        ht_postfork_child();
    change->site = 0;
    if (ht_active()) {
        if (wanted && t->reentrancy_depth > 1)
            ht_lose(HT_LOSS_REENTRANT);
        else if (wanted)
            change->site = site_of(c);
        change->time = ht_seconds_since_start();
        change->born = ht_mappings_now();
        change->out_before = c->before;
        if (!ht_mappings_change(change))
            ht_lose(HT_LOSS_BUSY);
    }
    ht_guard_release();
    *ht_errno() = saved;
}

/* Huge pages round a length up to theirs; MAP_HUGE_SHIFT: what the flags say of their size. */
static uint64_t rounded(uint64_t n, int flags)
{
    const unsigned bits = (unsigned)flags >> 26 & 63;
    const uint64_t page = !(flags & MAP_HUGETLB) ? HT_PAGE_SIZE : 1ull << (bits ? bits : 21);
    return (n + page - 1) & ~(page - 1);
}

static inline __attribute__((always_inline)) void *map(mmap_fn next, void *address, size_t n,
                                                       int protection, int flags, int fd,
                                                       off_t offset, uint64_t pc, uint64_t sp,
                                                       uint64_t bp)
{
    struct call c;
    const bool look = begin(&c, pc, sp, bp);
    void *p = next(address, n, protection, flags, fd, offset);
    if (!look || p == MAP_FAILED)
        return p;
    /* A file's replaces what was there as well. */
    struct ht_mapping_change change = {.in_start = (uint64_t)p,
                                       .in_end = (uint64_t)p + rounded(n, flags),
                                       .site = (flags & MAP_ANONYMOUS) != 0};
    record(&c, &change);
    return p;
}

/* The names are given to the assembler: the header has mmap mean mmap64. */
#define MMAP(symbol)                                                                               \
    static __attribute__((noinline)) void *recorded_##symbol(                                      \
        void *address, size_t n, int protection, int flags, int fd, off_t offset)                  \
    {                                                                                              \
        return map(next_##symbol, address, n, protection, flags, fd, offset, HT_CALLER());         \
    }                                                                                              \
    EXPORT void *hook_##symbol(void *, size_t, int, int, int, off_t) __asm__(#symbol);             \
    void *hook_##symbol(void *address, size_t n, int protection, int flags, int fd, off_t offset)  \
    {                                                                                              \
        resolved((const void *)next_##symbol);                                                     \
        if (HT_LIKELY(!ht_mappings_on))                                                            \
            return next_##symbol(address, n, protection, flags, fd, offset);                       \
        return recorded_##symbol(address, n, protection, flags, fd, offset);                       \
    }
MMAP(mmap)
MMAP(mmap64)

static __attribute__((noinline)) int recorded_munmap(void *address, size_t n)
{
    struct call c;
    const bool look = begin(&c, HT_CALLER());
    const int r = next_munmap(address, n);
    if (look && !r) {
        struct ht_mapping_change change = {.out_start = (uint64_t)address,
                                           .out_end = (uint64_t)address + rounded(n, 0)};
        record(&c, &change);
    }
    return r;
}

EXPORT int munmap(void *address, size_t n)
{
    resolved((const void *)next_munmap);
    if (HT_LIKELY(!ht_mappings_on))
        return next_munmap(address, n);
    return recorded_munmap(address, n);
}

/* What is mapped anew belongs to this call, as a block does to realloc; if what it was made of is
 * recorded. An old size of 0 leaves that where it is, and so does MREMAP_DONTUNMAP. */
static __attribute__((noinline)) void *recorded_mremap(void *old, size_t old_size, size_t size,
                                                       int flags, void *to)
{
    struct call c;
    const bool look = begin(&c, HT_CALLER());
    void *p = next_mremap(old, old_size, size, flags, to);
    if (look && p != MAP_FAILED) {
        struct ht_mapping_change change = {.in_start = (uint64_t)p,
                                           .in_end = (uint64_t)p + rounded(size, 0),
                                           .known_at = (uint64_t)old,
                                           .site = 1};
        if (old_size && !(flags & MREMAP_DONTUNMAP)) {
            change.out_start = (uint64_t)old;
            change.out_end = (uint64_t)old + rounded(old_size, 0);
        }
        record(&c, &change);
    }
    return p;
}

/* Declared with an ellipsis. The fifth argument is there with MREMAP_FIXED alone; its register is
 * passed on in any case. */
EXPORT void *hook_mremap(void *, size_t, size_t, int, void *) __asm__("mremap");
void *hook_mremap(void *old, size_t old_size, size_t size, int flags, void *to)
{
    resolved((const void *)next_mremap);
    if (HT_LIKELY(!ht_mappings_on))
        return next_mremap(old, old_size, size, flags, to);
    return recorded_mremap(old, old_size, size, flags, to);
}

/* The end of the data segment was moved. */
static void moved(const struct call *c, uint64_t from, uint64_t to)
{
    struct ht_mapping_change change = {0};
    if (to == from)
        return;
    if (to > from) {
        change.in_start = from;
        change.in_end = to;
        change.site = 1;
    } else {
        change.out_start = to;
        change.out_end = from;
    }
    record(c, &change);
}

static __attribute__((noinline)) int recorded_brk(void *end)
{
    struct call c;
    const bool look = begin(&c, HT_CALLER());
    const uint64_t had = look ? (uint64_t)next_sbrk(0) : 0;
    const int r = next_brk(end);
    /* What cannot be had below the break is no error, and changes nothing. */
    if (look && !r)
        moved(&c, had, (uint64_t)next_sbrk(0));
    return r;
}

EXPORT int brk(void *end)
{
    resolved((const void *)next_brk);
    if (HT_LIKELY(!ht_mappings_on))
        return next_brk(end);
    return recorded_brk(end);
}

static __attribute__((noinline)) void *recorded_sbrk(intptr_t n)
{
    struct call c;
    const bool look = n && begin(&c, HT_CALLER());
    void *had = next_sbrk(n);
    if (look && had != (void *)-1)
        moved(&c, (uint64_t)had, (uint64_t)had + (uint64_t)n);
    return had;
}

EXPORT void *sbrk(intptr_t n)
{
    resolved((const void *)next_sbrk);
    if (HT_LIKELY(!ht_mappings_on))
        return next_sbrk(n);
    return recorded_sbrk(n);
}
