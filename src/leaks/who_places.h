/* SPDX-License-Identifier: MIT */
/* What a root is: the variable, frame, mapping or register at its address. Private to the room. */
#ifndef HEAPTAP_SRC_LEAKS_WHO_PLACES_H
#define HEAPTAP_SRC_LEAKS_WHO_PLACES_H

#include "leaks/who.h"
#include "leaks/who_threads.h"

struct ht_variables;

/* A mapping with a stack, or with a thread's own record (its TCB). */
struct ht_who_spot {
    uint64_t start, end; /* the mapping */
    uint64_t pointer;    /* the thread pointer; 0: it is not in here */
    pid_t tid;
    bool stack;
};

/* An object file that is mapped there. */
struct ht_who_object {
    const struct ht_remote_module *module;
    struct ht_variables *variables; /* NULL: none, or not asked for yet */
    bool asked;
};

struct ht_who_places {
    struct ht_remote *r;
    const struct ht_who_options *o;
    const struct ht_who_threads *threads;
    const struct ht_leaks *look;  /* its blocks */
    struct ht_who_object *object; /* by address */
    size_t n_objects;
    struct ht_who_object *program; /* NULL: it is not known */
    struct ht_who_spot *spot;      /* by mapping */
    size_t n_spots, room;
    struct ht_profile *stacks; /* those of the threads, with names; NULL: not asked for yet */
};

/* To be called after a pass; uses the maps that it read. threads: as they were before the pass. 0
 * or -errno; ht_who_places_end in either case. */
int ht_who_places_begin(struct ht_who_places *p, struct ht_remote *r,
                        const struct ht_who_options *o, const struct ht_leaks *look,
                        const struct ht_who_threads *threads);
void ht_who_places_end(struct ht_who_places *p);

/* The kind of the root at an address (or ht_leak_loose). */
enum ht_who_kind ht_who_kind_of(struct ht_who_places *p, uint64_t at);

/* Describes the root at an address in h, and adds its place to w if it is new. 0 or -ENOMEM. */
int ht_who_place_of(struct ht_who_places *p, struct ht_who *w, uint64_t at,
                    struct ht_who_holder *h);

#endif
