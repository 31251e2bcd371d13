/* SPDX-License-Identifier: MIT */
/* The target's part of `heaptap run --leaks`. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LEAK_WAIT_H
#define HEAPTAP_SRC_TARGET_PROCESS_LEAK_WAIT_H

/*
 * At the end of the process: waits until `heaptap run --leaks` has looked through its memory. The
 * wait goes on while `run` signals that it is at work, and ends some ten seconds after the last
 * sign, or when `run` has died. Returns at once where nobody looks. The thread that ends the
 * process.
 */
void ht_leak_wait(void);

#endif
