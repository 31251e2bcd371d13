/* SPDX-License-Identifier: MIT */
/*
 * What the dynamic loader knows: its list of objects, and symbols by name, out of the objects' own
 * tables: no function of another object is called (but an IFUNC's resolver), nothing is allocated
 * and no lock is taken. For the start, while no other thread loads or unloads objects.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LOADER_H
#define HEAPTAP_SRC_TARGET_OS_LOADER_H

#include <link.h>
#include <stdbool.h>

/* The loader's list of the objects in the program's namespace; NULL: not to be had. */
const struct r_debug *ht_loader(void);

/* False: the process runs on another C library (musl). Ours then only hands every call on. Any
 * thread; signal-safe; takes no lock. */
bool ht_libc_is_glibc(void);

/*
 * The function or variable of that name that comes next after ours in the order of search
 * (RTLD_NEXT), or the first of all (RTLD_DEFAULT); NULL: there is none.
 */
void *ht_next_symbol(const char *name);
void *ht_first_symbol(const char *name);

/* The C library's or the loader's own, whoever else defines the name; NULL: there is none. */
void *ht_libc_symbol(const char *name);

#endif
