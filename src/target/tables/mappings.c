/* SPDX-License-Identifier: MIT */
/*
 * A skip list by address, which only the holder of `busy` uses, and a bounded lock-free queue in
 * front of it (many producers; a number in each slot says whose turn it is). A slot is released
 * only when its change is completely done: a child that is forked before that does the change
 * again, and repeating a change has no further effect.
 */
#include "config.h"

#include "target/tables/mappings.h"

#include <string.h>
#include <time.h>

#include "region/yield_point.h"
#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/state/lock.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

#define LEVELS (sizeof(((struct ht_mapped *)0)->next) / sizeof(uint32_t))
#define NODES  (65536u / (uint32_t)sizeof(struct ht_mapped))
#define CHUNKS 1024u /* Linux has 65,530 mappings a process unless it is told otherwise */

static struct ht_mapped *chunks[CHUNKS]; /* guarded by busy */
static uint32_t made, free_nodes;        /* guarded by busy; node + 1 */
static uint32_t first[LEVELS];           /* guarded by busy */
static bool counting = true;             /* false while a child does what was its parent's */
static _Atomic uint64_t busy;            /* the thread, by its ht_tls; 0: nobody */
static _Atomic uint64_t now;
_Atomic uint32_t ht_mappings_any;

#define SLOTS   256u
#define RESERVE 128u /* of them for signal handlers, which cannot wait for what they interrupted */
static struct slot {
    _Atomic uint64_t turn; /* its number in the queue: free; one more: filled, release */
    struct ht_mapping_change change;
} * slots; /* release, by CAS */
static _Alignas(64) _Atomic uint64_t tail;
static _Atomic uint64_t given_up = UINT64_MAX; /* tail, when a thread waited in vain; relaxed */
static _Alignas(64) uint64_t head;             /* guarded by busy */

uint64_t ht_mappings_now(void)
{
    return atomic_fetch_add(&now, 1) + 1;
}

static bool take(void)
{
    uint64_t nobody = 0;
    return atomic_compare_exchange_strong(&busy, &nobody, (uint64_t)&ht_tls);
}

static struct ht_mapped *at(uint32_t node)
{
    return &chunks[(node - 1) / NODES][(node - 1) % NODES];
}

static bool chunk_ready(uint32_t c)
{
    if (c >= CHUNKS)
        return false;
    if (!chunks[c] && !ht_sandboxed)
        chunks[c] = ht_sys_anonymous(NODES * sizeof(struct ht_mapped));
    return chunks[c];
}

static uint32_t node_new(void)
{
    uint32_t node = free_nodes;
    if (node) {
        free_nodes = at(node)->free;
        return node;
    }
    return chunk_ready(made / NODES) ? ++made : 0;
}

static uint32_t *link_of(uint32_t node, unsigned level)
{
    return node ? &at(node)->next[level] : &first[level];
}

/* The last node of each level that starts before an address; 0: none. */
struct place {
    uint32_t before[LEVELS];
};

static void find(uint64_t address, struct place *p)
{
    uint32_t node = 0;
    for (unsigned level = LEVELS; level-- > 0;) {
        uint32_t next;
        while ((next = *link_of(node, level)) && at(next)->start < address)
            node = next;
        p->before[level] = node;
    }
}

static unsigned levels_of(uint32_t node)
{
    uint64_t random = ht_mix(node);
    unsigned n = 1;
    for (; n < LEVELS && !(random & 7); random >>= 3)
        n++;
    return n;
}

static void link_node(uint32_t node, const struct place *p)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        uint32_t *link = link_of(p->before[level], level);
        at(node)->next[level] = level < levels_of(node) ? *link : 0;
        if (level < levels_of(node))
            *link = node;
    }
}

static void unlink_node(uint32_t node, const struct place *p)
{
    for (unsigned level = 0; level < levels_of(node); level++)
        *link_of(p->before[level], level) = at(node)->next[level];
}

static void publish(struct ht_mapped *m)
{
    if (!counting)
        return;
    if (!m->region_record)
        m->region_record = ht_record_new(HT_KIND_MAPPING);
    if (m->region_record)
        ht_region_record_publish(m->region_record, m->start, m->end - m->start, m->site, m->time);
}

/* Bytes first: a reader that sees an object sees its bytes. */
static void count(ht_ref site, uint64_t objects, uint64_t bytes, bool alloc)
{
    if (!counting)
        return;
    struct ht_counts *to[2] = {&((struct ht_site *)ht_at(site))->own, &ht_state->header->mappings};
    for (unsigned i = 0; i < 2; i++) {
        _Atomic uint64_t *n = &to[i]->alloc_objects + (alloc ? 0 : 2);
        ht_count(&n[1], bytes);
        ht_count(&n[0], objects);
    }
}

static void add(uint64_t start, uint64_t end, const struct ht_mapping_change *c)
{
    struct place p;
    uint32_t node = node_new();
    if (!node) {
        ht_lose(HT_LOSS_FULL);
        return;
    }
    struct ht_mapped *m = at(node);
    m->start = start;
    m->born = c->born;
    m->site = c->site;
    m->time = c->time;
    HT_YIELD_POINT(MAPPINGS);
    m->end = end;
    find(start, &p);
    link_node(node, &p);
    count(m->site, 1, end - start, true);
    publish(m);
}

/* Makes a hole in the middle: the part behind it becomes a mapping of its own. */
static void split(struct ht_mapped *m, uint64_t start, uint64_t end)
{
    struct ht_mapping_change rest = {.born = m->born, .site = m->site, .time = m->time};
    const uint64_t old = m->end;
    add(end, old, &rest); /* first, so that a child forked in between loses nothing (rebuild) */
    HT_YIELD_POINT(MAPPINGS);
    m->end = start;
    count(m->site, 0, old - start, false);
    publish(m);
}

static void forget(uint32_t node, const struct place *p)
{
    struct ht_mapped *m = at(node);
    unlink_node(node, p);
    count(m->site, 1, m->end - m->start, false);
    if (counting)
        ht_region_record_clear(m->region_record);
    HT_YIELD_POINT(MAPPINGS);
    m->end = 0;
    m->free = free_nodes;
    free_nodes = node;
}

/* Takes the part in [start, end) out of the mapping; *p is the place of start. */
static void cut(uint32_t node, struct place *p, uint64_t start, uint64_t end)
{
    struct ht_mapped *m = at(node);
    if (start <= m->start && m->end <= end) {
        forget(node, p);
        return;
    }
    if (m->start < start && end < m->end) {
        split(m, start, end);
        return;
    }
    const uint64_t from = m->start < start ? start : m->start, to = m->end < end ? m->end : end;
    if (m->start < start)
        m->end = start;
    else
        m->start = end;
    count(m->site, 0, to - from, false);
    publish(m);
}

static void take_out(uint64_t start, uint64_t end, uint64_t before)
{
    struct place p;
    find(start, &p);
    uint32_t node = p.before[0];
    if (node && at(node)->end > start && at(node)->born < before)
        cut(node, &p, start, end);
    while ((node = *link_of(p.before[0], 0)) && at(node)->start < end) {
        if (at(node)->born >= before) {
            for (unsigned level = 0; level < levels_of(node); level++)
                p.before[level] = node;
            continue;
        }
        cut(node, &p, start, end);
    }
}

/* The mapping that contains the address, or 0. */
static uint32_t holding(uint64_t address)
{
    struct place p;
    find(address + 1, &p);
    return p.before[0] && at(p.before[0])->end > address ? p.before[0] : 0;
}

/* Puts a mapping in, around parts that are younger: another thread may have mapped over it already.
 */
static void put_in(const struct ht_mapping_change *c)
{
    struct place p;
    take_out(c->in_start, c->in_end, c->born);
    for (uint64_t start = c->in_start, end; c->site && start < c->in_end; start = end) {
        uint32_t node = holding(start);
        if (node) {
            end = at(node)->end;
            continue;
        }
        find(start, &p);
        node = *link_of(p.before[0], 0);
        end = node && at(node)->start < c->in_end ? at(node)->start : c->in_end;
        add(start, end, c);
    }
}

/* Does a change. Repeating it has no further effect, even if it was done in part. The answer about
 * known_at is therefore stored in the change: that address may be taken out before all is put in.
 */
static void apply(struct ht_mapping_change *c)
{
    if (c->known_at && !holding(c->known_at))
        c->site = 0;
    atomic_signal_fence(memory_order_seq_cst);
    c->known_at = 0;
    if (c->in_end)
        put_in(c);
    if (c->out_end)
        take_out(c->out_start, c->out_end, c->out_before);
}

static bool filled(const struct slot *s, uint64_t turn)
{
    return atomic_load(&s->turn) == turn + 1;
}

/* Does all changes in the queue. If another thread has the table, it does them. */
static void drain(void)
{
    struct slot *queue = __atomic_load_n(&slots, __ATOMIC_ACQUIRE);
    do {
        if (!take())
            return;
        for (struct slot *s; filled(s = &queue[head % SLOTS], head);) {
            HT_YIELD_POINT(MAPPINGS);
            apply(&s->change);
            head++;
            atomic_store_explicit(&s->turn, head - 1 + SLOTS, memory_order_release);
        }
        const uint64_t next = head;
        HT_YIELD_POINT(MAPPINGS);
        atomic_exchange(&busy, 0);
        /* A thread that filled a slot meanwhile found the table taken, and has left its change. */
        if (!filled(&queue[next % SLOTS], next))
            return;
    } while (true);
}

static bool push(struct slot *queue, const struct ht_mapping_change *c)
{
    uint64_t turn = atomic_load_explicit(&tail, memory_order_relaxed);
    for (;;) {
        const uint64_t last = turn + (ht_tls.reentrancy_depth > 1 ? 0 : RESERVE);
        if ((int64_t)(atomic_load_explicit(&queue[last % SLOTS].turn, memory_order_acquire) -
                      last) < 0)
            return false;
        struct slot *s = &queue[turn % SLOTS];
        uint64_t seen = atomic_load_explicit(&s->turn, memory_order_acquire);
        if ((int64_t)(seen - turn) < 0)
            return false;
        if (seen != turn) {
            turn = atomic_load_explicit(&tail, memory_order_relaxed);
            continue;
        }
        HT_YIELD_POINT(MAPPINGS);
        if (atomic_compare_exchange_weak_explicit(&tail, &turn, turn + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            s->change = *c;
            HT_YIELD_POINT(MAPPINGS);
            atomic_store(&s->turn, turn + 1);
            return true;
        }
    }
}

void ht_mappings_memory(struct ht_private_array out[2])
{
    out[0] = (struct ht_private_array){(uint64_t)chunks, CHUNKS, NODES * sizeof(struct ht_mapped)};
    out[1] = (struct ht_private_array){(uint64_t)&slots, 1, SLOTS * sizeof *slots};
}

static struct slot *queue_ready(void)
{
    struct slot *had = __atomic_load_n(&slots, __ATOMIC_ACQUIRE), *fresh;
    if (had || ht_sandboxed || !(fresh = ht_sys_anonymous(SLOTS * sizeof *fresh)))
        return had;
    for (uint64_t i = 0; i < SLOTS; i++)
        atomic_store_explicit(&fresh[i].turn, i, memory_order_relaxed);
    if (__atomic_compare_exchange_n(&slots, &had, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    SYS2(SYS_munmap, fresh, SLOTS * sizeof *fresh);
    return had;
}

/* The queue is full: the thread that has the table was preempted, or it is this thread, interrupted
 * by the signal handler that calls. Or it has left a hook by longjmp, or was cancelled in it, and
 * will never go on: until something moves nobody waits a second time. `tries`: how often the queue
 * was found full. False: give up; after 100 yields and 1,250 sleeps of 0.2 ms, or where waiting
 * cannot help. */
static bool wait_for_room(unsigned tries)
{
    const uint64_t full_at = atomic_load_explicit(&tail, memory_order_relaxed);
    drain();
    if (tries && (ht_sandboxed || atomic_load(&busy) == (uint64_t)&ht_tls ||
                  atomic_load_explicit(&given_up, memory_order_relaxed) == full_at ||
                  (tries >= 100 && ht_tls.reentrancy_depth > 1)))
        return false;
    if (tries == 1350)
        atomic_store_explicit(&given_up, full_at, memory_order_relaxed);
    else if (tries >= 100)
        SYS2(SYS_nanosleep, &((const struct timespec){0, 200000}), NULL);
    else if (tries)
        SYS0(SYS_sched_yield);
    return tries < 1350;
}

bool ht_mappings_change(const struct ht_mapping_change *c)
{
    struct slot *queue = queue_ready();
    ht_rank_check_none();
    if (!queue)
        return false;
    if (c->site && !atomic_load_explicit(&ht_mappings_any, memory_order_relaxed))
        atomic_store_explicit(&ht_mappings_any, 1, memory_order_relaxed);
    for (unsigned tries = 0; !push(queue, c); tries++)
        if (!wait_for_room(tries))
            return false;
    drain();
    return true;
}

void ht_mappings_prepare(void)
{
    queue_ready();
    if (!take())
        return;
    for (uint32_t i = 0; i < 4; i++)
        chunk_ready(made / NODES + i);
    atomic_exchange(&busy, 0);
    if (slots)
        drain();
}

/* Makes the skip list and the free list anew from the nodes. */
static void rebuild(void)
{
    uint32_t used = 0;
    memset(first, 0, sizeof first);
    free_nodes = 0;
    while (made && !chunks[(made - 1) / NODES])
        made--;
    for (uint32_t node = 1; node <= made; node++) {
        struct ht_mapped *m = at(node);
        struct place p;
        m->region_record = 0;
        if (m->end > m->start) {
            find(m->start, &p);
            link_node(node, &p);
            used++;
            continue;
        }
        m->end = 0;
        m->free = free_nodes;
        free_nodes = node;
    }
    /* Where two overlap, the fork came before a split had shortened the first. */
    for (uint32_t node = first[0], next; node && (next = at(node)->next[0]); node = next)
        if (at(node)->end > at(next)->start)
            at(node)->end = at(next)->start;
    atomic_store_explicit(&ht_mappings_any, used != 0, memory_order_relaxed);
}

void ht_mappings_adopt(void)
{
    uint64_t end = atomic_load(&tail);
    atomic_store(&busy, 0);
    rebuild();
    if (!slots)
        return;
    counting = false;
    for (; head != end; head++)
        if (filled(&slots[head % SLOTS], head)) /* else its thread lives in the parent only */
            apply(&slots[head % SLOTS].change);
    counting = true;
    head = 0;
    atomic_store(&tail, 0);
    atomic_store_explicit(&given_up, UINT64_MAX, memory_order_relaxed);
    for (uint64_t i = 0; i < SLOTS; i++)
        atomic_store(&slots[i].turn, i);
}

void ht_mappings_each(void (*fn)(struct ht_mapped *m, void *ctx), void *ctx)
{
    struct place p;
    for (uint32_t node = 1; node <= made; node++) {
        struct ht_mapped *m = at(node);
        if (!m->end)
            continue;
        fn(m, ctx);
        if (m->site)
            continue;
        counting = false;
        find(m->start, &p);
        forget(node, &p);
        counting = true;
    }
}

void ht_mappings_publish(struct ht_mapped *m)
{
    count(m->site, 1, m->end - m->start, true);
    publish(m);
}
