/* SPDX-License-Identifier: MIT */
/*
 * Which mapped object a pc lies in, by the loader's own lock-free answer (_dl_find_object, glibc
 * 2.35). Never takes the loader's lock. Any thread; signal-safe; takes no lock.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_OBJECT_H
#define HEAPTAP_SRC_TARGET_OS_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

struct ht_object {
    uint64_t start, end;
    uint64_t link_map;
    uint64_t eh_frame_hdr;
};

/* Finds _dl_find_object; call once at start. False: this libc has none, and stacks are walked by
 * frame pointers without module checks. */
bool ht_object_setup(void);

/* The loaded object around pc, or false. */
bool ht_object_find(uint64_t pc, struct ht_object *o);

/* The program itself, or false. */
bool ht_object_main(struct ht_object *o);

#pragma GCC visibility push(hidden)
/* The program, from its lowest segment to its highest; it is never unloaded. 0, 0: not known. */
extern uint64_t ht_main_start, ht_main_size;

/* Our own text, to keep our frames out of stacks. */
extern struct ht_object ht_self;
#pragma GCC visibility pop

#endif
