/* SPDX-License-Identifier: MIT */
/* Files opened without a descriptor that the program could have got. */
#ifndef HEAPTAP_SRC_TARGET_OS_DESCRIPTORS_H
#define HEAPTAP_SRC_TARGET_OS_DESCRIPTORS_H

/*
 * Calls fn(ctx), once, and returns when it has. What fn opens takes no number away from another
 * thread: a thread of a program that opens a file relies on the lowest number that it left free.
 * Only descriptors that fn opens itself are its to use; the program's may not be there. Its other
 * system calls are the program's: pid, memory, directory. Signals other than those that an
 * instruction raises are held back meanwhile. Any thread; signal-safe; takes no lock.
 */
void ht_own_descriptors(void (*fn)(void *ctx), void *ctx);

#endif
