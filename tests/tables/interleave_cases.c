/* SPDX-License-Identifier: MIT */
/* The cases: each is the smallest meeting of threads at which its table could go wrong. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "interleave.h"
#include "target/stack/walk_cache.h"
#include "target/tables/label_sets.h"
#include "target/tables/live.h"

static void nothing(void)
{
}

static unsigned count(uint32_t kind)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = kind};
    unsigned n = 0;
    ht_own_view(&v);
    while (ht_view_next(&v, &c))
        n++;
    return n;
}

/* Frames: two threads make the same one, a third another under the same root. */

static ht_ref made[3];
static uint64_t pcs[2];

static uint64_t recipe_of(uint64_t pc, ht_ref module)
{
    return pc * 3 + module;
}

static void begin_frames(void)
{
    memset(made, 0, sizeof made);
    for (uint64_t pc = 1; !pcs[1]; pc++)
        if ((ht_mix(pc) & ((1u << HT_ROOT_BITS) - 1)) == 0)
            pcs[pcs[0] != 0] = pc;
}

static void make_frame(unsigned t)
{
    made[t] = ht_frame_intern(pcs[t == 2], 0, recipe_of);
    CHECK(((struct ht_frame *)ht_at(made[t]))->recipe == pcs[t == 2] * 3,
          "a frame has the recipe of its address");
}

static void frames_are_whole(void)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_FRAME};
    const struct ht_frame *f;
    ht_own_view(&v);
    while ((f = ht_view_next(&v, &c)))
        CHECK((f->pc == pcs[0] || f->pc == pcs[1]) && f->recipe == f->pc * 3,
              "a frame that is seen is whole");
}

static unsigned frames_below(ht_ref ref, uint64_t pc)
{
    const struct ht_frame *f = ht_at(ref);
    unsigned n = ref && f->pc == pc;
    for (int i = 0; ref && i < 4; i++)
        n += frames_below(f->child[i], pc);
    return n;
}

static void frames_are_once(void)
{
    CHECK(made[0] && made[0] == made[1] && made[2] && made[2] != made[0],
          "one address has one frame, another has another");
    CHECK(frames_below(ht_state->frame_roots[0], pcs[0]) == 1 &&
              frames_below(ht_state->frame_roots[0], pcs[1]) == 1,
          "each frame is in the tree once");
}

/* Stacks: the same with two threads, and then a third that has the stack already in hand. */

static void make_stack(unsigned t)
{
    ht_ref frames[2] = {5, 6};
    made[t] = ht_stack_intern(frames, 2, 0, 0);
    CHECK(made[t] && made[t] == ht_stack_intern(frames, 2, 0, 0),
          "a stack that was interned is found again");
}

static void stacks_are_whole(void)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_STACK};
    const struct ht_stack *s;
    ht_own_view(&v);
    while ((s = ht_view_next(&v, &c))) {
        uint32_t n = 0;
        const ht_ref *frames = ht_view_frames(&v, s, &n);
        CHECK(n == 2 && frames && frames[0] == 5 && frames[1] == 6,
              "a stack that is seen has its frames");
    }
}

static void stacks_are_once(void)
{
    CHECK(made[0] && made[0] == made[1], "one stack has one record");
}

/* Sites: two threads make that of one size, a third that of another. */

static ht_ref one_stack;

static void begin_sites(void)
{
    ht_ref frames[2] = {5, 6};
    one_stack = ht_stack_intern(frames, 2, 0, 0);
}

static void make_site(unsigned t)
{
    made[t] = ht_site_intern(one_stack, 10 + t / 2, 7, 0);
}

static void sites_are_whole(void)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    ht_own_view(&v);
    while ((s = ht_view_next(&v, &c)))
        CHECK(s->stack == one_stack && s->rate == 7 && (s->size_low == 10 || s->size_low == 11),
              "a site that is seen is whole");
}

static void sites_are_once(void)
{
    unsigned n = 0;
    for (ht_ref at = ((struct ht_stack *)ht_at(one_stack))->sites; at && n < 9; n++)
        at = ((struct ht_site *)ht_at(at))->next;
    CHECK(made[0] && made[0] == made[1] && made[2] && made[2] != made[0] && n == 2,
          "one size range has one site, another has another");
}

/* Chunks: three threads want a record, and there is room for one. */

static void begin_chunks(void)
{
    ht_state->cursors[HT_KIND_SITE] += ht_kind_capacity(HT_KIND_SITE) - 1;
}

static void take_record(unsigned t)
{
    made[t] = ht_record_new(HT_KIND_SITE);
}

static void chunks_have_kinds(void)
{
    struct ht_view v;
    ht_own_view(&v);
    for (uint32_t i = 0; i < v.n_chunks; i++)
        CHECK(((const struct ht_chunk *)(v.base + HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE))
                  ->kind,
              "every chunk that is counted has its kind");
}

static void records_are_apart(void)
{
    CHECK(made[0] && made[1] && made[2], "there is room for each record");
    CHECK(made[0] != made[1] && made[1] != made[2] && made[0] != made[2],
          "no two records are the same");
    CHECK(ht_state->header->n_chunks == HT_KIND_COUNT, "each kind has one chunk");
}

/* Nodes: one thread pops while another pops two and puts the first back (ABA). */

static uint32_t nodes[3][2];

static void begin_nodes(void)
{
    uint32_t some[4];
    memset(nodes, 0, sizeof nodes);
    for (int i = 0; i < 4; i++)
        some[i] = ht_live_reserve();
    for (int i = 0; i < 4; i++)
        ht_live_unreserve(some[i]);
}

static void take_nodes(unsigned t)
{
    ht_tls.thread_slot = 0;
    nodes[t][0] = ht_live_reserve();
    if (t == 0)
        return;
    nodes[t][1] = ht_live_reserve();
    ht_live_unreserve(nodes[t][0]);
    nodes[t][0] = 0;
}

static void nodes_are_apart(void)
{
    uint32_t all[2 + 4] = {nodes[0][0], nodes[1][1]};
    for (int i = 2; i < 6; i++)
        all[i] = ht_live_reserve();
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++)
            CHECK(all[i] && all[i] != all[k], "no two nodes are the same");
    for (int i = 0; i < 6; i++)
        ht_live_unreserve(all[i]);
}

/* The live table: an address is given up and comes again, another of its shard comes, a reader looks. */

static char *const P = (char *)(5ull << 40), *const Q = (char *)(5ull << 40) + 16;
static struct ht_live *record;

/* Each thread has nodes with records, so that one order takes the steps that the next one does. */
static void begin_lists(void)
{
    struct ht_record r;
    for (unsigned t = 0; t < 3; t++) {
        char *there = (char *)((6ull << 40) + (t << 24)); /* a shard for each */
        ht_tls.thread_slot = t;
        CHECK(ht_live_insert(0, there, 9, 109, 209, &r) && !ht_live_take(there, &r),
              "a block is inserted and taken out");
    }
    ht_tls.thread_slot = 0;
}

static void begin_live(void)
{
    struct ht_record r;
    begin_lists();
    memset((void *)ht_live_filter, 0, sizeof ht_live_filter);
    CHECK(ht_live_insert(0, P, 1, 101, 201, &r) && !r.found, "a block is inserted where none was");
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    ht_own_view(&v);
    CHECK(record = (struct ht_live *)ht_view_next(&v, &c), "a live record is seen");
}

static void use_live(unsigned t)
{
    struct ht_record r;
    struct ht_live copy;
    if (t == 0) {
        CHECK(!ht_live_take(P, &r) && r.size == 1 && r.site == 101,
              "the block that is taken out is the one inserted");
        CHECK(ht_live_insert(0, P, 2, 102, 202, &r) && !r.found,
              "the address is inserted once more");
    } else if (t == 1) {
        CHECK(ht_live_insert(0, Q, 3, 103, 203, &r) && !r.found,
              "another block is inserted where none was");
        CHECK(!ht_live_take(Q, &r) && r.size == 3 && r.site == 103,
              "the other block is taken out as it was inserted");
    } else if (ht_view_live(record, &copy)) {
        CHECK(copy.site == 100 + copy.size && copy.time == 200 + copy.size,
              "a copy of a record is not torn");
        CHECK(copy.addr == (uint64_t)(copy.size == 3 ? Q : P),
              "a copy of a record has its own address");
    }
}

static void live_is_one(void)
{
    struct ht_record r;
    unsigned n = 0;
    CHECK(count(HT_KIND_LIVE) == 1 && ht_live_maybe(P), "one block is live, and passes the filter");
    CHECK(!ht_live_take(P, &r) && r.size == 2 && r.site == 102 && r.time == 202,
          "the live block is the last one inserted");
    CHECK(count(HT_KIND_LIVE) == 0, "nothing is live at the end");
    for (unsigned i = 0; i < sizeof ht_live_filter; i++)
        n += ht_live_filter[i];
    CHECK(n == 0, "the filter is empty at the end");
}

/* Remembered frees: of an object, and of nothing; both addresses come again, while another drains. */

static unsigned gone;

static void note_gone(void *p, const struct ht_record *r)
{
    CHECK(r->site == 101, "the block remembered is the first one");
    gone++;
}

static void begin_pending(void)
{
    begin_live();
    gone = 0;
}

static void remember(unsigned t)
{
    struct ht_record r;
    if (t == 0) {
        ht_live_remember(P);
        CHECK(ht_live_insert(0, P, 2, 102, 202, &r), "the address is used again");
        gone += r.found;
    } else if (t == 1) {
        ht_live_drain(note_gone);
    } else {
        ht_live_remember(Q); /* of nothing that we know */
        CHECK(ht_live_insert(0, Q, 3, 103, 203, &r) && !r.found,
              "another block is inserted where none was");
    }
}

static void pending_is_done(void)
{
    struct ht_record r;
    CHECK(gone == 1, "the remembered free is done once");
    ht_live_drain(note_gone);
    CHECK(gone == 1 && !ht_live_pending(), "the remembered free is done once, and none is left");
    CHECK(!ht_live_take(P, &r) && r.site == 102, "the block at the same address is live");
    CHECK(!ht_live_take(Q, &r) && r.site == 103, "the other block is live");
}

/* Last walks: two threads and one more with a trail between them, each on a stack of its own. */

static uint64_t words[3][4];

static ht_ref walk(unsigned t, struct ht_walk_cache *trail)
{
    struct ht_regs r = {9, (uint64_t)words[t], 0}, up = {words[t][1], r.sp + 16, 0};
    struct ht_walk_recorder c;
    ht_ref frames[2];
    uint32_t n = 0;
    ht_walk_recorder_begin(&c, trail, true, (uint64_t)&words[t][4], 0);
    if (ht_walk_recorder_match(&c.next, r.pc, r.sp, r.bp) &&
        ht_walk_cache_splice(&c, &r, frames, &n, 2)) {
        CHECK(n == 2 && frames[0] == 40 + 10 * t, "the walk has the thread's own frames");
    } else {
        ht_record_frame(&c, &r, 40 + 10 * t);
        ht_record_step(&c, 0, 0);
        ht_record_frame(&c, &up, (ht_ref)up.pc);
        ht_record_end(&c);
        frames[1] = (ht_ref)up.pc;
    }
    uint64_t hash = ht_walk_recorder_finish(&c, 2, 0, 0);
    CHECK(!hash || hash == ht_stack_hash(ht_stack_sum(ht_stack_sum(HT_STACK_SUM_NONE, frames[1]),
                                                      40 + 10 * t),
                                         2, 0),
          "a hash that is known is that of the frames");
    return frames[1];
}

static void begin_trail(void)
{
    memset(ht_state->walk_caches, 0, sizeof ht_state->walk_caches[0] * HT_WALK_CACHES_FEW);
    for (unsigned i = 0; i < 12; i++)
        words[i / 4][i % 4] = 41 + 10 * (i / 4);
}

static void use_trail(unsigned t)
{
    for (int i = 0; i < 2; i++) {
        struct ht_walk_cache *trail = ht_walk_cache_take(1 + t * HT_WALK_CACHES_FEW, 1u << 20);
        if (!trail)
            return;
        CHECK(walk(t, trail) == 41 + 10 * t, "a walk finds the thread's own caller");
        ht_walk_cache_release(trail);
    }
}

/* Label sets: two threads make one, a third another. */

static void begin_labels(void)
{
    ht_config.n_labels = ht_config.thread_label = 1;
    ht_config.labels[0] = (struct ht_label_key){6, "thread"};
    ht_label_sets_start();
}

static void make_labels(unsigned t)
{
    unsigned char text[HT_LABEL_TEXT];
    uint32_t size = 0;
    ht_label_add(text, &size, &(struct ht_label_pair){"thread", t / 2 ? "b" : "a", 6, 1});
    made[t] = ht_label_set_intern(text, size, 1);
}

static void labels_are_whole(void)
{
    struct ht_view v;
    struct ht_label_pair pair[HT_LABELS];
    ht_own_view(&v);
    for (uint32_t i = 1; i <= atomic_load(&v.header->n_label_sets); i++)
        CHECK(ht_view_labels(&v, i, pair) == 1 && (*pair[0].value == 'a' || *pair[0].value == 'b'),
              "a label set that is seen is whole");
}

static void labels_are_once(void)
{
    CHECK(made[0] && made[0] == made[1] && made[2] && made[2] != made[0],
          "equal labels have one set, others have another");
    CHECK(atomic_load(&ht_state->header->n_label_sets) == 2, "two label sets were made");
}

static void trail_is_whole(void)
{
    CHECK(!atomic_load(&ht_state->walk_caches[1].busy), "no thread holds the walk cache");
    for (unsigned t = 0; t < 3; t++)
        CHECK(walk(t, &ht_state->walk_caches[1]) == 41 + 10 * t,
              "a walk after the others finds its own caller");
}

const struct ht_case ht_cases[] = {
    {"chunks", 3, 99, begin_chunks, take_record, chunks_have_kinds, records_are_apart},
    {"frames", 3, 4, begin_frames, make_frame, frames_are_whole, frames_are_once},
    {"stacks", 2, 99, nothing, make_stack, stacks_are_whole, stacks_are_once},
    {"sites", 3, 4, begin_sites, make_site, sites_are_whole, sites_are_once},
    {"labels", 3, 4, begin_labels, make_labels, labels_are_whole, labels_are_once},
    {"nodes", 2, 99, begin_nodes, take_nodes, NULL, nodes_are_apart},
    {"live", 3, 4, begin_live, use_live, NULL, live_is_one},
    {"pending", 3, 3, begin_pending, remember, NULL, pending_is_done},
    {"trail", 3, 4, begin_trail, use_trail, NULL, trail_is_whole},
};
const unsigned ht_n_cases = sizeof ht_cases / sizeof *ht_cases;
