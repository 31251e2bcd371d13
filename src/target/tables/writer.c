/* SPDX-License-Identifier: MIT */
/*
 * Chunks are appended to the region and never moved. Within a kind, records are allocated by one
 * CAS on a cursor. Frames are a trie whose links are set by CAS: a thread that loses the race looks
 * at the record that won, and uses it when it is the same.
 */
#include "config.h"

#include "target/tables/writer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "region/yield_point.h"
#include "target/os/fault.h"
#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/state/lock.h"
#include "target/state/state.h"

static uint64_t chunk_offset(uint32_t i)
{
    return HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE;
}

_Atomic uint64_t ht_region_mapped;

/*
 * Extends the mapping of the region in place. Address space is mapped only as it is used, because
 * it counts towards RLIMIT_AS, and towards RLIMIT_MEMLOCK once memory is locked. mremap needs no
 * descriptor of the file; the pages it adds are like the page before them: of the file, or private.
 * `grow` held.
 */
static bool commit_up_to(struct ht_state *s, uint64_t end)
{
    const uint64_t page = HT_PAGE_SIZE, least = 4 * HT_CHUNK_SIZE, most = 256 * HT_CHUNK_SIZE;
    if (end <= s->mapped)
        return true;
    if (ht_sandboxed || end > s->limit)
        return false;
    uint64_t step = s->mapped / 8 / HT_CHUNK_SIZE * HT_CHUNK_SIZE;
    uint64_t more = s->mapped + (step < least ? least : step > most ? most : step);
    if (more > s->limit)
        more = s->limit;
    if (more < end)
        more = end;
    /* When a limit is nearly reached: only as much as is needed. */
    for (;; more = end) {
        if (!SYS_FAILED(
                SYS4(SYS_mremap, s->base + s->mapped - page, page, page + more - s->mapped, 0)))
            break;
        if (more == end)
            return false;
    }
    s->mapped = more;
    atomic_store_explicit(&ht_region_mapped, more, memory_order_relaxed);
    return true;
}

/* The region continues in private memory from `at` on, which is mapped. `grow` held. */
static bool fall_back_to_anonymous(struct ht_state *s, uint64_t at)
{
    long r = SYS6(SYS_mmap, s->base + at, s->mapped - at, PROT_READ | PROT_WRITE,
                  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (SYS_FAILED(r))
        return false;
    SYS3(SYS_madvise, s->base + at, s->mapped - at, MADV_DONTDUMP);
    atomic_store_explicit(&s->header->private_from, at, memory_order_release);
    return true;
}

/* Makes fresh pages present, or fails where a write to them would be a SIGBUS. */
static bool populate(uint64_t at, uint64_t size)
{
    long r = SYS3(SYS_madvise, at, size, MADV_POPULATE_WRITE);
    if (r != -EINVAL)
        return !SYS_FAILED(r);
    /* Linux before 5.14 lacks that advice. */
    for (uint64_t page = at; page < at + size; page += HT_PAGE_SIZE)
        if (!ht_page_make_present(page))
            return false;
    return true;
}

static struct ht_chunk *chunk_at(struct ht_state *s, uint32_t i)
{
    return (struct ht_chunk *)(s->base + chunk_offset(i));
}

/*
 * Makes a chunk's first pages present before anything is written to them: a write into a full tmpfs
 * would raise SIGBUS (tests/hazards/h29). When the file system has no room left, the rest of the
 * region continues in private memory, which a reader of the living process still reaches.
 * Allocators themselves call madvise, mremap and mmap; in a sandbox not even those are called.
 * `grow` held.
 */
static bool reserve_chunk(struct ht_state *s, uint32_t i, uint32_t present)
{
    uint64_t at = chunk_offset(i);
    if (!commit_up_to(s, at + HT_CHUNK_SIZE))
        return false;
    uint64_t private = atomic_load_explicit(&s->header->private_from, memory_order_relaxed);
    if (ht_sandboxed || (private && at >= private))
        present = HT_CHUNK_SIZE; /* it is, or is faulted in as any heap page is */
    else if (!populate((uint64_t)s->base + at, present)) {
        if (!fall_back_to_anonymous(s, at))
            return false;
        present = HT_CHUNK_SIZE;
    }
    atomic_store_explicit(&chunk_at(s, i)->present, present, memory_order_relaxed);
    return true;
}

/* A kind's first chunk is made present by and by, for most processes use little of it; of those
 * that need a second one the chunks are present at once. */
#define FIRST_PRESENT (2 * HT_PAGE_SIZE)

/* Makes more of a chunk present: to `end`, and twice as much as is. False: no room for it. */
static bool extend_chunk(uint32_t i, uint32_t end)
{
    struct ht_state *s = ht_state;
    struct ht_chunk *c = chunk_at(s, i);
    if (!ht_lock(&s->grow, HT_RANK_GROW))
        return false;
    uint32_t had = ht_chunk_present(c), now = had;
    while (now < end)
        now *= 2;
    bool ok = now == had ||
              (!ht_sandboxed && populate((uint64_t)s->base + chunk_offset(i) + had, now - had));
    if (ok) {
        HT_YIELD_POINT(CHUNK);
        atomic_store_explicit(&c->present, now, memory_order_release);
    }
    ht_unlock(&s->grow, HT_RANK_GROW);
    return ok;
}

/* A new chunk of a kind becomes the kind's current one. `grow` is held by trying. */
static bool new_chunk(enum ht_chunk_kind kind, uint64_t seen)
{
    struct ht_state *s = ht_state;
    if (HT_FAULT("chunk") || !ht_lock(&s->grow, HT_RANK_GROW))
        return false;
    bool ok = true;
    if (atomic_load_explicit(&s->cursors[kind], memory_order_acquire) == seen) {
        uint32_t i = atomic_load_explicit(&s->header->n_chunks, memory_order_relaxed);
        ok = reserve_chunk(s, i, seen ? HT_CHUNK_SIZE : FIRST_PRESENT);
        if (ok) {
            struct ht_chunk *c = chunk_at(s, i);
            c->magic = HT_CHUNK_MAGIC;
            HT_YIELD_POINT(CHUNK);
            atomic_store_explicit(&c->kind, kind, memory_order_release);
            HT_YIELD_POINT(CHUNK);
            atomic_store_explicit(&s->header->n_chunks, i + 1, memory_order_release);
            HT_YIELD_POINT(CHUNK);
            atomic_store_explicit(&s->cursors[kind], (uint64_t)(i + 1) << 32, memory_order_release);
        }
    }
    ht_unlock(&s->grow, HT_RANK_GROW);
    return ok;
}

/* Bytes that a sandboxed process may write without a system call, beyond the pages that are
 * present. */
#define SANDBOX_BYTES (8ull << 20)

void ht_region_detach(void)
{
    struct ht_state *s = ht_state;
    for (int kind = HT_KIND_MODULE; kind < HT_KIND_COUNT; kind++) {
        uint64_t v = atomic_load_explicit(&s->cursors[kind], memory_order_acquire);
        if (!v && new_chunk(kind, 0))
            v = atomic_load_explicit(&s->cursors[kind], memory_order_acquire);
        if (v) /* else its next record is in another chunk */
            extend_chunk((uint32_t)(v >> 32) - 1, HT_CHUNK_SIZE);
    }
    if (!ht_lock(&s->grow, HT_RANK_GROW))
        return;
    uint32_t n = atomic_load_explicit(&s->header->n_chunks, memory_order_relaxed), i = n;
    while (i < n + 16 && !atomic_load(&s->header->private_from) &&
           reserve_chunk(s, i, HT_CHUNK_SIZE))
        i++;
    if (!atomic_load(&s->header->private_from) && commit_up_to(s, chunk_offset(i + 1)))
        fall_back_to_anonymous(s, chunk_offset(i));
    uint64_t end = chunk_offset(i) + SANDBOX_BYTES;
    commit_up_to(s, end < s->limit ? end : s->limit);
    ht_unlock(&s->grow, HT_RANK_GROW);
}

/* Bumps a kind's cursor by n units of `unit` bytes, from where a multiple of `align` units lies
 * behind the chunk's beginning. */
static ht_ref bump(enum ht_chunk_kind kind, uint32_t n, uint32_t unit, uint32_t align)
{
    struct ht_state *s = ht_state;
    const uint32_t head = (uint32_t)sizeof(struct ht_chunk);
    uint32_t capacity = (HT_CHUNK_SIZE - head) / unit;
    for (;;) {
        uint64_t v = atomic_load_explicit(&s->cursors[kind], memory_order_acquire);
        /* A full chunk's cursor differs from any earlier one: `seen` in new_chunk has no ABA. */
        uint32_t skip = align - 1 - ((uint32_t)v + head / unit + align - 1) % align;
        uint32_t used = (uint32_t)v + skip;
        if (!v || used + n > capacity) {
            if (!new_chunk(kind, v))
                return 0;
            continue;
        }
        const uint32_t chunk = (uint32_t)(v >> 32) - 1, end = head + (used + n) * unit;
        if (HT_UNLIKELY(end > ht_chunk_present(chunk_at(s, chunk))) && !extend_chunk(chunk, end)) {
            if (!new_chunk(kind, v))
                return 0;
            continue;
        }
        HT_YIELD_POINT(CURSOR);
        if (atomic_compare_exchange_weak_explicit(&s->cursors[kind], &v, v + skip + n,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return (ht_ref)((chunk_offset((uint32_t)(v >> 32) - 1) + sizeof(struct ht_chunk) +
                             (uint64_t)used * unit) /
                            8);
    }
}

ht_ref ht_record_new(enum ht_chunk_kind kind)
{
    return bump(kind, 1, ht_kind_size(kind), 1);
}

ht_ref ht_page_new(enum ht_chunk_kind kind)
{
    uint32_t n = HT_PAGE_SIZE / ht_kind_size(kind);
    return bump(kind, n, ht_kind_size(kind), n);
}

ht_ref ht_data_new(size_t n)
{
    return bump(HT_KIND_DATA, (uint32_t)((n + 7) / 8), 8, 1);
}

ht_ref ht_frame_intern(uint64_t pc, ht_ref module, uint64_t (*recipe)(uint64_t pc, ht_ref module))
{
    uint64_t h = ht_mix(pc ^ ((uint64_t)module << 32));
    _Atomic ht_ref *link = &ht_state->frame_roots[h & ((1u << HT_ROOT_BITS) - 1)];
    ht_ref mine = 0;
    for (h >>= HT_ROOT_BITS;; h = (h >> 2) | (h << 62)) {
        ht_ref at = atomic_load_explicit(link, memory_order_acquire);
        if (!at) {
            if (!mine) {
                mine = ht_record_new(HT_KIND_FRAME);
                if (!mine)
                    return 0;
                struct ht_frame *f = ht_at(mine);
                f->pc = pc;
                f->module = module;
                HT_YIELD_POINT(FRAME);
                f->recipe = recipe(pc, module);
            }
            HT_YIELD_POINT(FRAME);
            /* Committed before it is linked; a lost race leaves a frame that no stack names. */
            atomic_store_explicit(&((struct ht_frame *)ht_at(mine))->commit, HT_COMMITTED,
                                  memory_order_release);
            HT_YIELD_POINT(FRAME);
            if (atomic_compare_exchange_strong_explicit(link, &at, mine, memory_order_acq_rel,
                                                        memory_order_acquire))
                return mine;
        }
        struct ht_frame *f = ht_at(at);
        if (f->pc == pc && f->module == module)
            return at;
        link = &f->child[h & 3];
    }
}

void ht_own_view(struct ht_view *v)
{
    struct ht_state *s = ht_state;
    v->base = s->base;
    v->header = s->header;
    v->incomplete = false;
    v->fold_version = atomic_load_explicit(&s->header->fold_version, memory_order_acquire);
    v->n_chunks = atomic_load_explicit(&s->header->n_chunks, memory_order_acquire);
    v->source = NULL;
    v->size = HT_HEADER_SIZE + (uint64_t)v->n_chunks * HT_CHUNK_SIZE;
}
