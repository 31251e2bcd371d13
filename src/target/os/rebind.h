/* SPDX-License-Identifier: MIT */
/*
 * Makes functions of the library stand in front of another object's, only when that object is
 * there. They are defined under a version that no program refers to, so the loader finds none of
 * them; here they are made visible, and references that are bound already are redirected.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_REBIND_H
#define HEAPTAP_SRC_TARGET_OS_REBIND_H

#include <stdbool.h>
#include <stdint.h>

struct ht_rebinding {
    const char *name;
    uint64_t theirs; /* what references are bound to without heaptap */
    uint64_t ours;
};

/*
 * Fills in a rebinding for the function of that name. False: no other object has it, or a reference
 * of the program is bound to another object than the one around `within`.
 */
bool ht_rebinding_of(const char *name, uint64_t within, struct ht_rebinding *r);

/*
 * Makes n rebindings effective: the library's functions are found from now on, and references that
 * are bound to the other object's are redirected, except that object's own. Once the loader has
 * relocated everything, before the program has threads. False: some reference could not be changed.
 */
bool ht_rebind(const struct ht_rebinding *r, unsigned n);

#endif
