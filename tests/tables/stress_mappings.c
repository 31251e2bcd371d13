/* SPDX-License-Identifier: MIT */
/*
 * The table of mappings. Threads map and unmap pages of one kernel's, which gives what one has unmapped to the next at once, and tell
 * the table later; in the end it has what is mapped. And a child that is forked anywhere in a change has all of the change or nothing.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"
#include "target/tables/mappings.h"

enum { PAGES = 200, SITES = 3, ROUNDS = 2000, SINGLE = 60 };
#define PAGE_SIZE 4096ull
#define BASE      0x10000000ull

static ht_ref sites[SITES];
static pthread_mutex_t kernel = PTHREAD_MUTEX_INITIALIZER;
static struct {
    unsigned owner, site, piece; /* owner 0: it is free */
} pages[PAGES + 1];
static unsigned pieces; /* guarded by kernel */

static uint64_t address(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

/* The first free pages beside each other, as the kernel has it; 0 pages: there are none. */
static unsigned map(unsigned owner, unsigned site, unsigned wanted, unsigned *n)
{
    unsigned at = 0;
    pthread_mutex_lock(&kernel);
    while (at < PAGES && pages[at].owner)
        at++;
    pieces++;
    for (*n = 0; *n < wanted && at + *n < PAGES && !pages[at + *n].owner; ++*n) {
        pages[at + *n].owner = owner;
        pages[at + *n].site = site;
        pages[at + *n].piece = pieces;
    }
    pthread_mutex_unlock(&kernel);
    return at;
}

static bool own(unsigned page, unsigned owner)
{
    pthread_mutex_lock(&kernel);
    bool is = page < PAGES && pages[page].owner == owner;
    pthread_mutex_unlock(&kernel);
    return is;
}

static void unmap(unsigned from, unsigned n)
{
    pthread_mutex_lock(&kernel);
    for (unsigned i = from; i < from + n; i++)
        pages[i].owner = 0;
    pthread_mutex_unlock(&kernel);
}

/* Where the machine is busy, who has the table may be away for longer than a thread waits. */
static bool change(const struct ht_mapping_change *c)
{
    for (unsigned tries = 0; tries < 40; tries++)
        if (ht_mappings_change(c))
            return true;
    return false;
}

static void change_pages(unsigned thread)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned wanted = 1 + (unsigned)(ht_next_random() % 9),
                 site = (unsigned)(ht_next_random() % SITES), n;
        if (ht_next_random() & 1) {
            unsigned at = map(thread + 1, site, wanted, &n);
            struct ht_mapping_change c = {
                .in_start = address(at), .in_end = address(at + n), .site = sites[site]};
            c.born = ht_mappings_now();
            if (n)
                CHECK(change(&c), "a mapping is recorded");
            continue;
        }
        unsigned at = (unsigned)(ht_next_random() % PAGES);
        for (n = 0; n < wanted && own(at + n, thread + 1);)
            n++;
        struct ht_mapping_change c = {.out_start = address(at), .out_end = address(at + n)};
        c.out_before = ht_mappings_now();
        unmap(at, n);
        if (n)
            CHECK(change(&c), "an unmapping is recorded");
    }
}

static void watch_records(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_MAPPING};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c)))
        if (ht_view_live(record, &l)) {
            CHECK(l.addr >= BASE && l.addr < address(PAGES) && l.size && l.size <= 9 * PAGE_SIZE,
                  "a mapping's record lies in the pages of this test");
            const struct ht_site *s = ht_view_record(v, l.site, HT_KIND_SITE);
            CHECK(s && s->flags & HT_SITE_MAPPING, "a mapping's site says that it is one");
        }
}

struct sums {
    uint64_t objects[SITES], bytes[SITES];
};

/* What is mapped; after: with a change that is being made. */
static struct sums truth(void)
{
    struct sums t = {0};
    for (unsigned i = 0; i < PAGES; i++) {
        if (!pages[i].owner)
            continue;
        t.bytes[pages[i].site] += PAGE_SIZE;
        t.objects[pages[i].site] +=
            !i || !pages[i - 1].owner || pages[i - 1].piece != pages[i].piece;
    }
    return t;
}

static void add_mapping(struct ht_mapped *m, void *sums)
{
    struct sums *t = sums;
    for (unsigned k = 0; k < SITES; k++)
        if (m->site == sites[k]) {
            t->objects[k]++;
            t->bytes[k] += m->end - m->start;
        }
}

static struct sums recorded(void)
{
    struct sums t = {0};
    ht_mappings_each(add_mapping, &t);
    return t;
}

static bool equal(struct sums a, struct sums b)
{
    return !memcmp(&a, &b, sizeof a);
}

static struct sums before, after;
static unsigned forks;

/* Two of the changes in a forked child: the one that is being made, and one more. */
static void fork_here(enum ht_yield_point_id point)
{
    if (point != HT_AT_MAPPINGS || ht_next_random() % 6)
        return;
    forks++;
    pid_t child = fork();
    if (child) {
        int status;
        CHECK(child > 0 && waitpid(child, &status, 0) == child && !status,
              "the child's mappings add up");
        return;
    }
    ht_at_point = NULL;
    ht_mappings_adopt();
    struct sums have = recorded();
    if (!equal(have, before) && !equal(have, after))
        _exit(1);
    const uint64_t far = address(PAGES + 10);
    struct ht_mapping_change c = {
        .in_start = far, .in_end = far + PAGE_SIZE, .site = sites[0], .born = ht_mappings_now()};
    if (!ht_mappings_change(&c))
        _exit(2);
    have.objects[0]++;
    have.bytes[0] += PAGE_SIZE;
    _exit(equal(recorded(), have) ? 0 : 3);
}

/* One change after another: pages mapped at once, over others, or unmapped. */
static void change_with_forks(void)
{
    for (unsigned i = 0; i < SINGLE; i++) {
        unsigned at = (unsigned)(ht_next_random() % (PAGES - 20)),
                 n = 1 + (unsigned)(ht_next_random() % 20),
                 site = (unsigned)(ht_next_random() % SITES),
                 to = (unsigned)(ht_next_random() % (PAGES - 20));
        bool in = ht_next_random() % 3, moves = in && !(ht_next_random() % 3);
        struct ht_mapping_change c = {.out_before = ht_mappings_now()};
        before = truth();
        pieces++;
        if (moves && pages[at].owner) /* as mremap */
            c.known_at = address(at);
        for (unsigned k = 0; k < n && (!in || c.known_at); k++)
            pages[at + k].owner = 0;
        if (!in || c.known_at) {
            c.out_start = address(at);
            c.out_end = address(at + n);
        }
        for (unsigned k = 0; in && k < n; k++) {
            pages[to + k].owner = 1;
            pages[to + k].site = site;
            pages[to + k].piece = pieces;
        }
        if (in) {
            c.in_start = address(to);
            c.in_end = address(to + n);
            c.site = sites[site];
        }
        c.born = ht_mappings_now();
        after = truth();
        ht_at_point = fork_here;
        CHECK(ht_mappings_change(&c), "a single change is recorded");
        ht_at_point = NULL;
        CHECK(equal(recorded(), after), "the records equal the model after each change");
    }
    CHECK(forks > SINGLE / 10, "the process forked often enough");
}

static unsigned handled, handlers;

/* A signal handler at a step of a change, whoever has the table: it maps a page. */
static void handle_here(enum ht_yield_point_id point)
{
    if (point != HT_AT_MAPPINGS || ht_next_random() % 3)
        return;
    ht_at_point = NULL;
    const uint64_t page = address(PAGES + 20 + 2 * handlers++);
    const struct ht_mapping_change c = {
        .in_start = page, .in_end = page + PAGE_SIZE, .site = sites[1], .born = ht_mappings_now()};
    CHECK(ht_mappings_change(&c), "a change in a signal handler is recorded");
    handled = 1;
}

/* What the handler did is done when the change that it interrupted is. */
static void change_with_handlers(void)
{
    for (unsigned i = 0; i < 300; i++) {
        const uint64_t page = address(PAGES + 10);
        struct ht_mapping_change c = {.born = ht_mappings_now()};
        struct sums expected = recorded();
        if (i % 2) {
            c.out_before = c.born;
            c.out_start = page;
            c.out_end = page + PAGE_SIZE;
            expected.objects[2]--;
            expected.bytes[2] -= PAGE_SIZE;
        } else {
            c.site = sites[2];
            c.in_start = page;
            c.in_end = page + PAGE_SIZE;
            expected.objects[2]++;
            expected.bytes[2] += PAGE_SIZE;
        }
        handled = 0;
        ht_at_point = handle_here;
        CHECK(ht_mappings_change(&c), "a change that a handler interrupts is recorded");
        ht_at_point = NULL;
        expected.objects[1] += handled;
        expected.bytes[1] += handled * PAGE_SIZE;
        CHECK(equal(recorded(), expected),
              "the records equal the model after each interrupted change");
    }
    CHECK(handlers > 50, "handlers interrupted changes often enough");
}

static void check_counts(void)
{
    struct sums t = truth();
    uint64_t objects = 0, bytes = 0;
    struct ht_view v;
    ht_own_view(&v);
    CHECK(equal(recorded(), t), "the records equal the model at the end");
    for (unsigned i = 0; i < SITES; i++) {
        struct ht_values values;
        ht_site_values(&v, ht_at(sites[i]), &values);
        CHECK((uint64_t)values.inuse_objects == t.objects[i] &&
                  (uint64_t)values.inuse_bytes == t.bytes[i],
              "a site's live mappings equal the model's");
        objects += t.objects[i];
        bytes += t.bytes[i];
    }
    const struct ht_counts *all = &ht_state->header->mappings;
    CHECK(all->alloc_objects - all->freed_objects == objects &&
              all->alloc_bytes - all->freed_bytes == bytes,
          "allocated less freed is what is live");
    struct ht_cursor c = {.kind = HT_KIND_MAPPING};
    const struct ht_live *record;
    while ((record = ht_view_next(&v, &c))) {
        objects--;
        bytes -= record->size;
    }
    CHECK(!objects && !bytes, "nothing is mapped at the end");
}

void stress_mappings(void)
{
    for (unsigned i = 0; i < SITES; i++) {
        ht_ref frames[2] = {i + 1, 7}, stack = ht_stack_intern(frames, 2, 0, 0);
        CHECK(sites[i] = ht_site_intern(stack, 0, HT_RATE_MAPPING, 0),
              "there is room for a mapping's site");
        CHECK(ht_site_intern(stack, 0, 1, 0) != sites[i],
              "a mapping's site is another than a block's");
    }
    ht_crowd(change_pages, watch_records);
    check_counts();
    change_with_forks();
    check_counts();
    change_with_handlers();
}
