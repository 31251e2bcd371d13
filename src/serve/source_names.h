/* SPDX-License-Identifier: MIT */
/*
 * Which source files a target's profile named when it was built last, so that a page that shows
 * many files does not have the profile built for each.
 */
#ifndef HEAPTAP_SRC_SERVE_SOURCE_NAMES_H
#define HEAPTAP_SRC_SERVE_SOURCE_NAMES_H

#include <pthread.h>
#include <stdbool.h>

struct ht_profile;

enum { HT_SOURCE_TARGETS = 8 };

struct ht_source_names {
    pthread_mutex_t lock; /* of the rest */
    struct {
        char id[32];
        struct ht_profile *names; /* its functions have the files; NULL: free */
        unsigned long used;
    } of[HT_SOURCE_TARGETS];
    unsigned long uses;
};

void ht_source_names_init(struct ht_source_names *n);
void ht_source_names_finish(struct ht_source_names *n);

/* Whether the file was named. Any thread. */
bool ht_source_names_have(struct ht_source_names *n, const char *id, const char *file);

/* Remembers a profile's files, in place of those known of the target. Any thread. */
void ht_source_names_learn(struct ht_source_names *n, const char *id, const struct ht_profile *p);

#endif
