/* SPDX-License-Identifier: MIT */
/* The region's records of loaded objects, made when a sampled pc first lies in one. */
#ifndef HEAPTAP_SRC_TARGET_STACK_MODULE_H
#define HEAPTAP_SRC_TARGET_STACK_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "region/layout.h"
#include "target/os/object.h"
#include "target/state/state.h"

/* The module record of a loaded object; 0 when it could not be made. */
ht_ref ht_module_of(const struct ht_object *o);

/* Records the main program, on the first sample and before any other module: readers take the first
 * mapping for the main binary. */
void ht_module_record_main_now(void);
static inline void ht_module_record_main(void)
{
    if (HT_UNLIKELY(
            !atomic_load_explicit(&ht_state->cursors[HT_KIND_MODULE], memory_order_relaxed)))
        ht_module_record_main_now();
}

/* Copies a module record of the parent's region (adoption after fork). 0 when out of room. */
ht_ref ht_module_copy(const struct ht_module *old, const char *path, uint32_t path_size);

#endif
