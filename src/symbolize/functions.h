/* SPDX-License-Identifier: MIT */
/* Finds the Functions of a profile by name and file. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_FUNCTIONS_H
#define HEAPTAP_SRC_SYMBOLIZE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/symbolize.h"

struct ht_function;
struct ht_profile;

struct ht_functions {
    struct ht_profile *p;
    enum ht_demangle mode;
    struct ht_function **slots; /* hash table of those made here */
    size_t n, n_slots;
};

/* Also gives the functions that are there already their demangled names, as the mode says: those
 * without one, and with force or a mode that is not the default all. A function without a
 * system_name keeps its name. 0 or -ENOMEM. */
int ht_functions_init(struct ht_functions *f, struct ht_profile *p, enum ht_demangle mode,
                      bool force);
void ht_functions_finish(struct ht_functions *f);

/* The function of that mangled name and file; made when there is none. NULL strings count as "".
 * NULL when out of memory. */
struct ht_function *ht_functions_get(struct ht_functions *f, const char *name, const char *file,
                                     uint32_t start_line);

#endif
