/* SPDX-License-Identifier: MIT */
/* The samples of a comparison by stack: numbers of 32 bits, for there may be ten million. Private
 * to src/report. */
#ifndef HEAPTAP_SRC_REPORT_DIFF_GROUPS_H
#define HEAPTAP_SRC_REPORT_DIFF_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of n stacks; the i-th has the samples order[first[i]] to order[first[i + 1] - 1], in their order.
 */
struct ht_diff_groups {
    uint32_t *order, *first;
    uint32_t n, largest; /* largest: samples of one stack at most */
};

/* hash: of a sample's stack; false: the sample does not count. 0 or -ENOMEM; finish in any case. */
int ht_diff_groups_make(struct ht_diff_groups *g, size_t n_samples,
                        bool (*hash)(void *ctx, size_t sample, uint64_t *out), void *ctx);
void ht_diff_groups_finish(struct ht_diff_groups *g);

#endif
