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

/* Called after the program's call, with its result: a filter that was refused (also when a program
 * only asks what the kernel supports) does not count. */
void ht_after_sandbox(long result);

/* From the start on the library makes no system call, whatever becomes of the program's own
 * filters. */
void ht_sandboxed_from_start(void);

#endif
