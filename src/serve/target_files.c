/* SPDX-License-Identifier: MIT */
/* Profiles from files: target N is the N-th file, counted from 1. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/target.h"

struct files {
    char **paths;
    size_t n;
};

static int list(void *ctx, struct ht_target **targets, size_t *n)
{
    const struct files *f = ctx;
    struct ht_target *t = calloc(f->n, sizeof *t);

    if (!t)
        return -ENOMEM;
    for (size_t i = 0; i < f->n; i++) {
        const char *slash = strrchr(f->paths[i], '/');

        snprintf(t[i].id, sizeof t[i].id, "%zu", i + 1);
        t[i].name = strdup(slash ? slash + 1 : f->paths[i]);
        t[i].cmdline = strdup(f->paths[i]);
        t[i].cmdline_size = strlen(f->paths[i]) + 1;
        if (!t[i].name || !t[i].cmdline) {
            ht_targets_free(t, f->n);
            return -ENOMEM;
        }
    }
    *targets = t;
    *n = f->n;
    return 0;
}

static struct ht_profile *profile(void *ctx, const char *id, int *err, char *msg, size_t msg_size)
{
    const struct files *f = ctx;
    char *end;
    unsigned long i = strtoul(id, &end, 10);

    if (*end || i < 1 || i > f->n) {
        *err = -ENOENT;
        snprintf(msg, msg_size, "no profile %s here", id);
        return NULL;
    }
    return ht_profile_read_file(f->paths[i - 1], err, msg, msg_size);
}

static int stats(void *ctx, const char *id, struct ht_target_stats *out)
{
    char msg[256];
    int err = 0;
    struct ht_profile *p = profile(ctx, id, &err, msg, sizeof msg);

    if (!p)
        return err;
    ht_target_stats_of(p, out);
    ht_profile_destroy(p);
    return 0;
}

int ht_source_files_init(struct ht_serve_source *s, char **paths, size_t n)
{
    struct files *f = malloc(sizeof *f);

    if (!f)
        return -ENOMEM;
    *f = (struct files){paths, n};
    *s = (struct ht_serve_source){f, false, list, profile, stats};
    return 0;
}

void ht_source_files_finish(struct ht_serve_source *s)
{
    free(s->ctx);
    s->ctx = NULL;
}
