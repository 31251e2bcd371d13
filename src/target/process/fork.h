/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_FORK_H
#define HEAPTAP_SRC_TARGET_PROCESS_FORK_H

#include <stdatomic.h>
#include <stdint.h>

/* Set in a child that was forked in a signal handler inside one of our hooks, until the hook is done. */
extern _Atomic uint32_t ht_fork_unfinished;

/* The hook is done: wipes the state, as the fork would have. */
void ht_fork_finish(void);

#endif
