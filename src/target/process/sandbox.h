/* SPDX-License-Identifier: MIT */
/*
 * Notices that the program enters a sandbox. prctl and syscall are passed on untouched. When they
 * are about to install a seccomp filter, everything that needs files is done first and nothing
 * afterwards. A program that makes the system call by its own instruction is not noticed.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_SANDBOX_H
#define HEAPTAP_SRC_TARGET_PROCESS_SANDBOX_H

/* Before a seccomp filter is installed. Any thread; signal-safe. */
void ht_before_sandbox(void);

/* Called after the program's call, with its result: a filter that was refused (also when a program
 * only asks what the kernel supports) does not count. A result above 0 is a listener's descriptor,
 * or a thread that TSYNC could not bring along; that one counts, too, for it looks the same. */
void ht_after_sandbox(long result);

/* The library makes no system call from the start on, whatever the program's own filters do. */
void ht_sandboxed_from_start(void);

#endif
