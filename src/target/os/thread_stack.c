/* SPDX-License-Identifier: MIT */
/* Finds the running thread's own stack in glibc's data, without its functions. */
#include "config.h"

#include "target/os/thread_stack.h"

#include "target/os/loader.h"
#include "target/os/machine.h"

uint64_t ht_main_stack_end;
static uint64_t pthread_size; /* words of glibc's struct pthread that are searched */

void ht_thread_stack_setup(void)
{
    void **end = ht_libc_symbol("__libc_stack_end");
    ht_main_stack_end = end ? (uint64_t)*end : 0;
    const uint32_t *size = ht_libc_symbol("_thread_db_sizeof_pthread");
    pthread_size = size && *size < 8192 ? *size : 0x700;
}

/*
 * pthread_getattr_np takes locks and allocates (tests/hazards/h08). glibc puts a thread's struct
 * pthread at the top of its stack, and two words in it are stackblock and stackblock_size: they are
 * found by what they must satisfy instead of by a version's offset.
 */
void ht_stack_bounds(uint64_t *lo, uint64_t *hi)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0), tcb;
    *lo = *hi = 0;
    if (ht_main_stack_end && here < ht_main_stack_end &&
        ht_main_stack_end - here < HT_MAIN_STACK_SPAN) {
        *lo = ht_main_stack_end - HT_MAIN_STACK_SPAN;
        *hi = HT_PAGE_UP(ht_main_stack_end);
        return;
    }
    __asm__("mov %%fs:0x10, %0" : "=r"(tcb)); /* tcbhead_t.self */
    if (here >= tcb)
        return;
    const uint64_t *w = (const uint64_t *)tcb;
    for (uint64_t i = 0x280 / 8; i + 1 < pthread_size / 8; i++) {
        uint64_t block = w[i], size = w[i + 1];
        if (block < tcb && block + size > tcb && size < (1ull << 40) &&
            block + size - tcb <= pthread_size + 8192 && here > block) {
            *lo = block;
            *hi = tcb;
            return;
        }
    }
}
