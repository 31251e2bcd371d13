/* SPDX-License-Identifier: MIT */
/* Shared by the files of the stacks program, which are compiled in different ways. */
#ifndef HEAPTAP_TESTS_UNWIND_STACKS_H
#define HEAPTAP_TESTS_UNWIND_STACKS_H

#include <stdint.h>

typedef void (*then_fn)(void *);

#ifdef __cplusplus
extern "C" {
#endif
void deep_o2(int n, then_fn then, void *arg); /* n frames, then then(arg) */
void deep_o0(int n, then_fn then, void *arg);
void realigned(int n, then_fn then, void *arg);
void mixed(int n, then_fn then, void *arg); /* by turns */

/* stacks_asm.S */
void asm_wrong_cfa(then_fn then, void *arg, uint64_t rbp);
void asm_no_cfi(then_fn then, void *arg, uint64_t rbp);
void asm_no_cfi_fp(then_fn then, void *arg, uint64_t rbp);
void asm_cfa_expression(then_fn then, void *arg, uint64_t rbp);
void asm_cfa_rbx(then_fn then, void *arg, uint64_t rbp);
extern const unsigned char asm_no_cfi_end[], asm_no_cfi_fp_end[];
#ifdef __cplusplus
}
#endif

#define KEEP_FRAME() __asm__ volatile("" ::: "memory") /* not a tail call */

#endif
