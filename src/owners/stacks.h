/* SPDX-License-Identifier: MIT */
/* A profile's stacks as rows of functions, in which owners are searched. */
#ifndef HEAPTAP_SRC_OWNERS_STACKS_H
#define HEAPTAP_SRC_OWNERS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "owners/wrappers.h"
#include "profile/profile.h"

struct ht_owner_function {
    const char *name;   /* as it is shown: "parse", "libx.so+0x3f10", "[JIT code]" */
    const char *symbol; /* "" when unknown */
    const char *object; /* the file's path; "" when unknown */
    uint64_t at;        /* the lowest address seen in it */
    bool named, code_of_no_file;
    bool behaves;       /* like a wrapper */
    unsigned char rule; /* enum ht_wrapper_rule; asked when first needed: see known */
    bool known;
};

/* A stack without the sizes: samples that differ in their labels alone share one. */
struct ht_owner_stack {
    size_t first, n; /* in frames, leaf first; one function calling itself stands once */
    size_t at;       /* the first frame that is no wrapper; n: there is none */
};

struct ht_owner_stacks {
    struct ht_owner_function *functions;
    uint32_t n_functions;
    uint32_t *frames;
    size_t n_frames;
    struct ht_owner_stack *stacks;
    size_t n_stacks;
    size_t *of_sample; /* by the sample's index; SIZE_MAX: it has no stack */
    uint32_t *of_line; /* functions by line, each location's from its mark on */
};

/* Strings of s live in the profile. 0 or -ENOMEM. finish also after failure. */
int ht_owner_stacks_init(struct ht_owner_stacks *s, struct ht_profile *p);
void ht_owner_stacks_finish(struct ht_owner_stacks *s);

/* The function of a location's line (0 where it has none), while the marks are as init set them. */
uint32_t ht_owner_stacks_function(const struct ht_owner_stacks *s, const struct ht_location *l,
                                  size_t line);

/* Whether a function is left out of owners' paths: a wrapper, by the list or by behaviour. */
bool ht_owner_stacks_leave_out(const struct ht_owner_stacks *s, uint32_t function,
                               const struct ht_wrappers *list);

/* Moves `at` of every stack over the wrappers known by now: by the list (NULL: no list), and those
 * that behave like one. */
void ht_owner_stacks_advance(struct ht_owner_stacks *s, const struct ht_wrappers *list);

/* Marks functions without a name that are called by a wrapper of their own library at least as
 * often as not. (When the wrapper jumps to such a function, no frame shows that.) 0 or -ENOMEM. */
int ht_owner_stacks_parts(struct ht_owner_stacks *s, const struct ht_wrappers *list);

/* behaviour.c: finds the functions that behave like wrappers, and moves `at` over them. A function
 * is one when it does nothing but lead to an allocation, for many callers and in many sizes, and
 * when nearly all allocations of its binary or library go through it and its like; or when so many
 * functions call it that it must be a pool. 0 or -ENOMEM. */
int ht_owner_stacks_behaviour(struct ht_owner_stacks *s, const struct ht_profile *p,
                              const struct ht_wrappers *list);

#endif
