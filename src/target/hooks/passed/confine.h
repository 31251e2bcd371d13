/* SPDX-License-Identifier: MIT */
/* System calls that may keep a process from making a region afterwards, when a program makes them
 * by syscall(2). */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_PASSED_CONFINE_H
#define HEAPTAP_SRC_TARGET_HOOKS_PASSED_CONFINE_H

/* Before one of chroot, pivot_root, setrlimit, prlimit64 and landlock_restrict_self: its number and
 * its first arguments. Called by sandbox.S. Any thread; signal-safe; errno stays. */
void ht_before_confining(long number, long a, long b, long c);

#endif
