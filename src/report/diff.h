/* SPDX-License-Identifier: MIT */
/* The parts of the diff report. Private to src/report. */
#ifndef HEAPTAP_SRC_REPORT_DIFF_H
#define HEAPTAP_SRC_REPORT_DIFF_H

#include "evidence/difference.h"
#include "report/context.h"

/* A stack, by its frames. */
struct ht_diff_stack {
    const struct ht_sample *sample; /* one that has it */
    struct ht_graph_node *site;     /* its innermost frame */
    struct ht_change change;
    double before, after; /* what it held (the change itself may be of births and deaths) */
};

/* A site: the stacks with one innermost frame. Its verdict and p are those of its stacks. */
struct ht_diff_site {
    struct ht_graph_node *node;
    struct ht_change change;
    double before, after;
    const struct ht_diff_stack *first; /* the stack that contributes most */
    size_t n_stacks;
};

struct ht_diff {
    struct ht_report *r;
    const struct ht_compared *c;
    struct ht_diff_stack *stacks; /* by site */
    size_t n_stacks;
    struct ht_diff_site *sites; /* in the order of the list */
    size_t n_sites;
};

/* diff_collect.c: stacks, tests and verdicts. 0 or -ENOMEM; finish in either case. */
int ht_diff_collect(struct ht_diff *d, struct ht_report *r, const struct ht_compared *c);
void ht_diff_finish(struct ht_diff *d);

#endif
