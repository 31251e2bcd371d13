/* SPDX-License-Identifier: MIT */
/*
 * The fast paths. A golden test counts these instructions; nothing may be added.
 *
 * malloc: distance -= size + 1; a borrow goes to the cold path. Zero-initialised thread state borrows
 * at the thread's first call, which initialises it and tests again.
 * free: sampled blocks have all bits of ht_free_mask clear in their address (0: look all up). Those
 * that pass are looked up in the filter of filter.h, as ht_live_maybe does.
 * All are tail jumps, so that the stack is the caller's in the cold path and in the real function.
 */
#include <cet.h>

        .text

        .macro FUNCTION name
        .globl  \name
        .type   \name, @function
        .p2align 5 /* malloc is 28 bytes: in one cache line, whatever its address */
\name:
        .cfi_startproc
        _CET_ENDBR
        .endm

        .macro END name
        .cfi_endproc
        .size   \name, . - \name
        .endm

FUNCTION malloc
        mov     ht_tls@gottpoff(%rip), %rax
        lea     1(%rdi), %rdx
        sub     %rdx, %fs:(%rax)
        jb      ht_cold_malloc
        jmp     *ht_next_malloc(%rip)
END malloc

FUNCTION free
        test    %edi, ht_free_mask(%rip)
        je      ht_filter_free
        jmp     *ht_next_free(%rip)
END free

        .hidden ht_filter_free
FUNCTION ht_filter_free
        mov     %rdi, %rdx
        shr     $16, %rdx
        xor     %rdi, %rdx
        shr     $6, %rdx
        movzwl  %dx, %edx
        lea     ht_live_filter(%rip), %rax
        cmpb    $0, (%rax, %rdx)
        jne     ht_cold_free
        jmp     *ht_next_free(%rip)
END ht_filter_free

/* A product that wraps charges a wrong distance for a call that fails anyway; the distance is
 * memoryless, so no bias follows. */
FUNCTION calloc
        mov     %rdi, %rax
        imul    %rsi, %rax
        mov     ht_tls@gottpoff(%rip), %rdx
        inc     %rax
        sub     %rax, %fs:(%rdx)
        jb      ht_cold_calloc
        jmp     *ht_next_calloc(%rip)
END calloc

FUNCTION realloc
        test    %edi, ht_free_mask(%rip)
        je      ht_cold_realloc
        mov     ht_tls@gottpoff(%rip), %rax
        lea     1(%rsi), %rdx
        sub     %rdx, %fs:(%rax)
        jb      ht_cold_realloc_charged
        jmp     *ht_next_realloc(%rip)
END realloc

        .section .note.GNU-stack,"",@progbits
