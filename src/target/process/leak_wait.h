/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LEAK_WAIT_H
#define HEAPTAP_SRC_TARGET_PROCESS_LEAK_WAIT_H

/*
 * Waits, at the end of the process, until `heaptap run --leaks` has looked through its memory; as
 * long as `run` lives and is at it, and at most some ten seconds without a sign of that. Returns at
 * once where nobody looks.
 */
void ht_leak_wait(void);

#endif
