/* SPDX-License-Identifier: MIT */
/* A process's allocation sites by owner, and how they grew since the last look. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_WATCH_SITES_H
#define HEAPTAP_SRC_CLI_PROCESS_WATCH_SITES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "evidence/interval.h"
#include "snapshot/region.h"

enum ht_watch_key {
    HT_WATCH_INUSE,
    HT_WATCH_GROWTH,
    HT_WATCH_RATE,
    HT_WATCH_OBJECTS,
    HT_WATCH_KEYS
};

struct ht_watch_site {
    char *name; /* of the owner (owners/owners.h) */
    char *text; /* with its callers */
    int64_t inuse, objects, allocs;
    struct ht_evidence evidence, born; /* of inuse, and of all bytes ever allocated */
    bool grew;                         /* grew since the last look by more than chance */
    double growth, rate;               /* bytes and allocations a second, where `compared` */
};

struct ht_watch {
    const char *word;
    struct ht_region_ages ages;
    struct ht_wrappers *wrappers; /* NULL before the first look */
    struct ht_watch_site *sites;  /* sorted */
    size_t n;
    int64_t inuse, objects;
    uint64_t resident;          /* of the process, bytes; 0: unknown */
    double sampled;             /* bytes from sample to sample; 0: there are no intervals */
    double growth, rate, taken; /* taken: seconds, monotonic */
    bool compared;              /* there was a look before this one: growth and rate are known */
    char program[64], state;
    pid_t pid;
    bool alive, fresh; /* fresh: it has no region before its first sample */
};

/* Takes another look. 0 or -errno with a line in msg. */
int ht_watch_look(struct ht_watch *w, char *msg, size_t msg_size);
void ht_watch_sort(struct ht_watch *w, enum ht_watch_key key);
void ht_watch_finish(struct ht_watch *w);

#endif
