/* SPDX-License-Identifier: MIT */
/*
 * The loaded object around a pc, from glibc's lock-free _dl_find_object (2.35), or from the
 * library's own table (object_table.h). Never takes the loader's lock. Any thread; signal-safe.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_OBJECT_H
#define HEAPTAP_SRC_TARGET_OS_OBJECT_H

#include <elf.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cfi/object.h"
#include "target/os/hidden.h"

/* Call once, before the program has threads. False: no object can be found, and stacks are walked
 * by frame pointers without module checks. */
bool ht_object_setup(void);

/* The loaded object around pc, or false. */
bool ht_object_find(uint64_t pc, struct ht_object *o);

/* The ELF header at the start of an object's lowest segment; NULL: none is there. */
const Elf64_Ehdr *ht_object_elf_header(const struct ht_object *o);

/* The program headers of a loaded object, in its first page or where the loader's pointer leads;
 * NULL: not available. */
const Elf64_Phdr *ht_object_headers(const struct ht_object *o, uint32_t *n);

/* The program itself, or false. */
bool ht_object_main(struct ht_object *o);

/* In a fork's child, before its first look-up. */
void ht_object_forked(void);

/* Raised before and after each dlclose; relaxed. Addresses may mean other code from then on: an
 * ht_object is good for the same generation only. */
extern HT_HIDDEN _Atomic uint32_t ht_unload_generation;

/* The program, from its lowest segment to its highest; it is never unloaded. 0, 0: not known. */
extern HT_HIDDEN uint64_t ht_main_start, ht_main_size;

/* The library's own text, whose frames are left out of stacks. */
extern HT_HIDDEN struct ht_object ht_self;

#endif
