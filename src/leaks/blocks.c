/* SPDX-License-Identifier: MIT */
/* A block was freed meanwhile if its live record in the region is empty, or has another sequence
 * number by now. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/look.h"

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_block *)a)->addr,
             y = ((const struct ht_leak_block *)b)->addr;
    return x < y ? -1 : x > y;
}

/* The region's live blocks; mappings that the program made itself are left out. */
int ht_leak_collect(struct ht_leaks *l)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live live;
    size_t room = 0;
    l->exact = true;
    while ((record = ht_view_next(&l->region.view, &c))) {
        if (!ht_view_live(record, &live))
            continue;
        const struct ht_site *site = ht_view_record(&l->region.view, live.site, HT_KIND_SITE);
        if (!site || (site->flags & HT_SITE_MAPPING) || !live.addr ||
            live.size > HT_LEAK_ADDRESS >> 1 || live.addr > HT_LEAK_ADDRESS >> 1)
            continue;
        if (l->n == room) {
            room = room ? 2 * room : 1024;
            struct ht_leak_block *more = reallocarray(l->block, room, sizeof *more);
            if (!more)
                return -ENOMEM;
            l->block = more;
        }
        l->exact &= site->rate <= 1;
        l->block[l->n++] = (struct ht_leak_block){.addr = live.addr,
                                                  .size = live.size,
                                                  .record = c.ref,
                                                  .site = live.site,
                                                  .sequence = live.sequence,
                                                  .time = live.time};
    }
    if (l->n)
        qsort(l->block, l->n, sizeof *l->block, by_address);
    return l->n < UINT32_MAX ? 0 : -E2BIG;
}

int ht_leak_nodes_of_blocks(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    if (k->node != l->block)
        free(k->node);
    free(k->candidate);
    free(k->seen);
    free(k->gone);
    k->node = l->block;
    k->n = l->n;
    k->candidate = malloc(l->n + 1);
    k->seen = calloc(l->n + 1, 1);
    k->gone = calloc(l->n + 1, 1);
    if (!k->candidate || !k->seen || !k->gone)
        return -ENOMEM;
    memset(k->candidate, 1, l->n);
    return 0;
}

/* The node of a block; k->n: it has none, because the first pass reached it. */
static size_t node_of(const struct ht_leak_search *k, size_t block)
{
    return !k->of ? block : k->of[block] == UINT32_MAX ? k->n : k->of[block];
}

static bool is_gone(const struct ht_region *now, const struct ht_leak_block *b)
{
    const struct ht_live *record = ht_view_at(&now->view, b->record, sizeof *record);
    struct ht_live live;
    return !record || !ht_view_live(record, &live) || live.addr != b->addr ||
           live.sequence != b->sequence;
}

int ht_leak_find_gone(struct ht_leak_search *k, char *msg, size_t msg_size)
{
    struct ht_region now;
    struct ht_leaks *l = k->l;
    int err = ht_region_open_pid(&now, k->r->pid, msg, msg_size);
    if (err)
        return err;
    if (!now.alive || now.view.header->checksum != l->region.view.header->checksum ||
        now.view.header->start_mono_ns != l->region.view.header->start_mono_ns) {
        snprintf(msg, msg_size, "process %d ended, or became another program, meanwhile",
                 (int)k->r->pid);
        err = -ESRCH;
    }
    l->freed = 0;
    for (size_t i = 0; !err && i < l->n; i++) {
        size_t node = node_of(k, i);
        bool gone = is_gone(&now, &l->block[i]);
        l->freed += gone;
        l->block[i].gone = gone;
        if (gone && node < k->n)
            k->gone[node] = true;
    }
    /* A chunk that this pass did not meet was freed, or split or joined with others. */
    for (size_t i = 0; !err && k->met && i < k->n; i++) {
        k->gone[i] |= k->met[i] == HT_MET_NOT;
        k->confirmed[i] |= k->met[i] == HT_MET;
    }
    l->lost_frees = atomic_load(&now.view.header->losses[HT_LOSS_FREE]);
    ht_region_close(&now);
    return err;
}

/* What reached blocks lead to is reached. A block that is gone counts as reached too: its memory
 * may belong to a block in use by now. */
int ht_leak_reach(struct ht_leak_search *k)
{
    struct ht_leak_graph *g = &k->graph;
    for (size_t i = 0; i < g->n_edges; i++)
        if (k->gone[g->edge[i].from])
            k->seen[g->edge[i].to] = true;
    return ht_leak_graph_reach(g, k->seen, k->n);
}

size_t ht_leak_settle(struct ht_leak_search *k, size_t *found)
{
    size_t left = 0;
    *found = 0;
    for (size_t i = 0; i < k->n; i++) {
        *found += k->candidate[i] && k->seen[i] && !k->gone[i];
        k->candidate[i] = k->candidate[i] && !k->seen[i] && !k->gone[i];
        left += k->candidate[i] && k->node[i].record;
    }
    return left;
}

/* Adds up how many blocks, and bytes, each head leads to. */
static void add_held(struct ht_leak_search *k)
{
    for (size_t i = 0; i < k->n; i++) {
        const struct ht_leak_block *b = &k->node[i];
        if (b->grade != HT_LEAK_UNREACHABLE)
            continue;
        k->node[b->head].held++;
        k->node[b->head].held_bytes += b->size;
    }
}

/* Copies grades from the nodes to the blocks. Not every block has a node (it was reached), and not
 * every node has a block (it is no sample). */
static int take_grades(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    uint32_t *block_of = malloc((k->n + 1) * sizeof *block_of);
    if (!block_of)
        return -ENOMEM;
    memset(block_of, 0xff, (k->n + 1) * sizeof *block_of);
    for (size_t i = 0; i < l->n; i++)
        block_of[node_of(k, i)] = (uint32_t)i;
    for (size_t i = 0; i < l->n; i++) {
        size_t node = node_of(k, i);
        if (node == k->n)
            continue;
        struct ht_leak_block *b = &l->block[i];
        const struct ht_leak_block *from = &k->node[node];
        b->grade = from->grade;
        b->head = from->grade == HT_LEAK_NONE ? 0 : block_of[from->head];
        b->held = from->held;
        b->held_bytes = from->held_bytes;
    }
    free(block_of);
    return 0;
}

int ht_leak_grade(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    /* A chunk that only one pass has met may have been one that was changing at that moment. */
    for (size_t i = 0; k->walk && k->kind && i < k->n; i++)
        k->candidate[i] &= k->kind[i] == HT_NODE_LOOSE || k->confirmed[i];
    bool all_known = l->exact || k->walk;
    int err = all_known ? ht_leak_graph_heads(&k->graph, k->node, k->candidate, k->n) : 0;
    for (size_t i = 0; i < k->n && !err && !all_known; i++)
        if (k->candidate[i])
            k->node[i].grade = HT_LEAK_UNREFERENCED;
    if (!err && all_known)
        add_held(k);
    if (!err && k->walk)
        err = take_grades(k);
    for (size_t i = 0; i < l->n && !err; i++) {
        struct ht_leak_block *b = &l->block[i];
        if (b->grade == HT_LEAK_NONE && b->idle && !b->gone)
            b->grade = HT_LEAK_IDLE;
        l->n_of[b->grade]++;
    }
    l->n_of[HT_LEAK_NONE] -= l->freed < l->n_of[HT_LEAK_NONE] ? l->freed : l->n_of[HT_LEAK_NONE];
    uint64_t start = l->region.view.header->start_mono_ns, now = ht_leak_now_ns();
    l->now_s = now > start ? (now - start) / 1000000000u : 0;
    return err;
}
