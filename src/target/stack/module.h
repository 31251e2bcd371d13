/* SPDX-License-Identifier: MIT */
/*
 * Which mapped object a pc lies in, by the loader's own lock-free answer (_dl_find_object, glibc
 * 2.35), recorded in the region's module table on first sight. Never takes the loader's lock.
 */
#ifndef HEAPTAP_SRC_TARGET_STACK_MODULE_H
#define HEAPTAP_SRC_TARGET_STACK_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"
#include "region/layout.h"

struct ht_object {
    uint64_t start, end;
    uint64_t link_map;
    uint64_t eh_frame_hdr;
};

/* Finds _dl_find_object; call once at start. False: this libc has none, and stacks are walked by
 * frame pointers without module checks. */
bool ht_module_setup(void);

/* The loaded object around pc, or false. Async-signal-safe, lock-free. */
bool ht_object_find(uint64_t pc, struct ht_object *o);

/* The program itself, from its lowest segment to its highest; it is never unloaded. 0, 0: not known. */
extern uint64_t ht_main_start, ht_main_size;

/* The module record of a loaded object; 0 when it could not be made. */
ht_ref ht_module_of(const struct ht_object *o);

/* Records the main program, on the first sample and before any other module: readers take the first
 * mapping for the main binary. */
void ht_module_record_main_now(void);
static inline void ht_module_record_main(void)
{
    if (HT_UNLIKELY(!atomic_load_explicit(&ht_state->cursors[HT_KIND_MODULE], memory_order_relaxed)))
        ht_module_record_main_now();
}

/* Copies a module record of the parent's region (adoption after fork). 0 when out of room. */
ht_ref ht_module_copy(const struct ht_module *old, const char *path, uint32_t path_size);

/* Our own text, to keep our frames out of stacks. */
extern struct ht_object ht_self;

#endif
