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

#endif
