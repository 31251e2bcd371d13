/* SPDX-License-Identifier: MIT */
/*
 * Variables are recognised by the symbols of their files, and frames by the stack pointers that
 * unwinding found. A thread's own record (glibc's struct pthread) begins with its own address,
 * which its third word has too, and further on has the thread's number. It lies above the thread's
 * stack and its thread-local variables. Only the program's own thread-local variables get names,
 * because only their place is the same in every process.
 */
#include "config.h"

#include "leaks/who_places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/areas.h"
#include "leaks/roots.h"
#include "profile/profile.h"
#include "region/labels.h"
#include "symbolize/find.h"
#include "symbolize/symbolize.h"
#include "symbolize/variables.h"
#include "util/utf8.h"

enum {
    TCB_TID = 0x2d0,     /* where glibc's struct pthread has the thread's number */
    TCB_SIZE = 4096,     /* more than its size */
    TLS_MOST = 64 << 10, /* the most static thread-local memory below it */
    SMALL = 256 << 10,   /* mappings up to this size are searched whole, of others the end */
};

/* --- where things lie ---------------------------------------------------------------------------
 */

static int by_module(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_who_object *)a)->module->start,
             y = ((const struct ht_who_object *)b)->module->start;
    return x < y ? -1 : x > y;
}

static int find_objects(struct ht_who_places *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->r->n_maps; i++)
        if (p->r->maps[i].executable)
            ht_remote_module_at(p->r, p->r->maps[i].start);
    for (const struct ht_remote_module *m = p->r->modules; m; m = m->next)
        n++;
    p->object = calloc(n + 1, sizeof *p->object);
    if (!p->object)
        return -ENOMEM;
    for (const struct ht_remote_module *m = p->r->modules; m; m = m->next)
        p->object[p->n_objects++].module = m;
    if (n)
        qsort(p->object, n, sizeof *p->object, by_module);
    for (size_t i = 0; i < n; i++)
        if (*p->r->exe && !strcmp(p->object[i].module->path, p->r->exe))
            p->program = &p->object[i];
    return 0;
}

static struct ht_who_object *object_at(const struct ht_who_places *p, uint64_t at)
{
    size_t low = 0, high = p->n_objects;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->object[middle].module->start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low && at < p->object[low - 1].module->end ? &p->object[low - 1] : NULL;
}

static struct ht_variables *variables_of(struct ht_who_places *p, struct ht_who_object *o)
{
    const struct ht_remote_module *m = o->module;
    const struct ht_find what = {.file = m->path,
                                 .build_id = m->build_id,
                                 .start = m->n_segments ? m->segments[0].start : m->start,
                                 .pid = p->r->pid};
    if (!o->asked && *m->path)
        o->variables = ht_variables_open(&what);
    o->asked = true;
    return o->variables;
}

static bool is_anonymous(const struct ht_remote_map *m)
{
    return m->readable && !m->executable && !m->inode && !*m->name;
}

static bool has_guard(const struct ht_remote *r, const struct ht_remote_map *m)
{
    const struct ht_remote_map *below = m - 1;
    return m > r->maps && below->end == m->start && !below->readable && !below->inode &&
           !*below->name;
}

static int add_spot(struct ht_who_places *p, const struct ht_who_spot *s)
{
    for (size_t i = 0; i < p->n_spots; i++)
        if (p->spot[i].tid == s->tid && p->spot[i].start == s->start) {
            p->spot[i].pointer = s->pointer ? s->pointer : p->spot[i].pointer;
            return 0;
        }
    if (p->n_spots == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        struct ht_who_spot *more = reallocarray(p->spot, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        p->spot = more;
        p->room = room;
    }
    p->spot[p->n_spots++] = *s;
    return 0;
}

/* Finds words whose value is their own address: a TCB may begin there. */
struct search {
    struct ht_who_places *p;
    const struct ht_remote_map *map;
    int err;
};

static void search_words(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    struct search *s = ctx;
    for (size_t i = 0; i < n && !s->err; i++) {
        uint64_t here = at + 8 * (uint64_t)i, third, number;
        if (words[i] != here || !ht_remote_word(s->p->r, here + 16, &third) || third != here ||
            !ht_remote_word(s->p->r, here + TCB_TID, &number))
            continue;
        pid_t tid = ht_who_thread_seen_as(s->p->threads, (pid_t)(uint32_t)number);
        if (tid)
            s->err = add_spot(s->p, &(struct ht_who_spot){.start = s->map->start,
                                                          .end = s->map->end,
                                                          .pointer = here,
                                                          .tid = tid,
                                                          .stack = has_guard(s->p->r, s->map)});
    }
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_who_spot *)a)->start, y = ((const struct ht_who_spot *)b)->start;
    return x < y ? -1 : x > y;
}

static int find_spots(struct ht_who_places *p)
{
    struct ht_leak_reader d;
    struct search s = {.p = p};
    int err = ht_leak_reader_open(&d, p->r, 0);
    for (size_t i = 0; i < p->threads->all.n && !err; i++) {
        const struct ht_remote_thread *t = &p->threads->all.thread[i];
        const struct ht_remote_map *m = t->sp ? ht_remote_map_at(p->r, t->sp) : NULL;
        if (m)
            err = add_spot(p, &(struct ht_who_spot){
                                  .start = m->start, .end = m->end, .tid = t->tid, .stack = true});
    }
    ht_remote_forget(p->r);
    d.fn = search_words;
    d.ctx = &s;
    for (size_t i = 0; i < p->r->n_maps && !err; i++) {
        const struct ht_remote_map *m = &p->r->maps[i];
        const struct ht_leak_area a = {.start = m->start, .end = m->end};
        uint64_t size = m->end - m->start;
        if (!is_anonymous(m) || (size > SMALL && !has_guard(p->r, m)))
            continue;
        s.map = m;
        err =
            ht_leak_reader_read(&d, &a, size > SMALL ? m->end - TLS_MOST : m->start, m->end, false);
        err = err ? err : s.err;
    }
    ht_leak_reader_close(&d);
    if (p->n_spots)
        qsort(p->spot, p->n_spots, sizeof *p->spot, by_start);
    return err;
}

int ht_who_places_begin(struct ht_who_places *p, struct ht_remote *r,
                        const struct ht_who_options *o, const struct ht_leaks *look,
                        const struct ht_who_threads *threads)
{
    *p = (struct ht_who_places){.r = r, .o = o, .look = look, .threads = threads};
    int err = find_objects(p);
    return err ? err : find_spots(p);
}

void ht_who_places_end(struct ht_who_places *p)
{
    for (size_t i = 0; i < p->n_objects; i++)
        ht_variables_close(p->object[i].variables);
    free(p->object);
    free(p->spot);
    ht_profile_destroy(p->stacks);
    *p = (struct ht_who_places){0};
}

/* The kernel may join several stacks into one mapping. Takes the one with the nearest TCB above. */
static const struct ht_who_spot *spot_at(const struct ht_who_places *p, uint64_t at)
{
    const struct ht_who_spot *best = NULL;
    size_t low = 0, high = p->n_spots;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->spot[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < p->n_spots && p->spot[i].start <= at; i++) {
        const struct ht_who_spot *s = &p->spot[i];
        if (s->pointer && s->pointer + TCB_SIZE <= at)
            continue;
        if (!best || (s->pointer && (!best->pointer || s->pointer < best->pointer)))
            best = s;
    }
    return best;
}

static uint64_t local_size(struct ht_who_places *p)
{
    struct ht_variables *v = p->program ? variables_of(p, p->program) : NULL;
    return v ? ht_variables_local_size(v) : 0;
}

/* Whether the address lies in the thread's own memory, outside of the frames of its stack. */
static bool is_local(struct ht_who_places *p, const struct ht_who_spot *s, uint64_t at)
{
    if (!s->pointer || at + TLS_MOST < s->pointer)
        return false;
    if (at >= s->pointer || at >= s->pointer - local_size(p) || !s->stack)
        return true;
    const struct ht_remote_thread *t = ht_who_thread(p->threads, s->tid);
    return t && t->depth && !t->truncated && ht_who_thread_still(p->r, t) &&
           at >= t->frame_sp[t->depth - 1] + 256;
}

/* Whether the mapping has blocks. A word there may be in an unknown or free block, or be the
 * allocator's own. */
static bool holds_block(const struct ht_leaks *l, const struct ht_remote_map *m)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->block[middle].addr < m->start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->n && l->block[low].addr < m->end;
}

enum ht_who_kind ht_who_kind_of(struct ht_who_places *p, uint64_t at)
{
    if (ht_leak_is_loose(at)) {
        unsigned kind = at >> 56 & 127;
        return kind == HT_LOOSE_EPOLL || kind == HT_LOOSE_TIMER ? HT_WHO_KERNEL
               : kind == HT_LOOSE_CALL                          ? HT_WHO_CALL
                                                                : HT_WHO_REGISTER;
    }
    if (object_at(p, at))
        return HT_WHO_GLOBAL;
    const struct ht_who_spot *s = spot_at(p, at);
    if (s && is_local(p, s, at))
        return HT_WHO_THREAD_LOCAL;
    if (s && s->stack)
        return HT_WHO_STACK;
    const struct ht_remote_map *m = ht_remote_map_at(p->r, at);
    if (m && !strcmp(m->name, "[stack]"))
        return HT_WHO_STACK;
    return m && holds_block(p->look, m) ? HT_WHO_AMONG : HT_WHO_MEMORY;
}

/* --- what they are called -----------------------------------------------------------------------
 */

/* The number of the place with that name, which is made if it is new. UINT32_MAX: out of memory. */
static uint32_t intern(struct ht_who *w, enum ht_who_kind kind, const char *name,
                       const char *object, const char *thread)
{
    char folded[sizeof((struct ht_who_holder *)0)->thread];
    ht_thread_fold_name(thread, folded, sizeof folded);
    for (size_t i = 0; i < w->n_places; i++) {
        const struct ht_who_place *k = &w->place[i];
        if (k->kind == kind && !strcmp(k->name, name) && !strcmp(k->object, object) &&
            !strcmp(k->thread, folded))
            return (uint32_t)i;
    }
    struct ht_who_place *more = reallocarray(w->place, w->n_places + 1, sizeof *more);
    if (!more)
        return UINT32_MAX;
    w->place = more;
    struct ht_who_place *k = &more[w->n_places];
    *k = (struct ht_who_place){kind, strdup(name), strdup(object), strdup(folded)};
    w->n_places++;
    return k->name && k->object && k->thread ? (uint32_t)w->n_places - 1 : UINT32_MAX;
}

/* A copy of a name as plain UTF-8 text, because names of files and threads may be any bytes. To be
 * freed. NULL: out of memory. */
static char *plain(const char *name)
{
    size_t n = strlen(name), size = 4 * n + 1;
    char *text = malloc(size);
    if (!text)
        return NULL;
    ht_utf8_escape(name, n, text, size);
    ht_plain_text(text, false);
    return text;
}

/* The text for a symbol's name, to be freed. NULL: out of memory. */
static char *shown(const char *symbol)
{
    char *name = symbol ? ht_demangle(symbol, HT_DEMANGLE_DEFAULT) : strdup("");
    char *text = name ? plain(name) : NULL;
    free(name);
    return text;
}

static void take_thread(struct ht_who_places *p, pid_t tid, struct ht_who_holder *h)
{
    const struct ht_remote_thread *t = ht_who_thread(p->threads, tid);
    h->tid = (uint32_t)tid;
    if (t)
        ht_utf8_escape(t->name, strlen(t->name), h->thread, sizeof h->thread);
    ht_plain_text(h->thread, false);
}

/* The function whose frame contains an address, to be freed; "": not known. NULL: out of memory. */
static char *frame_name(struct ht_who_places *p, pid_t tid, uint64_t at)
{
    const struct ht_remote_thread *t = ht_who_thread(p->threads, tid);
    unsigned i = 0;
    if (!t || !t->depth || at + 128 < t->frame_sp[0] || !ht_who_thread_still(p->r, t))
        return strdup("");
    while (i + 1 < t->depth && t->frame_sp[i + 1] <= at)
        i++;
    if (i + 1 == t->depth && t->truncated)
        return strdup("");
    if (!p->stacks) {
        p->stacks = ht_remote_threads_profile(p->r, &p->threads->all, true);
        if (!p->stacks || p->o->name(p->o->name_ctx, p->stacks) == -ENOMEM)
            return NULL;
    }
    size_t index = (size_t)(t - p->threads->all.thread);
    const struct ht_sample *s = index < p->stacks->n_samples ? &p->stacks->samples[index] : NULL;
    const struct ht_location *l = s && i < s->n_locations ? s->locations[i] : NULL;
    /* With inlined functions, the function that has the frame comes last. */
    const struct ht_function *f = l && l->n_lines ? l->lines[l->n_lines - 1].function : NULL;
    return plain(f ? f->name : "");
}

static const char *register_name(unsigned i)
{
    static const char *const names[HT_N_REGS] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                 "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                 "r12", "r13", "r14", "r15", "rip"};
    return i < HT_N_REGS ? names[i] : "";
}

static void loose_name(uint64_t at, char *out, size_t size)
{
    unsigned kind = at >> 56 & 127, number = at >> 32 & 0xffffff;
    const char *call = kind == HT_LOOSE_CALL ? ht_syscall_name(number) : NULL;
    if (kind == HT_LOOSE_CALL && !call)
        snprintf(out, size, "system call %u", number);
    else
        snprintf(out, size, "%s",
                 call                        ? call
                 : kind == HT_LOOSE_EPOLL    ? "epoll"
                 : kind == HT_LOOSE_TIMER    ? "a timer"
                 : kind == HT_LOOSE_REGISTER ? register_name(number)
                                             : "");
}

static void memory_name(const struct ht_remote_map *m, char *out, size_t size)
{
    if (!m || *m->name)
        snprintf(out, size, "%s", m ? m->name : "");
    else
        snprintf(out, size, "%lx-%lx", (unsigned long)m->start, (unsigned long)m->end);
}

int ht_who_place_of(struct ht_who_places *p, struct ht_who *w, uint64_t at, struct ht_who_holder *h)
{
    char text[4200] = "", *name = NULL;
    const char *object = "";
    *h = (struct ht_who_holder){.kind = ht_who_kind_of(p, at), .least = 1, .most = 1};
    const struct ht_who_spot *s = ht_leak_is_loose(at) ? NULL : spot_at(p, at);
    if (h->kind == HT_WHO_GLOBAL) {
        struct ht_who_object *o = object_at(p, at);
        struct ht_variables *v = variables_of(p, o);
        uint64_t vaddr = at - o->module->bias, within = 0;
        const char *symbol = v ? ht_variables_find(v, vaddr, &within) : NULL;
        name = shown(symbol);
        object = o->module->path;
        h->low = h->high = symbol ? within : vaddr;
    } else if (h->kind == HT_WHO_THREAD_LOCAL) {
        uint64_t start = s->pointer - local_size(p), within = 0;
        const char *symbol =
            at >= start && at < s->pointer
                ? ht_variables_find_local(p->program->variables, at - start, &within)
                : NULL;
        name = shown(symbol);
        object = symbol ? p->program->module->path : "";
        h->low = h->high = within;
        take_thread(p, s->tid, h);
    } else if (h->kind == HT_WHO_STACK) {
        pid_t tid = s ? s->tid : p->r->pid;
        name = frame_name(p, tid, at);
        take_thread(p, tid, h);
    } else {
        if (h->kind == HT_WHO_MEMORY)
            memory_name(ht_remote_map_at(p->r, at), text, sizeof text);
        else if (h->kind != HT_WHO_AMONG)
            loose_name(at, text, sizeof text);
        if (h->kind == HT_WHO_CALL || h->kind == HT_WHO_REGISTER)
            take_thread(p, (pid_t)(uint32_t)at, h);
        name = plain(text);
    }
    char *file = plain(object);
    h->name = name && file ? intern(w, h->kind, name, file, h->thread) : UINT32_MAX;
    free(name);
    free(file);
    return h->name == UINT32_MAX ? -ENOMEM : 0;
}
