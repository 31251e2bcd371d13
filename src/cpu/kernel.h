/* SPDX-License-Identifier: MIT */
/* Names of the kernel's functions, from /proc/kallsyms, where that shows addresses. */
#ifndef HEAPTAP_SRC_CPU_KERNEL_H
#define HEAPTAP_SRC_CPU_KERNEL_H

#include <stdint.h>

struct ht_kernel_names;

/* NULL: they are not available. */
struct ht_kernel_names *ht_kernel_names_read(void);
void ht_kernel_names_free(struct ht_kernel_names *k); /* NULL-safe */

/* "[kernel]" where there is no name. */
const char *ht_kernel_name(const struct ht_kernel_names *k, uint64_t address);

#endif
