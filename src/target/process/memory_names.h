/* SPDX-License-Identifier: MIT */
/*
 * Names for what no reader will find: functions of objects whose files are gone. Their exported
 * names are still in memory, where the loader has mapped them.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_MEMORY_NAMES_H
#define HEAPTAP_SRC_TARGET_PROCESS_MEMORY_NAMES_H

#include <stdint.h>

#include "region/view.h"

/* Looks up the names of the region's frames. Nothing is looked up under a filter, nor of the region
 * of the image before an exec. By the dump's holder, once a dump; not reentrant, no lock,
 * async-signal-safe. */
void ht_memory_names_take(const struct ht_view *v);

/* The function around the address, to be used before the next call; NULL: unknown, or the object's
 * file is there. */
const char *ht_memory_name(const struct ht_module *m, uint64_t address);

/* Gives back what was taken. */
void ht_memory_names_drop(void);

#endif
