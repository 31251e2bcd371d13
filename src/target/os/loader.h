/* SPDX-License-Identifier: MIT */
/*
 * The dynamic loader's list of objects, and symbols by name from the objects' own tables. No
 * function of another object is called (except an IFUNC's resolver), nothing is allocated and no
 * lock is taken. For the start, while no other thread loads or unloads objects.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LOADER_H
#define HEAPTAP_SRC_TARGET_OS_LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* The loader's list of the objects in the program's namespace; NULL: not available. */
const struct r_debug *ht_loader(void);

/* False: the process runs on another C library (musl), and the library only passes every call
 * on. Any thread; signal-safe; takes no lock. */
bool ht_libc_is_glibc(void);

/* Between true and false, what is known of an object is kept: for many names one after the other,
 * at the start, by one thread. */
void ht_loader_keep(bool keep);

/*
 * The definition of the name that comes after this library in the order of search (RTLD_NEXT), or
 * the first of all (RTLD_DEFAULT). NULL: there is none.
 */
void *ht_next_symbol(const char *name);
void *ht_first_symbol(const char *name);

/* The library's own definition, whatever its version, and where its version is stored; NULL:
 * there is none. */
void *ht_own_symbol(const char *name);
uint16_t *ht_own_symbol_version(const char *name);

/* The name of an object's symbol by its number; NULL: it has none. */
const char *ht_loader_name(const struct link_map *l, uint32_t symbol);

/* An object's own definition of a name, or NULL; the number of its thread-local variable of a name,
 * or 0, and the variable's offset in the object's block. For an object that stays meanwhile. */
const void *ht_loader_symbol_in(const struct link_map *l, const char *name);
uint32_t ht_loader_thread_local(const struct link_map *l, const char *name, uint64_t *value);

/* An address in an object's dynamic section. */
const void *ht_loader_relocated(const struct link_map *l, uint64_t at);

/* The definition in the C library or the loader, even when other objects define the name too.
 * NULL: there is none. */
void *ht_libc_symbol(const char *name);

#endif
