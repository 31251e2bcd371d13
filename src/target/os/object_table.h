/* SPDX-License-Identifier: MIT */
/*
 * Which loaded object holds an address, from a sorted table of our own. For C libraries without
 * _dl_find_object (glibc before 2.35); where that exists it is asked instead (module.c).
 */
#ifndef HEAPTAP_SRC_TARGET_OS_OBJECT_TABLE_H
#define HEAPTAP_SRC_TARGET_OS_OBJECT_TABLE_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct ht_object_entry {
    uint64_t start, end; /* from the lowest segment's page to the end of the highest one */
    uint64_t link_map;
    uint64_t eh_frame_hdr; /* 0: the object has none */
    uint64_t stays;        /* not 0: it was there at the start, and is never unloaded */
};

/*
 * Learns the loader's structures and makes the first table. Call once, before the process has
 * threads. False: the loader's list cannot be read, and every look-up will say "not found".
 */
bool ht_object_table_setup(const struct r_debug *loader);

/*
 * The object around pc, or false. `unloads` is a number that changes with every dlclose that came
 * by us; the table is made anew when it did, and when pc is in no object of the table. Takes no
 * lock that another thread can hold for long; makes no system call but rt_sigaction, and that only
 * while the table is made anew with libraries that were loaded after the start. With `quiet` it
 * makes none, and libraries loaded after the last table stay unknown. Not async-signal-safe
 * against a dlclose that the signal interrupted.
 */
bool ht_object_table_find(uint64_t pc, uint64_t unloads, bool quiet, struct ht_object_entry *o);

/*
 * The program headers of a loaded object by the loader's own pointer to them, for one whose headers
 * are not in its first page (BOLT and patchelf move them): then only the loader knows where they
 * are. The same calls as ht_object_table_find. NULL: not available.
 */
const Elf64_Phdr *ht_object_table_headers(uint64_t link_map, uint32_t *n);

/* Prepares ht_object_table_headers where there is no table to set up. Once, before the process
 * has threads. */
void ht_object_table_learn(const struct r_debug *loader);

/* In a fork's child, before its first look-up: another thread of the parent may have been making
 * a table. */
void ht_object_table_forked(void);

#endif
