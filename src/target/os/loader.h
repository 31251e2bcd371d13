/* SPDX-License-Identifier: MIT */
/*
 * What the dynamic loader knows: its list of objects, and symbols by name. dlsym of any glibc since
 * 2.2.5 where the process has it; before glibc 2.34 it is in libdl, which a program need not have,
 * and then the objects' symbol tables are searched here.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LOADER_H
#define HEAPTAP_SRC_TARGET_OS_LOADER_H

#include <link.h>

/* The loader's list of the objects in the program's namespace; NULL: not to be had. */
const struct r_debug *ht_loader(void);

/*
 * The function or variable of that name that comes next after ours in the order of search
 * (RTLD_NEXT), or the first of all (RTLD_DEFAULT); NULL: there is none. Takes the loader's lock
 * and may allocate: for the start, before the program has threads.
 */
void *ht_next_symbol(const char *name);
void *ht_first_symbol(const char *name);

/* The symbol of a loaded library that is known by its file name ("libstdc++.so.6"); NULL: the
 * library is not loaded, or has none of that name. As the others; not for the usual paths. */
void *ht_symbol_of(const char *library, const char *name);

#endif
