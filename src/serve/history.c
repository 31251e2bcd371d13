/* SPDX-License-Identifier: MIT */
/*
 * The points of each process. The thread looks every EVERY_MS, but takes at most one in COST of a
 * processor: with many processes it looks less often. What the page asks for is noted too.
 */
#include "config.h"

#include "serve/history.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVERY_MS = 5000, COST = 500, GAP_MS = 2000 };

struct point {
    int64_t at_ms, inuse, resident, threads;
};

struct series {
    pid_t pid;
    uint64_t started;
    int64_t gap_ms; /* the least between two points */
    size_t n;
    struct point *points; /* room for HT_HISTORY_POINTS */
};

struct ht_history {
    const struct ht_serve_source *source;
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t ends;  /* stopping */
    bool stopping;
    int64_t noted_ms;    /* when a list was noted last */
    struct series *list; /* by pid and start */
    size_t n;
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int by_process(const void *pa, const void *pb)
{
    const struct series *a = pa, *b = pb;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return a->started < b->started ? -1 : a->started > b->started;
}

static struct series *find(const struct ht_history *h, const struct ht_target *t)
{
    const struct series key = {.pid = t->pid, .started = t->started};
    return h->n ? bsearch(&key, h->list, h->n, sizeof key, by_process) : NULL;
}

static void add_point(struct series *s, const struct ht_target *t, int64_t now)
{
    if (!s->points || !t->alive || (s->n && now - s->points[s->n - 1].at_ms < s->gap_ms))
        return;
    if (s->n == HT_HISTORY_POINTS) {
        for (size_t i = 0; i < s->n / 2; i++)
            s->points[i] = s->points[2 * i];
        s->n /= 2;
        s->gap_ms *= 2;
    }
    s->points[s->n++] =
        (struct point){now, t->stats.inuse_bytes, t->stats.resident, t->stats.threads};
}

/* The list's processes take their points along; those of others are freed. */
static void note(struct ht_history *h, const struct ht_target *list, size_t n, int64_t now)
{
    size_t most = n < HT_HISTORY_PROCESSES ? n : HT_HISTORY_PROCESSES, kept = 0;
    struct series *next = calloc(most + 1, sizeof *next);
    if (!next)
        return;
    for (size_t i = 0; i < n && kept < most; i++) {
        struct series *old = find(h, &list[i]), *s = &next[kept];
        if (!list[i].pid || list[i].damage || (!old && !list[i].alive))
            continue;
        *s = old ? *old : (struct series){list[i].pid, list[i].started, GAP_MS, 0, NULL};
        if (old)
            old->points = NULL;
        if (!s->points)
            s->points = malloc(HT_HISTORY_POINTS * sizeof *s->points);
        s->n = s->points ? s->n : 0;
        add_point(s, &list[i], now);
        kept++;
    }
    qsort(next, kept, sizeof *next, by_process);
    for (size_t i = 0; i < h->n; i++)
        free(h->list[i].points);
    free(h->list);
    h->list = next;
    h->n = kept;
    h->noted_ms = now;
}

void ht_history_note(struct ht_history *h, const struct ht_target *list, size_t n)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (!h->noted_ms || now - h->noted_ms >= GAP_MS)
        note(h, list, n, now);
    pthread_mutex_unlock(&h->lock);
}

/* Waits until then, or until the end: true. The lock is held. */
static bool wait_until(struct ht_history *h, int64_t ms)
{
    const struct timespec until = {ms / 1000, ms % 1000 * 1000000};
    while (!h->stopping && clock_ms(CLOCK_MONOTONIC) < ms)
        pthread_cond_timedwait(&h->ends, &h->lock, &until);
    return h->stopping;
}

static void *look(void *ctx)
{
    struct ht_history *h = ctx;
    pthread_mutex_lock(&h->lock);
    for (int64_t wait = EVERY_MS; !h->stopping;) {
        int64_t now = clock_ms(CLOCK_MONOTONIC);
        if (h->noted_ms && now - h->noted_ms < wait) {
            wait_until(h, h->noted_ms + wait);
            continue;
        }
        pthread_mutex_unlock(&h->lock);
        struct ht_target *list;
        size_t n;
        int64_t from = clock_ms(CLOCK_THREAD_CPUTIME_ID);
        int err = h->source->glance(h->source->ctx, &list, &n);
        int64_t cost = clock_ms(CLOCK_THREAD_CPUTIME_ID) - from;
        pthread_mutex_lock(&h->lock);
        h->noted_ms = clock_ms(CLOCK_MONOTONIC);
        if (!err) {
            note(h, list, n, h->noted_ms);
            ht_targets_free(list, n);
        }
        wait = cost * COST > EVERY_MS ? cost * COST : EVERY_MS;
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

struct ht_history *ht_history_start(const struct ht_serve_source *source)
{
    struct ht_history *h = source->glance ? calloc(1, sizeof *h) : NULL;
    if (!h)
        return NULL;
    h->source = source;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->ends, &attr);
    pthread_condattr_destroy(&attr);
    if (!pthread_create(&h->thread, NULL, look, h))
        return h;
    pthread_cond_destroy(&h->ends);
    pthread_mutex_destroy(&h->lock);
    free(h);
    return NULL;
}

void ht_history_write(struct ht_history *h, FILE *out, const struct ht_target *t)
{
    static const struct {
        const char *name;
        size_t at;
    } columns[] = {{"inuse_space", offsetof(struct point, inuse)},
                   {"resident", offsetof(struct point, resident)},
                   {"threads", offsetof(struct point, threads)}};
    const struct series none = {0}, *s = NULL;
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (h) {
        pthread_mutex_lock(&h->lock);
        s = find(h, t);
    }
    if (!s)
        s = &none;
    fputs("{\"ago\":[", out);
    for (size_t i = 0; i < s->n; i++)
        fprintf(out, i ? ",%" PRId64 : "%" PRId64, now - s->points[i].at_ms);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        fprintf(out, "],\"%s\":[", columns[c].name);
        for (size_t i = 0; i < s->n; i++) {
            int64_t v;
            memcpy(&v, (const char *)&s->points[i] + columns[c].at, sizeof v);
            fprintf(out, i ? ",%" PRId64 : "%" PRId64, v);
        }
    }
    fputs("]}", out);
    if (h)
        pthread_mutex_unlock(&h->lock);
}

void ht_history_destroy(struct ht_history *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->ends);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    for (size_t i = 0; i < h->n; i++)
        free(h->list[i].points);
    free(h->list);
    pthread_cond_destroy(&h->ends);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
