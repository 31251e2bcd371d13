/* SPDX-License-Identifier: MIT */
/* The variables of a binary, by address: from its symbol tables, or its debug file's. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_VARIABLES_H
#define HEAPTAP_SRC_SYMBOLIZE_VARIABLES_H

#include <stdint.h>

struct ht_find;
struct ht_variables;

/* NULL: the file was not found, or is another build, or memory is out. */
struct ht_variables *ht_variables_open(const struct ht_find *what);
void ht_variables_close(struct ht_variables *v);

/* The symbol of the variable around an address of the file, and how far that lies within it. NULL:
 * none is known. Lives as long as v. */
const char *ht_variables_find(const struct ht_variables *v, uint64_t vaddr, uint64_t *within);

/* The same for a thread-local variable, by its distance from the start of the file's block. */
const char *ht_variables_find_local(const struct ht_variables *v, uint64_t offset,
                                    uint64_t *within);

/* How far below the thread pointer the block of thread-local variables begins, for the program
 * itself; 0: it has none. */
uint64_t ht_variables_local_size(const struct ht_variables *v);

#endif
