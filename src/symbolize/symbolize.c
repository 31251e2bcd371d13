/* SPDX-License-Identifier: MIT */
/*
 * Sorts the addresses of a profile by binary, so that each binary is opened once; asks the cache,
 * then the binary, and stores what is new. Progress is shown, and a signal ends the work with
 * what there is.
 */
#include "config.h"

#include "symbolize/symbolize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "profile/profile.h"
#include "symbolize/cache.h"
#include "symbolize/functions.h"
#include "symbolize/module.h"
#include "symbolize/package.h"
#include "symbolize/perfmap.h"
#include "util/hash.h"
#include "util/utf8.h"

/* A Location to be named, and its address in the file. */
struct target {
    struct ht_location *loc;
    uint64_t vaddr;
    bool placed;
};

struct work {
    struct ht_profile *p;
    const struct ht_symbolize_options *o;
    struct ht_functions functions;
    struct ht_perfmap *perfmap;
    struct target *targets; /* sorted by file, build-id, mapping, address */
    size_t n;
    struct timespec began;
    const char *current; /* the current file, for the progress line */
    size_t current_n;
    bool shown;
    char replaced[256], missing[256];
    const struct ht_mapping *stripped; /* most addresses without a name lie in it */
    size_t n_stripped, n_unnamed;
    size_t n_replaced, n_missing;
};

static bool named_already(const struct ht_mapping *m)
{
    return m->has_functions || m->has_filenames || m->has_line_numbers;
}

static bool is_anonymous_name(const char *file)
{
    return !*file || !strncmp(file, "//anon", 6) || !strncmp(file, "[anon", 5) ||
           !strncmp(file, "/memfd:", 7) || !strcmp(file, "/dev/zero") || !strcmp(file, "[heap]");
}

/* Anonymous memory, where JIT code is. A build-id shows that an object was loaded from a file
 * without a name. */
static bool anonymous(const struct ht_mapping *m)
{
    return !m || (!*m->build_id && is_anonymous_name(m->file));
}

static int by_module(const void *pa, const void *pb)
{
    const struct target *a = pa, *b = pb;
    const struct ht_mapping *m = a->loc->mapping, *n = b->loc->mapping;
    if (m != n) {
        if (!m || !n)
            return m ? 1 : -1;
        int c = strcmp(m->file, n->file);
        if (!c)
            c = strcmp(m->build_id, n->build_id);
        if (!c)
            c = m->start < n->start ? -1 : m->start > n->start;
        if (c)
            return c;
    }
    return a->loc->address < b->loc->address ? -1 : a->loc->address > b->loc->address;
}

static int by_vaddr(const void *pa, const void *pb)
{
    const struct target *a = pa, *b = pb;
    if (a->placed != b->placed)
        return a->placed ? -1 : 1;
    return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

static bool same_module(const struct target *a, const struct target *b)
{
    const struct ht_mapping *m = a->loc->mapping, *n = b->loc->mapping;
    return m == n || (m && n && m->file == n->file && m->build_id == n->build_id);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The file's name, made harmless for a terminal: a profile may contain escape codes. */
static const char *shown_name(const char *path, char out[64])
{
    snprintf(out, 64, "%s", base_name(path));
    ht_plain_text(out, false);
    return out;
}

static bool stopped(const struct work *w)
{
    return w->o->stop && *w->o->stop;
}

/* True once the work has taken long enough for a progress line. */
static bool progress_due(const struct work *w)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double s =
        (double)(now.tv_sec - w->began.tv_sec) + (double)(now.tv_nsec - w->began.tv_nsec) / 1e9;
    return w->o->progress && s >= 1 && isatty(fileno(w->o->progress));
}

static bool tick(void *arg, size_t done)
{
    struct work *w = arg;
    if (stopped(w) || !progress_due(w))
        return !stopped(w);
    char name[64];
    fprintf(w->o->progress, "\rnaming addresses: %.40s %zu of %zu\033[K",
            shown_name(w->current, name), done, w->current_n);
    fflush(w->o->progress);
    w->shown = true;
    return true;
}

static bool waiting(void *arg)
{
    struct work *w = arg;
    if (stopped(w) || !progress_due(w))
        return !stopped(w);
    char name[64];
    fprintf(w->o->progress, "\rasking debuginfod for %.40s\033[K", shown_name(w->current, name));
    fflush(w->o->progress);
    w->shown = true;
    return true;
}

/* A key of the files that the names were made from. */
static uint64_t cache_key(const struct ht_found *f, bool lines)
{
    uint64_t key = lines ? HT_GOLDEN_RATIO : 0xc2b2ae3d27d4eb4fu;
    const uint64_t parts[] = {f->main.size, f->main.mtime_ns, f->debug.size, f->debug.mtime_ns};
    for (size_t i = 0; i < 4; i++) {
        key = (key ^ parts[i]) * 0xff51afd7ed558ccdu;
        key ^= key >> 32;
    }
    return key | 1;
}

static int apply(struct work *w, struct ht_location *loc, const struct ht_addr *a)
{
    if (!a->n_frames)
        return 0;
    struct ht_line *lines = ht_profile_alloc(w->p, a->n_frames * sizeof *lines);
    if (!lines)
        return -ENOMEM;
    struct ht_mapping *m = loc->mapping;
    for (uint32_t i = 0; i < a->n_frames; i++) {
        const struct ht_sym_frame *f = &a->frames[i];
        char place[300];
        bool placed = m && f->name && !strncmp(f->name, HT_PLACE_NAME, strlen(HT_PLACE_NAME));
        if (placed)
            snprintf(place, sizeof place, "%.255s%s", base_name(m->file), f->name);
        lines[i].function =
            ht_functions_get(&w->functions, placed ? place : f->name, f->file, f->start_line);
        lines[i].line = f->line;
        if (!lines[i].function)
            return -ENOMEM;
        if (m) {
            m->has_functions |= f->name != NULL;
            m->has_filenames |= f->file != NULL;
            m->has_line_numbers |= f->line != 0;
        }
    }
    if (m)
        m->has_inline_frames |= w->o->lines_and_inlines;
    loc->lines = lines;
    loc->n_lines = a->n_frames;
    loc->is_folded = false;
    return 0;
}

/* Takes names from the cache, finds the others in m, and stores them. Without m only the cache
 * is used. */
static int resolve(struct work *w, struct ht_sym_module *m, const char *build_id, uint64_t key,
                   struct ht_cache *cache, struct ht_addr *addrs, size_t n)
{
    unsigned char *known = calloc(n, 1);
    struct ht_addr *rest = calloc(n, sizeof *rest);
    size_t n_rest = 0;
    int err = known && rest ? 0 : -ENOMEM;
    if (!err && cache)
        ht_cache_get(cache, addrs, known, n);
    for (size_t i = 0; i < n && !err && m; i++)
        if (!known[i])
            rest[n_rest++] = addrs[i];
    w->current_n = n_rest;
    if (n_rest)
        err = ht_sym_module_resolve(m, rest, n_rest, w->o->lines_and_inlines, tick, w);
    for (size_t i = 0, k = 0; k < n_rest && !err; i++)
        if (!known[i])
            addrs[i] = rest[k++];
    if (!err && n_rest && !w->o->no_cache && *build_id)
        ht_cache_store(build_id, key, ht_sym_module_segments(m), cache, rest, n_rest);
    free(known);
    free(rest);
    return err;
}

/* Computes the addresses in the file, sorts the targets by them, and names them. */
static int name_targets(struct work *w, struct target *t, size_t n, struct ht_sym_module *m,
                        const struct ht_segments *segments, const char *build_id, uint64_t key,
                        struct ht_cache *cache)
{
    for (size_t i = 0; i < n; i++) {
        const struct ht_mapping *lm = t[i].loc->mapping;
        t[i].placed = ht_segments_vaddr(segments, lm->start, lm->limit, lm->offset,
                                        t[i].loc->address, &t[i].vaddr) == 0;
    }
    qsort(t, n, sizeof *t, by_vaddr);
    struct ht_addr *addrs = calloc(n, sizeof *addrs);
    size_t n_addrs = 0;
    int err = addrs ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && t[i].placed && !err; i++)
        if (!n_addrs || addrs[n_addrs - 1].vaddr != t[i].vaddr)
            addrs[n_addrs++].vaddr = t[i].vaddr;
    if (!err && n_addrs)
        err = resolve(w, m, build_id, key, cache, addrs, n_addrs);
    for (size_t i = 0, k = 0; i < n && t[i].placed && !err; i++) {
        while (addrs[k].vaddr != t[i].vaddr)
            k++;
        err = apply(w, t[i].loc, &addrs[k]);
    }
    free(addrs);
    return err;
}

static void remember(char *list, size_t size, size_t *count, const char *file)
{
    size_t n = strlen(list);
    char name[64];
    if ((*count)++ < 3)
        snprintf(list + n, size - n, "%s%s", n ? ", " : "", shown_name(file, name));
}

static void count_unnamed(struct work *w, const struct ht_mapping *m, const struct target *t,
                          size_t n)
{
    size_t places = 0;
    for (size_t i = 0; i < n; i++)
        places += ht_location_is_place(t[i].loc);
    w->n_unnamed += places;
    if (places > w->n_stripped) {
        w->n_stripped = places;
        w->stripped = m;
    }
}

static int name_module(struct work *w, struct target *t, size_t n)
{
    struct ht_mapping *map = t->loc->mapping;
    struct ht_find what = {.file = map->file,
                           .build_id = map->build_id,
                           .start = map->start,
                           .pid = w->o->pid,
                           .root = w->o->root,
                           .waiting = waiting,
                           .waiting_arg = w};
    struct ht_sym_module m;
    struct ht_cache *cache = NULL;
    w->current = map->file;
    w->current_n = n;
    tick(w, 0);
    int err = ht_sym_module_open(&m, &what, w->o->lines_and_inlines);
    if (err == 0) {
        const char *id = m.found.main.elf ? m.found.main.build_id : m.found.debug.build_id;
        /* What the file itself was once asked is better than what is in memory of it. */
        bool kept_first = m.found.from_memory && !m.found.debug.elf;
        uint64_t key = kept_first ? 0 : cache_key(&m.found, w->o->lines_and_inlines);
        if (!w->o->no_cache)
            cache = ht_cache_load(id, key);
        err =
            name_targets(w, t, n, &m, ht_sym_module_segments(&m), kept_first ? "" : id, key, cache);
        ht_sym_module_finish(&m);
    } else if (err == -ENOENT) {
        /* Names of an earlier report outlive the binary. */
        if (!w->o->no_cache)
            cache = ht_cache_load(map->build_id, 0);
        bool lacking = false;
        for (size_t i = 0; i < n; i++)
            lacking |= !t[i].loc->n_lines;
        if (lacking && !cache && m.found.replaced)
            remember(w->replaced, sizeof w->replaced, &w->n_replaced, map->file);
        else if (lacking && !cache)
            remember(w->missing, sizeof w->missing, &w->n_missing, map->file);
        err = cache ? name_targets(w, t, n, NULL, ht_cache_segments(cache), "", 0, cache) : 0;
    }
    ht_cache_close(cache);
    if (!err)
        count_unnamed(w, map, t, n);
    return err;
}

static int name_jit(struct work *w, struct target *t, size_t n)
{
    if (!w->perfmap)
        return 0;
    for (size_t i = 0; i < n; i++) {
        struct ht_sym_frame f = {.name = ht_perfmap_find(w->perfmap, t[i].loc->address)};
        struct ht_addr a = {.frames = &f, .n_frames = f.name ? 1 : 0};
        int err = apply(w, t[i].loc, &a);
        if (err)
            return err;
    }
    return 0;
}

/* Named by the process itself, for the file was not to be seen by it (gone, or outside its root):
 * the file, if there is one after all, says more. */
static bool named_from_memory(const struct ht_profile *p, const struct ht_location *l)
{
    return p->n_comments && !strncmp(p->comments[0], "heaptap ", 8) && l->n_lines == 1 &&
           !l->lines[0].line && l->lines[0].function && !*l->lines[0].function->filename &&
           l->mapping && !named_already(l->mapping);
}

static int collect(struct work *w)
{
    w->targets = calloc(w->p->n_locations + 1, sizeof *w->targets);
    if (!w->targets)
        return -ENOMEM;
    for (size_t i = 0; i < w->p->n_locations; i++) {
        struct ht_location *l = w->p->locations[i];
        if (!w->o->force && !ht_location_is_place(l) && !named_from_memory(w->p, l) &&
            (l->n_lines || (l->mapping && named_already(l->mapping))))
            continue;
        w->targets[w->n++].loc = l;
    }
    if (w->n)
        qsort(w->targets, w->n, sizeof *w->targets, by_module);
    return 0;
}

/* The pid that the profile's writer left in a comment; 0 when there is none, or more than one. */
static pid_t comment_pid(const struct ht_profile *p)
{
    long pid = 0;
    for (size_t i = 0; i < p->n_comments; i++) {
        if (strncmp(p->comments[i], "pid: ", 5))
            continue;
        long v = strtol(p->comments[i] + 5, NULL, 10);
        if (pid && v != pid)
            return 0;
        pid = v;
    }
    return pid > 0 && pid < 1 << 30 ? (pid_t)pid : 0;
}

/* When a tenth of all addresses has no name: which package would name most of them. */
static void say_stripped(const struct work *w, char *msg, size_t size)
{
    char name[64], advice[320];
    if (!w->stripped || w->n_unnamed * 10 < w->p->n_locations)
        return;
    shown_name(w->stripped->file, name);
    if (ht_package_advice(w->stripped->file, advice, sizeof advice))
        snprintf(msg, size, "%s has no symbols for %zu of %zu addresses: %s", name, w->n_stripped,
                 w->p->n_locations, advice);
    else
        snprintf(msg, size,
                 "%s has no symbols for %zu of %zu addresses: its debug package, or a build that "
                 "is not stripped, has them; so may a server that DEBUGINFOD_URLS names",
                 name, w->n_stripped, w->p->n_locations);
}

static void report(const struct work *w, char *msg, size_t size)
{
    if (!size)
        return;
    *msg = 0;
    if (w->n_replaced)
        snprintf(msg, size,
                 "no names for %s%s: the file there now is another build than the profile's "
                 "(PPROF_BINARY_PATH can point to the right one)",
                 w->replaced, w->n_replaced > 3 ? " and others" : "");
    else if (w->n_missing)
        snprintf(msg, size, "no names for %s%s: not found (PPROF_BINARY_PATH can say where)",
                 w->missing, w->n_missing > 3 ? " and others" : "");
    else
        say_stripped(w, msg, size);
}

int ht_symbolize(struct ht_profile *p, const struct ht_symbolize_options *o, char *msg,
                 size_t msg_size)
{
    static const struct ht_symbolize_options defaults = {.lines_and_inlines = true};
    struct work w = {.p = p, .o = o ? o : &defaults};
    clock_gettime(CLOCK_MONOTONIC, &w.began);
    int err = ht_functions_init(&w.functions, p, w.o->demangle, w.o->force);
    if (!err)
        err = collect(&w);
    if (!err && w.n)
        w.perfmap = ht_perfmap_open(w.o->pid ? w.o->pid : comment_pid(p), w.o->pid != 0, w.o->root,
                                    p->time_nanos);
    for (size_t i = 0; i < w.n && !err;) {
        if (stopped(&w)) {
            err = -EINTR;
            break;
        }
        size_t first = i;
        while (i < w.n && same_module(&w.targets[first], &w.targets[i]))
            i++;
        struct target *t = &w.targets[first];
        err =
            anonymous(t->loc->mapping) ? name_jit(&w, t, i - first) : name_module(&w, t, i - first);
    }
    if (!err && stopped(&w))
        err = -EINTR;
    if (w.shown)
        fputs("\r\033[K", w.o->progress);
    report(&w, msg, msg_size);
    ht_perfmap_close(w.perfmap);
    ht_functions_finish(&w.functions);
    free(w.targets);
    return err;
}
