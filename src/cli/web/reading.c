/* SPDX-License-Identifier: MIT */
/*
 * Profiles that a thread reads while the server runs already. Small ones are there before its
 * address is printed, and so is the complaint about one that cannot be read.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/source/source.h"
#include "cli/web/serving.h"
#include "profile/profile.h"
#include "symbolize/symbolize.h"

/* How long the address waits for the profiles. */
#define HEAD_START_NS 200000000

struct reading {
    const struct ht_serving_load *load;
    struct ht_named_profile *profiles;
    size_t n;
    struct ht_serve_source source;
    pthread_t server, reader;
    pthread_mutex_t lock; /* of done and status */
    pthread_cond_t ended; /* done */
    bool done;
    int status; /* for exit: 1 after a complaint */
};

static void *read_all(void *ctx)
{
    struct reading *r = ctx;
    int status = 0;
    for (size_t i = 0; !status && i < r->n; i++) {
        r->profiles[i].profile = r->load->load(r->load->ctx, i);
        status = !r->profiles[i].profile;
    }
    ht_source_memory_read(&r->source, !status);
    pthread_mutex_lock(&r->lock);
    r->done = true;
    r->status = status;
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock);
    /* A server without profiles ends, as by a signal of the user's. */
    if (status)
        pthread_kill(r->server, SIGTERM);
    return NULL;
}

/* Waits for the end of the reading, for a while. Whether it has failed by then. */
static bool failed_soon(struct reading *r)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HEAD_START_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&r->lock);
    while (!r->done && pthread_cond_timedwait(&r->ended, &r->lock, &until) != ETIMEDOUT)
        ;
    bool failed = r->done && r->status;
    pthread_mutex_unlock(&r->lock);
    return failed;
}

/* Status of the whole. A reader that is still at work ends with the process. */
static int end(struct reading *r, int status)
{
    pthread_mutex_lock(&r->lock);
    bool done = r->done;
    pthread_mutex_unlock(&r->lock);
    if (!done) {
        fflush(NULL);
        _exit(status);
    }
    pthread_join(r->reader, NULL);
    ht_source_memory_finish(&r->source);
    for (size_t i = 0; i < r->n; i++)
        ht_profile_destroy(r->profiles[i].profile);
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    free(r->profiles);
    return r->status ? r->status : status;
}

int ht_serving_read(struct ht_serving *s, const struct ht_serving_load *l)
{
    struct reading r = {.load = l,
                        .profiles = calloc(l->n, sizeof *r.profiles),
                        .n = l->n,
                        .server = pthread_self()};
    if (!r.profiles)
        return ht_complain(1, "out of memory");
    for (size_t i = 0; i < l->n; i++)
        r.profiles[i].name = l->names[i];
    if (ht_source_memory_init(&r.source, r.profiles, l->n)) {
        free(r.profiles);
        return ht_complain(1, "out of memory");
    }
    ht_serving_prepare();
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.ended, NULL);
    int err = pthread_create(&r.reader, NULL, read_all, &r);
    if (err) {
        ht_source_memory_finish(&r.source);
        free(r.profiles);
        return ht_complain(1, "cannot start a thread: %s", strerror(err));
    }
    int status = failed_soon(&r) ? 1 : ht_serving_run(s, &r.source, l->compare ? "1" : NULL, true);
    return end(&r, status);
}

static struct ht_profile *load_source(void *ctx, size_t i)
{
    const struct ht_symbolize_options names = {.lines_and_inlines = true};
    const struct ht_source_options how = {.symbolize = &names, .files_too = true};
    char *const *sources = ctx, msg[512] = "";
    int err = 0;
    struct ht_profile *p = ht_source_load_with(sources[i], &how, &err, msg, sizeof msg);
    if (!p)
        ht_complain(1, "%s", *msg ? msg : strerror(-err));
    return p;
}

int ht_serving_sources(struct ht_serving *s, char *const *sources, size_t n, bool compare)
{
    const struct ht_serving_load l = {load_source, (void *)(uintptr_t)sources,
                                      (const char *const *)sources, n, compare};
    return ht_serving_read(s, &l);
}
