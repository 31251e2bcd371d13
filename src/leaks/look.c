/* SPDX-License-Identifier: MIT */
/*
 * The process runs while its memory is read. A pointer that moves from memory that the pass has not
 * read yet to memory that it has read is missed by that pass. So a block is called leaked only if
 * every pass finds no pointer to it, and passes go on as long as a pass finds pointers that earlier
 * ones missed.
 */
#include "config.h"

#include "leaks/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leaks/idle.h"

/* So many passes in a row must find nothing new, once pointers were seen to move, or where a pass
 * costs little. A pass misses a pointer that moves between n places as fast as it can with a
 * probability of (1-1/n)^n at most, which is 37 %; 20 passes in a row miss it with 2e-9. */
#define UNCHANGED 20u
#define LITTLE    (64u << 20)
#define APART_NS                                                                                   \
    20000000u /* between passes that are waited for no longer: by chance up to twice \
                               */

void ht_leak_wait_until(uint64_t due_ns)
{
    uint64_t now = ht_leak_now_ns();
    if (due_ns <= now)
        return;
    struct timespec t = {(time_t)((due_ns - now) / 1000000000u),
                         (long)((due_ns - now) % 1000000000u)};
    nanosleep(&t, NULL);
}

static bool enough(const struct ht_leak_search *k, unsigned done, unsigned unchanged)
{
    const struct ht_leaks *l = k->l;
    if (done == HT_LEAK_PASSES || (done && !l->candidates[done - 1]))
        return true;
    /* With a walk, the first pass finds the candidates, and the second what points to them. */
    if (k->walk && done < 2)
        return false;
    if (done && k->hold.all)
        return true;
    if (done < k->o->passes)
        return false;
    return (!k->moved && l->read > LITTLE) || unchanged >= UNCHANGED;
}

int ht_leak_make_index(struct ht_leak_search *k)
{
    ht_leak_index_destroy(k->x);
    k->x = ht_leak_index_create(k->node, k->n, k->candidate, k->o->plain);
    return k->x ? 0 : -ENOMEM;
}

/* Makes a pass and takes its result in. *left: how many blocks are still candidates. */
static int one_pass(struct ht_leak_search *k, unsigned number, size_t *left, size_t *found,
                    char *msg, size_t msg_size)
{
    bool all_known = k->l->exact || k->walk;
    int err = k->walk && !number ? 0 : ht_leak_make_index(k);
    if (!err)
        err = ht_leak_pass(k, number);
    if (!err && k->whole)
        err = ht_leak_whole_end(k);
    else if (!err && all_known)
        err = ht_leak_find_gone(k, msg, msg_size);
    if (!err && all_known && k->seen)
        err = ht_leak_reach(k);
    if (!err)
        *left = ht_leak_settle(k, found);
    return err;
}

static int passes(struct ht_leak_search *k, char *msg, size_t msg_size)
{
    struct ht_leaks *l = k->l;
    unsigned unchanged = 0, *n = &l->n_passes;
    while (!enough(k, *n, unchanged)) {
        uint64_t began = ht_leak_now_ns();
        size_t found;
        bool walk = k->walk;
        int err = one_pass(k, *n, &l->candidates[*n], &found, msg, msg_size);
        if (err)
            return err;
        if (walk && !k->walk)
            continue; /* the heap cannot be walked: this pass does not count */
        bool moved = *n && found;
        k->moved |= moved;
        unchanged = moved ? 0 : unchanged + 1;
        ++*n;
        if (k->o->progress)
            k->o->progress(k->o->ctx, l, k->resident, k->resident);
        if (!enough(k, *n, unchanged))
            ht_leak_wait_until(*n < k->o->passes
                                   ? began + k->o->every_ns
                                   : ht_leak_now_ns() + APART_NS + (uint64_t)random() % APART_NS);
    }
    return 0;
}

static int registers(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    memset(k->seen, 0, k->n);
    int err = ht_leak_make_index(k);
    if (!err)
        err = ht_leak_registers(k->r, l, ht_leak_take_loose, k);
    if (!err && (l->exact || k->walk))
        err = ht_leak_reach(k);
    if (!err)
        ht_leak_settle(k, &l->in_registers);
    return err;
}

/* Before memory is read, for that touches it. */
static int watch_idle(struct ht_leak_search *k, char *msg, size_t msg_size)
{
    struct ht_idle d;
    struct ht_leaks *l = k->l;
    int err = ht_idle_begin(&d, "", k->r->living, k->o->idle_writes, msg, msg_size);
    uint64_t began = ht_leak_now_ns();
    if (!err)
        err = ht_idle_mark(&d, l->block, l->n);
    while (!err && ht_leak_now_ns() - began < k->o->idle_ns) {
        uint64_t due = began + k->o->idle_ns, soon = ht_leak_now_ns() + 100000000u;
        ht_leak_wait_until(due < soon ? due : soon);
        if (k->o->cancel && *k->o->cancel)
            err = -EINTR;
    }
    l->idle_ns = ht_leak_now_ns() - began;
    l->idle_writes = k->o->idle_writes;
    if (!err)
        err = ht_idle_read(&d, l->block, l->n);
    ht_idle_end(&d);
    return err;
}

static int look(struct ht_leak_search *k, char *msg, size_t msg_size)
{
    struct ht_leaks *l = k->l;
    int err = ht_leak_collect(l);
    if (!err && k->o->idle_ns)
        err = watch_idle(k, msg, msg_size);
    if (!err)
        err = ht_leak_nodes_of_blocks(k);
    k->at = malloc(HT_LEAK_READ / 8 * sizeof *k->at);
    if (!err && !k->at)
        err = -ENOMEM;
    if (!err && !l->exact)
        k->walk = ht_leak_can_walk(k);
    if (!err)
        err = passes(k, msg, msg_size);
    l->walked = k->walk;
    if (!err && k->o->stop)
        err = registers(k);
    if (!err)
        err = ht_leak_find_gone(k, msg, msg_size);
    if (!err) {
        memset(k->seen, 0, k->n);
        err = l->exact || k->walk ? ht_leak_reach(k) : 0;
    }
    if (!err) {
        size_t found;
        ht_leak_settle(k, &found);
        err = ht_leak_grade(k);
    }
    return err;
}

int ht_leak_open(struct ht_remote *r, struct ht_leaks *l, char *msg, size_t msg_size)
{
    int err = ht_region_open_pid(&l->region, r->pid, msg, msg_size);
    if (!err && !l->region.alive) {
        snprintf(msg, msg_size, "process %d has ended: its memory is gone", (int)r->pid);
        err = -ESRCH;
    } else if (!err && l->region.fresh) {
        snprintf(msg, msg_size,
                 "process %d has had no sample yet: it is not known which blocks it has",
                 (int)r->pid);
        err = -ENODATA;
    }
    return err;
}

int ht_leak_said(const struct ht_remote *r, int err, char *msg, size_t msg_size)
{
    if (err == -ESRCH && !*msg)
        snprintf(msg, msg_size, "process %d ended meanwhile", (int)r->pid);
    else if (err && !*msg)
        snprintf(msg, msg_size, "process %d cannot be looked through: %s", (int)r->pid,
                 strerror(-err));
    return err;
}

void ht_leak_search_free(struct ht_leak_search *k)
{
    ht_leak_release(&k->hold);
    ht_leak_index_destroy(k->x);
    ht_leak_graph_free(&k->graph);
    ht_leak_heap_destroy(k->whole);
    if (k->node != k->l->block)
        free(k->node);
    free(k->kind);
    free(k->of);
    free(k->met);
    free(k->confirmed);
    free(k->candidate);
    free(k->seen);
    free(k->gone);
    free(k->at);
}

int ht_leaks_look(struct ht_remote *r, const struct ht_leak_options *o, struct ht_leaks *out,
                  char *msg, size_t msg_size)
{
    struct ht_leak_search k = {.r = r, .o = o, .l = out};
    *out = (struct ht_leaks){0};
    *msg = '\0';
    int err = o->ending ? ht_leak_hold(r, &k.hold) : 0;
    if (!err)
        err = ht_leak_open(r, out, msg, msg_size);
    if (!err)
        err = look(&k, msg, msg_size);
    ht_leak_said(r, err, msg, msg_size);
    if (k.hold.all) {
        out->ending = true;
        out->threads = k.hold.threads;
        out->stopped = (unsigned)k.hold.n;
        out->longest_stop_ns = k.hold.n ? ht_leak_now_ns() - k.hold.began_ns : 0;
    }
    ht_leak_search_free(&k);
    return err;
}

void ht_leaks_free(struct ht_leaks *l)
{
    if (l->region.copy)
        ht_region_close(&l->region);
    free(l->block);
    l->block = NULL;
}
