/* SPDX-License-Identifier: MIT */
/* Profiles that have been read, or are being read: target N is the N-th, counted from 1. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/profile.h"
#include "serve/target.h"

struct memory {
    const struct ht_named_profile *profiles;
    size_t n;
    struct ht_target_stats *stats;
    /* Held while a profile is used, by one thread at a time; and for the rest. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of state and stopping */
    enum { READING, READ, FAILED } state;
    bool stopping;
};

static const struct ht_target_stats unknown = {-1, -1, -1, -1, -1, -1, -1, -1, -1};

static int list(void *ctx, struct ht_target **targets, size_t *n)
{
    struct memory *m = ctx;
    struct ht_target *t = calloc(m->n, sizeof *t);
    if (!t)
        return -ENOMEM;
    pthread_mutex_lock(&m->lock);
    bool reading = m->state == READING;
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < m->n; i++) {
        const char *name = m->profiles[i].name, *slash = strrchr(name, '/');

        snprintf(t[i].id, sizeof t[i].id, "%zu", i + 1);
        t[i].name = strdup(!strcmp(name, "-")  ? "standard input"
                           : slash && slash[1] ? slash + 1
                                               : name);
        t[i].command = strdup(name);
        t[i].reading = reading;
        t[i].stats = reading ? unknown : m->stats[i];
        if (!t[i].name || !t[i].command) {
            ht_targets_free(t, m->n);
            return -ENOMEM;
        }
    }
    *targets = t;
    *n = m->n;
    return 0;
}

static const struct ht_named_profile *find(const struct memory *m, const char *id)
{
    char *end;
    unsigned long i = strtoul(id, &end, 10);
    return *end || i < 1 || i > m->n ? NULL : &m->profiles[i - 1];
}

static struct ht_profile *profile(void *ctx, const char *id, pid_t *pid, int *err, char *msg,
                                  size_t msg_size)
{
    struct memory *m = ctx;
    const struct ht_named_profile *named = find(m, id);
    *pid = 0;
    if (!named) {
        *err = -ENOENT;
        snprintf(msg, msg_size, "no profile %s here", id);
        return NULL;
    }
    pthread_mutex_lock(&m->lock);
    while (m->state == READING && !m->stopping)
        pthread_cond_wait(&m->changed, &m->lock);
    bool read = m->state == READ;
    struct ht_profile *copy = read ? ht_profile_copy(named->profile) : NULL;
    pthread_mutex_unlock(&m->lock);
    if (!read) {
        *err = -EIO;
        snprintf(msg, msg_size, "%s could not be read", named->name);
    } else if (!copy) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "out of memory");
    }
    return copy;
}

static int cmdline(void *ctx, const char *id, char **words, size_t *size, char *msg,
                   size_t msg_size)
{
    const struct ht_named_profile *named = find(ctx, id);
    if (!named) {
        snprintf(msg, msg_size, "no profile %s here", id);
        return -ENOENT;
    }
    *words = strdup(named->name);
    *size = strlen(named->name);
    return *words ? 0 : -ENOMEM;
}

static void stop(void *ctx)
{
    struct memory *m = ctx;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void ht_source_memory_read(struct ht_serve_source *s, bool ok)
{
    struct memory *m = s->ctx;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; ok && i < m->n; i++)
        ht_target_stats_of(m->profiles[i].profile, &m->stats[i]);
    m->state = ok ? READ : FAILED;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

int ht_source_memory_init(struct ht_serve_source *s, const struct ht_named_profile *profiles,
                          size_t n)
{
    struct memory *m = malloc(sizeof *m);
    if (!m)
        return -ENOMEM;
    *m = (struct memory){.profiles = profiles, .n = n, .stats = calloc(n, sizeof *m->stats)};
    if (!m->stats) {
        free(m);
        return -ENOMEM;
    }
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all &= profiles[i].profile != NULL;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    *s = (struct ht_serve_source){m, false, list, NULL, profile, NULL, NULL, cmdline, stop};
    if (all)
        ht_source_memory_read(s, true);
    return 0;
}

void ht_source_memory_finish(struct ht_serve_source *s)
{
    struct memory *m = s->ctx;
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m->stats);
    free(m);
    s->ctx = NULL;
}
