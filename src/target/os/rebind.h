/* SPDX-License-Identifier: MIT */
/*
 * Functions of ours that stand in front of another object's only when that object is there. They
 * are defined under a version that nobody asks for, so that the loader finds none of them; here
 * they are shown to it, and what it has bound already is led to them.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_REBIND_H
#define HEAPTAP_SRC_TARGET_OS_REBIND_H

#include <stdbool.h>
#include <stdint.h>

struct ht_rebinding {
    const char *name;
    uint64_t theirs; /* what a reference is bound to without us */
    uint64_t ours;
};

/*
 * Where the function of that name is, for a rebinding. False: none but ours has it, or a reference
 * of the program's is bound to another object than the one around `within`.
 */
bool ht_rebinding_of(const char *name, uint64_t within, struct ht_rebinding *r);

/*
 * Takes n rebindings into effect: ours are found from now on, and references that are bound to
 * theirs are changed, but for those of the object they are in: its own calls stay its own. Once the
 * loader has relocated all, before the program has threads. False: some reference stays theirs.
 */
bool ht_rebind(const struct ht_rebinding *r, unsigned n);

#endif
