/* SPDX-License-Identifier: MIT */
/* A fork in a signal handler that interrupted a hook. Any thread; signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_FORK_INSIDE_H
#define HEAPTAP_SRC_TARGET_PROCESS_FORK_INSIDE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/os/hidden.h"

/* Calls next, which forks, and gives the child the state that the interrupted hook needs. */
pid_t ht_fork_inside(pid_t (*next)(void));

/* Set in a child that was forked in a signal handler inside a hook, until that hook returns. */
extern HT_HIDDEN _Atomic uint32_t ht_fork_unfinished;

/* The hook has returned: wipes the state, as the fork would have. */
void ht_fork_finish(void);

#endif
