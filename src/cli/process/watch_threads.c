/* SPDX-License-Identifier: MIT */
/*
 * Each look is a profile of threads, named from symbol tables. Places are compared by the names of
 * their frames, so that a place stays the same when a library was reloaded in between.
 */
#include "config.h"

#include "cli/process/watch_threads.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "remote/remote.h"
#include "symbolize/symbolize.h"
#include "util/utf8.h"

enum { CLIMBS = 3 };

int ht_thread_place_climbs(const struct ht_thread_place *p)
{
    return p->rises >= CLIMBS && !p->falls;
}

static const char *label_of(const struct ht_sample *s, const char *key)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].str && !strcmp(s->labels[i].key, key))
            return s->labels[i].str;
    return "";
}

/* "poll < wait < main"; to free. NULL: out of memory. */
static char *stack_text(const struct ht_sample *s)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct ht_location *l = s->locations[i];
        const char *file = l->mapping ? strrchr(l->mapping->file, '/') : NULL;
        for (size_t k = 0; k < l->n_lines; k++)
            fprintf(out, "%s%s", i + k ? " < " : "", l->lines[k].function->name);
        if (!l->n_lines)
            fprintf(out, "%s%s+0x%" PRIx64, i ? " < " : "", file ? file + 1 : "",
                    l->mapping ? l->address - l->mapping->start + l->mapping->offset : l->address);
    }
    if (!s->n_locations)
        fputs("(they ran)", out);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    ht_plain_text(text, false);
    return text;
}

static struct ht_thread_place *place_of(struct ht_thread_watch *w, const struct ht_sample *s)
{
    char *stack = stack_text(s), *name = strdup(label_of(s, "thread"));
    if (!stack || !name)
        goto fail;
    ht_plain_text(name, false);
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->places[i].stack, stack) && !strcmp(w->places[i].name, name)) {
            free(stack);
            free(name);
            return &w->places[i];
        }
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        struct ht_thread_place *more = realloc(w->places, room * sizeof *more);
        if (!more)
            goto fail;
        w->places = more;
        w->room = room;
    }
    w->places[w->n] = (struct ht_thread_place){.stack = stack, .name = name};
    return &w->places[w->n++];
fail:
    free(stack);
    free(name);
    return NULL;
}

static int by_growth(const void *a, const void *b)
{
    const struct ht_thread_place *x = a, *y = b;
    long gx = x->now - x->first, gy = y->now - y->first;
    if (gx != gy)
        return gx > gy ? -1 : 1;
    return x->now != y->now ? (x->now > y->now ? -1 : 1) : strcmp(x->stack, y->stack);
}

static int count(struct ht_thread_watch *w, const struct ht_profile *p)
{
    size_t known = w->n;
    long *before = calloc(w->n + p->n_samples + 1, sizeof *before);
    if (!before)
        return -ENOMEM;
    for (size_t i = 0; i < w->n; i++) {
        before[i] = w->places[i].now;
        w->places[i].now = 0;
    }
    w->now = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_thread_place *at = place_of(w, &p->samples[i]);
        if (!at) {
            free(before);
            return -ENOMEM;
        }
        at->now += (long)p->samples[i].values[0];
        w->now += (long)p->samples[i].values[0];
    }
    for (size_t i = 0; i < w->n; i++) {
        struct ht_thread_place *at = &w->places[i];
        if (!w->looks)
            at->first = at->now;
        at->rises += w->looks && at->now > before[i];
        at->falls += i < known && at->now < before[i];
    }
    free(before);
    if (!w->looks++)
        w->first = w->now;
    if (w->n)
        qsort(w->places, w->n, sizeof *w->places, by_growth);
    return 0;
}

int ht_thread_watch_look(struct ht_thread_watch *w, char *msg, size_t msg_size)
{
    struct ht_remote r;
    struct ht_remote_threads t;
    struct ht_profile *p = NULL;
    char note[512];
    int err = ht_remote_open(&r, w->pid, msg, msg_size);
    if (err)
        return err;
    err = ht_remote_list_threads(&r, false, &t, msg, msg_size);
    if (!err) {
        const struct ht_symbolize_options o = {.pid = w->pid};
        const char *exe = strrchr(r.program, '/');
        snprintf(w->program, sizeof w->program, "%.63s", exe ? exe + 1 : r.program);
        p = ht_remote_threads_profile(&r, &t, false);
        err = p ? ht_symbolize(p, &o, note, sizeof note) : -ENOMEM;
        if (!err)
            err = count(w, p);
        if (err)
            snprintf(msg, msg_size, "%s", strerror(-err));
        ht_remote_threads_free(&t);
    }
    ht_profile_destroy(p);
    ht_remote_close(&r);
    return err;
}

void ht_thread_watch_finish(struct ht_thread_watch *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->places[i].stack);
        free(w->places[i].name);
    }
    free(w->places);
}
