/* SPDX-License-Identifier: MIT */
/*
 * The dump signal. Our handler is installed where the default action was, and a program that asks is
 * told that it still is: one that puts back "what was there before" must not be handed a function
 * that it does not know (Python's signal.signal refuses it). A handler of the program's wins.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_SIGNALS_H
#define HEAPTAP_SRC_TARGET_PROCESS_SIGNALS_H

/* Installs the handler for ht_config.signal_number, unless the signal is ignored or handled. */
void ht_signals_start(void);

/* Looks up the real calls; before the first thread in practice, and idempotent. */
void ht_signals_resolve(void);

#endif
