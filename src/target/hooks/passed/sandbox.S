/* SPDX-License-Identifier: MIT */
/* prctl and syscall, passed on as they came. See process/sandbox.h. */
#include <cet.h>

        .text

        .macro SAVED_CALL fn
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %r8
        push    %r9
        push    %rax
        .cfi_adjust_cfa_offset 56
        call    \fn
        pop     %rax
        pop     %r9
        pop     %r8
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        .cfi_adjust_cfa_offset -56
        .endm

        .globl  prctl
        .type   prctl, @function
        .p2align 4
prctl:
        .cfi_startproc
        _CET_ENDBR
        cmp     $22, %edi               /* PR_SET_SECCOMP */
        jne     1f
        SAVED_CALL ht_before_sandbox
1:      mov     ht_next_prctl(%rip), %r11
        test    %r11, %r11
        jne     2f
        SAVED_CALL ht_find_sandbox_calls
        mov     ht_next_prctl(%rip), %r11
2:      jmp     *%r11
        .cfi_endproc
        .size   prctl, . - prctl

        .globl  syscall
        .type   syscall, @function
        .p2align 4
syscall:
        .cfi_startproc
        _CET_ENDBR
        cmp     $317, %edi              /* SYS_seccomp */
        je      3f
        cmp     $157, %edi              /* SYS_prctl */
        jne     1f
        cmp     $22, %esi
        jne     1f
3:      SAVED_CALL ht_before_sandbox
1:      mov     ht_next_syscall(%rip), %r11
        test    %r11, %r11
        jne     2f
        SAVED_CALL ht_find_sandbox_calls
        mov     ht_next_syscall(%rip), %r11
2:      jmp     *%r11
        .cfi_endproc
        .size   syscall, . - syscall

        .section .note.GNU-stack,"",@progbits
