/* SPDX-License-Identifier: MIT */
/*
 * Knowing that the program shuts itself in. prctl and syscall are passed through untouched; when
 * they are about to install a seccomp filter, what needs files is done first and no more after.
 * A program that makes the system call by its own instruction is not seen.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_SANDBOX_H
#define HEAPTAP_SRC_TARGET_PROCESS_SANDBOX_H

/* Before a seccomp filter is installed. Any thread; signal-safe. */
void ht_before_sandbox(void);

/* After the call, with what it returned: a filter that was refused (as one that asks what the
 * kernel supports is) is none. */
void ht_after_sandbox(long result);

/* No system call of ours from the start on, whatever comes of the program's own filters. */
void ht_sandboxed_from_start(void);

#endif
