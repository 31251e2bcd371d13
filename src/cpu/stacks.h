/* SPDX-License-Identifier: MIT */
/*
 * Adds up stacks for a profile samples/count, cpu/nanoseconds. A frame is identified by its object
 * and its address in the file, so that one place is one frame in all processes, wherever the object
 * is mapped.
 */
#ifndef HEAPTAP_SRC_CPU_STACKS_H
#define HEAPTAP_SRC_CPU_STACKS_H

#include <stdint.h>

#include "remote/remote.h"

struct ht_profile;
struct ht_stacks;

/* NULL: out of memory. The period is the mean of what a sample stands for, in nanoseconds. */
struct ht_stacks *ht_stacks_create(int64_t period_ns);
void ht_stacks_destroy(struct ht_stacks *s); /* NULL-safe */

/* A frame of a process, or of the kernel; 0: out of memory. */
uint32_t ht_stacks_frame(struct ht_stacks *s, struct ht_remote *r, uint64_t address);
uint32_t ht_stacks_kernel_frame(struct ht_stacks *s, uint64_t address);

/* Adds a sample: frames leaf first, the thread's name. 0 or -ENOMEM. */
int ht_stacks_add(struct ht_stacks *s, const uint32_t *frames, unsigned n, const char *thread,
                  int64_t ns);

/* The profile, without names but the kernel's; s is used up. main is the path of the program, whose
 * mapping comes first, program the name it is to have; "" when not known. NULL: out of memory. */
struct ht_profile *ht_stacks_profile(struct ht_stacks *s, const char *main, const char *program);

#endif
