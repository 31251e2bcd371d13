/* SPDX-License-Identifier: MIT */
/* The files of the targets that were asked for last, each set as the strings of a small profile. */
#include "config.h"

#include "serve/source_names.h"

#include <string.h>

#include "profile/profile.h"

void ht_source_names_init(struct ht_source_names *n)
{
    memset(n, 0, sizeof *n);
    pthread_mutex_init(&n->lock, NULL);
}

void ht_source_names_finish(struct ht_source_names *n)
{
    for (int i = 0; i < HT_SOURCE_TARGETS; i++)
        ht_profile_destroy(n->of[i].names);
    pthread_mutex_destroy(&n->lock);
}

/* The place of a target; with `make` that of the one unused for longest, if it has none. -1: none.
 */
static int place_of(struct ht_source_names *n, const char *id, bool make)
{
    int oldest = 0;
    for (int i = 0; i < HT_SOURCE_TARGETS; i++) {
        if (n->of[i].names && !strcmp(n->of[i].id, id))
            return i;
        if (n->of[i].used < n->of[oldest].used)
            oldest = i;
    }
    return make ? oldest : -1;
}

bool ht_source_names_have(struct ht_source_names *n, const char *id, const char *file)
{
    bool have = false;
    pthread_mutex_lock(&n->lock);
    int at = place_of(n, id, false);
    if (at >= 0) {
        const struct ht_profile *names = n->of[at].names;
        n->of[at].used = ++n->uses;
        for (size_t i = 0; i < names->n_functions && !have; i++)
            have = !strcmp(names->functions[i]->filename, file);
    }
    pthread_mutex_unlock(&n->lock);
    return have;
}

/* A profile that has a function for each file. NULL: out of memory. */
static struct ht_profile *files_of(const struct ht_profile *p)
{
    struct ht_profile *names = ht_profile_create();
    const char *last = NULL;
    for (size_t i = 0; names && i < p->n_functions; i++) {
        const char *file = p->functions[i]->filename;
        if (file == last || !*file)
            continue;
        last = file;
        struct ht_function *f = ht_profile_add_function(names);
        if (!f || !(f->filename = ht_profile_str(names, file))) {
            ht_profile_destroy(names);
            return NULL;
        }
    }
    return names;
}

void ht_source_names_learn(struct ht_source_names *n, const char *id, const struct ht_profile *p)
{
    struct ht_profile *names = files_of(p), *old = NULL;
    if (!names)
        return;
    pthread_mutex_lock(&n->lock);
    int at = place_of(n, id, true);
    old = n->of[at].names;
    strncpy(n->of[at].id, id, sizeof n->of[at].id - 1);
    n->of[at].names = names;
    n->of[at].used = ++n->uses;
    pthread_mutex_unlock(&n->lock);
    ht_profile_destroy(old);
}
