/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_PRELOAD_MEMO_H
#define HEAPTAP_SRC_PRELOAD_MEMO_H

#include "preload/unwind.h"
#include "region/layout.h"

/* The stack at regs: walked, or at small rates recalled when nothing that the walk read has changed
 * since (struct ht_memo). 0 when there was no room for it. */
ht_ref ht_stack_of(const struct ht_regs *regs, uint64_t rate);

#endif
