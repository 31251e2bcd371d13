/* SPDX-License-Identifier: MIT */
/* Opens files without taking a descriptor number that the program could get. */
#ifndef HEAPTAP_SRC_TARGET_OS_DESCRIPTORS_H
#define HEAPTAP_SRC_TARGET_OS_DESCRIPTORS_H

/*
 * Calls fn(ctx) once, and returns when fn has returned. What fn opens takes no number away from
 * other threads: a program's thread that opens a file relies on the lowest number that it left
 * free. fn may use only descriptors that it opened itself; the program's may be missing. In all
 * else its system calls act on the program: pid, memory, directory. Signals are blocked meanwhile,
 * except those that an instruction raises. Any thread; signal-safe; takes no lock.
 */
void ht_own_descriptors(void (*fn)(void *ctx), void *ctx);

#endif
