/* SPDX-License-Identifier: MIT */
/*
 * The region of a program that has begun: at once, or at its first sample or dump. Adoption: a
 * forked child finds its state wiped and the parent's region still mapped. On its first sample or
 * dump it makes a region of its own, and takes over what the parent had live at the fork, from the
 * copied live table and the parent's region.
 */
#include "config.h"

#include "target/process/adopt.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/os/descriptors.h"
#include "target/os/machine.h"
#include "target/os/object.h"
#include "target/os/sys.h"
#include "target/process/create.h"
#include "target/process/dump.h"
#include "target/process/mark.h"
#include "target/sampler/account.h"
#include "target/sampler/rate.h"
#include "target/stack/module.h"
#include "target/state/settings.h"
#include "target/state/state.h"
#include "target/tables/fold.h"
#include "target/tables/label_sets.h"
#include "target/tables/live.h"
#include "target/tables/mappings.h"
#include "target/tables/nodes.h"
#include "target/tables/records.h"
#include "target/tables/stacks.h"
#include "target/tables/writer.h"

/* The region in use when a child forks: still mapped there, for it to copy from. Written before
 * `active`; read by the child alone. */
static unsigned char *inherited_base;

static void create_in_file(void *err)
{
    *(int *)err = ht_region_create(true);
}

/*
 * A secure process (AT_SECURE) has more rights than the user who started it. That user may own the
 * directory of regions, and chose where the process starts and what it is called. So its region,
 * which it trusts, is private memory, and it writes no file. Root reads it while it runs.
 */
static bool region_start(void)
{
    struct ht_state *s = ht_state;
    int err = 0;
    ht_settings_name_process();
    if (!ht_config.secure)
        ht_own_descriptors(create_in_file, &err);
    else
        err = ht_region_create(false);
    if (err)
        return false;
    ht_label_sets_start();
    s->header->private_memory = (struct ht_private_memory){
        .state = (uint64_t)s,
        .state_size = HT_PAGE_UP(sizeof *s),
        .node_chunks = (uint64_t)ht_node_chunks,
        .n_node_chunks = HT_NODE_CHUNKS,
        .chunk_size = HT_NODES * sizeof(struct ht_live_node),
        .arena = (uint64_t)ht_arena,
        .arena_size = sizeof ht_arena,
    };
    ht_mappings_memory(s->header->mapping_tables);
    inherited_base = s->base;
    return true;
}

bool ht_region_begin(void)
{
    struct ht_state *s = ht_state;
    if (!region_start())
        return false;
    atomic_store_explicit(&s->active, HT_ACTIVE, memory_order_release);
    if (ht_config.secure)
        return true;
    if (!s->region_path[0])
        ht_mark_make();
    ht_dump_previous_image();
    return true;
}

#define MODULES 2048
static struct {
    ht_ref old, new;
} module_map[MODULES];

struct adoption {
    struct ht_view parent;
    uint32_t n_modules;
    uint32_t passes; /* ht_fold_passes at the fork */
    bool exact;      /* at the fork there could be sites of exact mode */
};

/* Whether the site is still the one that it was at the fork: the parent may fold it, and use its
 * record again, once the object is freed there. Also when its stack has been read: that is not used
 * again before the site is. */
static bool is_that(const struct adoption *a, const struct ht_site *site)
{
    atomic_thread_fence(memory_order_acquire);
    if (!atomic_load_explicit(&site->commit, memory_order_acquire))
        return false;
    if (site->rate == HT_RATE_MAPPING)
        return site->flags & HT_SITE_MAPPING;
    if (site->rate == 1)
        return a->exact;
    return (int32_t)(atomic_load_explicit(&site->made, memory_order_relaxed) - a->passes) <= 0;
}

static ht_ref adopt_module(struct adoption *a, ht_ref old)
{
    for (uint32_t i = 0; i < a->n_modules; i++)
        if (module_map[i].old == old)
            return module_map[i].new;
    const struct ht_module *m = ht_view_record(&a->parent, old, HT_KIND_MODULE);
    if (!m || a->n_modules == MODULES)
        return 0;
    uint32_t n;
    const char *path = ht_view_path(&a->parent, m, &n);
    ht_ref new = 0;
    if (m->flags & HT_MODULE_MAIN) { /* the first module, recorded before */
        struct ht_object o = {m->start, m->end, m->link_map, m->eh_frame_hdr};
        new = ht_module_of(&o);
    }
    if (!new)
        new = ht_module_copy(m, path, n);
    module_map[a->n_modules].old = old;
    module_map[a->n_modules++].new = new;
    return new;
}

static uint64_t copied_recipe;
static uint64_t copy_recipe(uint64_t pc, ht_ref module)
{
    (void)pc;
    (void)module;
    return copied_recipe;
}

/* The site's label set under its number here. */
static uint32_t adopt_labels(struct adoption *a, const struct ht_site *site)
{
    struct ht_label_pair label[HT_LABELS];
    unsigned char text[HT_LABEL_TEXT];
    uint32_t size = 0, n = ht_view_labels(&a->parent, site->labels, label), kept = 0;
    for (uint32_t i = 0; i < n; i++)
        kept += ht_label_add(text, &size, &label[i]);
    return ht_label_set_intern(text, size, kept);
}

static ht_ref adopt_site(struct adoption *a, const struct ht_site *site, uint64_t size)
{
    const struct ht_stack *stack = ht_view_record(&a->parent, site->stack, HT_KIND_STACK);
    uint32_t n;
    const ht_ref *frames = stack ? ht_view_frames(&a->parent, stack, &n) : NULL;
    if (!frames)
        return 0;
    ht_ref mine[HT_MAX_DEPTH];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct ht_frame *f = ht_view_record(&a->parent, frames[i], HT_KIND_FRAME);
        if (!f)
            continue;
        copied_recipe = f->recipe;
        ht_ref to = ht_frame_intern(f->pc, f->module ? adopt_module(a, f->module) : 0, copy_recipe);
        if (to)
            mine[kept++] = to;
    }
    const uint32_t flags = stack->flags;
    const uint64_t rate = site->rate;
    const uint32_t labels = adopt_labels(a, site);
    if (!is_that(a, site))
        return 0;
    bool any = kept || (flags & HT_STACK_FOLDED);
    ht_ref to = any ? ht_stack_intern(mine, kept, flags, 0) : 0;
    return to ? ht_site_intern(to, size, rate, labels) : 0;
}

/* The site of an object whose own is no longer known: at the current rate, at no stack. */
static ht_ref folded_site(uint64_t size)
{
    uint64_t rate = atomic_load_explicit(&ht_interval_in_force, memory_order_relaxed);
    ht_ref none = 0, stack = ht_stack_intern(&none, 0, HT_STACK_FOLDED, 0);
    return stack && rate ? ht_site_intern(stack, size, rate, 0) : 0;
}

static void take_over(struct adoption *a, struct ht_live_node *node)
{
    const struct ht_site *site = ht_view_record(&a->parent, node->site, HT_KIND_SITE);
    ht_ref mine = site ? adopt_site(a, site, node->size) : 0;
    if (!mine && (!site || !is_that(a, site)))
        mine = folded_site(node->size);
    node->site = mine;
    if (!mine) {
        /* not by ht_lose: the region is not in use yet */
        ht_count(&ht_state->header->losses[HT_LOSS_FULL], 1);
        return;
    }
    ht_sample_account_inherited(node->site, node->size);
    node->time &= HT_NODE_RECYCLABLE;
    ht_live_publish(node);
}

static void adopt_node(struct ht_live_node *node, void *ctx)
{
    if (!node->site)
        return;
    take_over(ctx, node);
    atomic_fetch_sub_explicit(&ht_state->header->inherits, 1, memory_order_relaxed);
}

static void adopt_mapping(struct ht_mapped *m, void *a)
{
    const struct ht_site *site =
        ht_view_record(&((struct adoption *)a)->parent, m->site, HT_KIND_SITE);
    m->site = site && site->flags & HT_SITE_MAPPING ? adopt_site(a, site, 0) : 0;
    m->time = 0;
    if (m->site)
        ht_mappings_publish(m);
    else /* not by ht_lose: the region is not in use yet */
        ht_count(&ht_state->header->losses[HT_LOSS_FULL], 1);
}

/* All sites are the parent's objects' alone: none is found for what comes. */
static void mark_inherited(void)
{
    struct ht_view own;
    ht_own_view(&own);
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *found;
    while ((found = ht_view_next(&own, &c))) {
        struct ht_site *site = ht_at(c.ref);
        if (site->flags & HT_SITE_MAPPING)
            continue;
        site->flags |= HT_SITE_INHERITED;
        atomic_store_explicit(&site->commit, HT_DETACHED, memory_order_release);
    }
}

static void count_node(struct ht_live_node *node, void *ctx)
{
    *(uint32_t *)ctx += node->site != 0;
}

/* Takes over what the parent had, which is still mapped. */
static bool adopt(struct ht_state *s)
{
    static struct adoption a; /* static: a coroutine's stack may be too small */
    unsigned char *old_base = inherited_base;
    uint64_t old_mapped = atomic_load_explicit(&ht_region_mapped, memory_order_relaxed);
    memset(&a, 0, sizeof a);
    /* The process's own former mapping, which is trusted: no checks as for a foreign region. */
    a.parent.base = old_base;
    a.parent.header = (struct ht_region_header *)old_base;
    /* The header is shared: the parent may have more chunks by now. The process has no more mapped
     * than at the fork. A record that the parent uses again may refer to what lies beyond. */
    a.parent.n_chunks = atomic_load_explicit(&a.parent.header->n_chunks, memory_order_acquire);
    const uint64_t whole = (old_mapped - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
    if (a.parent.n_chunks > whole)
        a.parent.n_chunks = (uint32_t)whole;
    a.exact = ht_fold_stopped();
    a.passes = atomic_load_explicit(&ht_fold_passes, memory_order_relaxed);
    a.parent.size = HT_HEADER_SIZE + (uint64_t)a.parent.n_chunks * HT_CHUNK_SIZE;
    ht_live_each(count_node, &s->inherits);
    if (!region_start())
        return false;
    atomic_fetch_or(&s->header->flags, HT_REGION_ADOPTED);
    ht_module_record_main();
    ht_live_each(adopt_node, &a);
    ht_mappings_each(adopt_mapping, &a);
    mark_inherited();
    atomic_store_explicit(&s->active, HT_ACTIVE, memory_order_release);
    SYS2(SYS_munmap, old_base, old_mapped);
    return true;
}

/* Of a child, which finds the tables as another thread of the parent may have left them. Its parent
 * may have had no region. */
static void begin_forked(struct ht_state *s)
{
    atomic_fetch_add(&ht_region_generation, 1);
    ht_object_forked();
    ht_live_adopt();
    ht_mappings_adopt();
    ht_place_forked();
    /* Under a filter no system call is certain to be allowed, and a region needs others than the
     * program's allocator. The parent's header is still mapped, and needs none. */
    if (ht_sandboxed && ht_config.children && inherited_base)
        ht_count(&((struct ht_region_header *)inherited_base)->unprofiled, 1);
    if (!ht_config.children || ht_sandboxed || !(inherited_base ? adopt(s) : ht_region_begin())) {
        ht_sample_never();
        atomic_store_explicit(&s->active, HT_INERT, memory_order_release);
    }
}

void ht_postfork_child(void)
{
    struct ht_state *s = ht_state;
    uint64_t none = 0;
    /* A vfork's child shares its parent's state, but the region would be the child's. */
    if (s->waiting_pid && s->waiting_pid != (uint32_t)SYS0(SYS_getpid))
        return;
    if (!atomic_compare_exchange_strong(&s->postfork_thread, &none, (uint64_t)&ht_tls)) {
        /* The tables are being rebuilt, and must not be used meanwhile. A signal handler on the
         * adopting thread cannot wait for that. */
        for (int i = 0; none != (uint64_t)&ht_tls && i < 100000 && ht_forked(); i++) {
            struct timespec t = {0, 100000};
            if (ht_sandboxed)
                ht_relax();
            else if (i < 100)
                SYS0(SYS_sched_yield);
            else
                SYS2(SYS_nanosleep, &t, NULL);
        }
        return;
    }
    ht_tls.reentrancy_depth++;
    if (!s->waiting_pid) {
        begin_forked(s);
    } else if (ht_sandboxed || !ht_region_begin()) {
        ht_sample_never();
        atomic_store_explicit(&s->active, HT_INERT, memory_order_release);
    }
    ht_tls.reentrancy_depth--;
}
