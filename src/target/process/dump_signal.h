/* SPDX-License-Identifier: MIT */
/*
 * The dump signal. The library's handler is installed where the default action was, and a program
 * that asks is told that it still is. A program that restores "the previous handler" must not be
 * given a function that it does not know (Python's signal.signal refuses it). A handler of the
 * program takes precedence.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_DUMP_SIGNAL_H
#define HEAPTAP_SRC_TARGET_PROCESS_DUMP_SIGNAL_H

#include <signal.h>

#include "target/os/hidden.h"

/* Installs the handler for ht_config.signal_number, unless the signal is ignored or handled.
 * Once at start, after ht_sigaction_resolve. */
void ht_dump_signal_start(void);

/* The handler. Signal-safe. */
void ht_on_dump_signal(int number);

/* The next sigaction; looked up before the first thread in practice, and idempotent. */
extern HT_HIDDEN int (*ht_real_sigaction)(int, const struct sigaction *, struct sigaction *);
void ht_sigaction_resolve(void);

#endif
