/* SPDX-License-Identifier: MIT */
/*
 * What depends on the processor, except system calls; here x86-64. HT_PAGE_SIZE is the unit of
 * placing, of the tables' memory and of questions to the kernel. Where pages are larger (aarch64),
 * placing stays at 4 KiB and the rest must follow the kernel's size.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_MACHINE_H
#define HEAPTAP_SRC_TARGET_OS_MACHINE_H

#include <stdint.h>

#define HT_PAGE_SIZE    4096u
#define HT_PAGE_DOWN(x) ((x) & ~(uint64_t)(HT_PAGE_SIZE - 1))
#define HT_PAGE_UP(x)   HT_PAGE_DOWN((x) + HT_PAGE_SIZE - 1) /* x is evaluated once */

/* Bytes below sp that a function may use without moving sp (System V ABI, "red zone"). */
#define HT_RED_ZONE 128u

/* Where a signal frame holds the registers of the interrupted code: offsets from sp, at the return
 * address of the handler, of words of the ucontext's uc_mcontext.gregs. */
#define HT_SIGNAL_BP  (40u + 8 * 10) /* REG_RBP */
#define HT_SIGNAL_SP  (40u + 8 * 15) /* REG_RSP */
#define HT_SIGNAL_PC  (40u + 8 * 16) /* REG_RIP */
#define HT_SIGNAL_END (40u + 8 * 17)

/* What static TLS is addressed from. */
static inline char *ht_thread_pointer(void)
{
    char *p;
    __asm__("mov %%fs:0, %0" : "=r"(p));
    return p;
}

/* Tells the processor that a thread waits in a loop. */
static inline void ht_relax(void)
{
    __builtin_ia32_pause();
}

/* The function that says this keeps on its stack what its callers have in registers. */
#define HT_SPILL_REGISTERS() __asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "memory")

#endif
