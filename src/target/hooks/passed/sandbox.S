/* SPDX-License-Identifier: MIT */
/* prctl and syscall, passed on with all registers unchanged. See process/sandbox.h, and confine.h
 * for what else a program may do by syscall. */
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

        /* Calls the next definition in %r11 and hands its result to ht_after_sandbox. None of the
         * call's arguments is on the stack. */
        .macro CALL_AND_TELL
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    *%r11
        mov     %rax, (%rsp)
        mov     %rax, %rdi
        call    ht_after_sandbox
        pop     %rax
        .cfi_adjust_cfa_offset -8
        ret
        .endm

        /* The same, and hands the name, which is in a register, and the result to
         * ht_thread_renamed. */
        .macro CALL_AND_NAME name
        push    \name
        .cfi_adjust_cfa_offset 8
        call    *%r11
        mov     (%rsp), %rdi
        mov     %rax, (%rsp)
        mov     %rax, %rsi
        call    ht_thread_renamed
        pop     %rax
        .cfi_adjust_cfa_offset -8
        ret
        .endm

        /* The same for prctl(PR_SET_VMA): hands the address, the name and the place of the call to
         * ht_published_named. */
        .macro CALL_AND_TELL_OF at, name
        push    \name
        push    \at
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 24
        call    *%r11
        mov     %rax, (%rsp)
        mov     8(%rsp), %rdi
        mov     16(%rsp), %rsi
        mov     24(%rsp), %rdx
        call    ht_published_named
        pop     %rax
        add     $16, %rsp
        .cfi_adjust_cfa_offset -24
        ret
        .endm

        .macro FOUND next
        mov     \next(%rip), %r11
        test    %r11, %r11
        jne     9f
        SAVED_CALL ht_find_sandbox_calls
        mov     \next(%rip), %r11
9:
        .endm

        .globl  prctl
        .type   prctl, @function
        .p2align 4
prctl:
        .cfi_startproc
        _CET_ENDBR
        cmp     $15, %edi               /* PR_SET_NAME */
        je      4f
        cmp     $0x53564d41, %edi       /* PR_SET_VMA */
        je      5f
        cmp     $22, %edi               /* PR_SET_SECCOMP */
        jne     2f
        cmp     $2, %esi                /* SECCOMP_MODE_FILTER */
        jne     1f
        test    %rdx, %rdx              /* NULL: the program asks whether the kernel has it */
        je      2f
1:      SAVED_CALL ht_before_sandbox
        FOUND   ht_next_prctl
        CALL_AND_TELL
2:      FOUND   ht_next_prctl
        jmp     *%r11
4:      FOUND   ht_next_prctl
        CALL_AND_NAME %rsi
5:      FOUND   ht_next_prctl
        CALL_AND_TELL_OF %rdx, %r8
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
        cmp     $302, %edi              /* SYS_prlimit64 */
        je      6f
        cmp     $446, %edi              /* SYS_landlock_restrict_self */
        je      6f
        cmp     $161, %edi              /* SYS_chroot */
        je      6f
        cmp     $160, %edi              /* SYS_setrlimit */
        je      6f
        cmp     $155, %edi              /* SYS_pivot_root */
        je      6f
        cmp     $157, %edi              /* SYS_prctl */
        jne     2f
        cmp     $15, %esi
        je      4f
        cmp     $0x53564d41, %esi
        je      5f
        cmp     $22, %esi
        jne     2f
        cmp     $2, %edx
        jne     1f
        test    %rcx, %rcx
        je      2f
1:      SAVED_CALL ht_before_sandbox
        FOUND   ht_next_syscall
        CALL_AND_TELL
3:      test    %esi, %esi              /* SECCOMP_SET_MODE_STRICT */
        je      1b
        /* SECCOMP_SET_MODE_FILTER; other operations install nothing */
        cmp     $1, %esi
        jne     2f
        test    %rcx, %rcx
        jne     1b
2:      FOUND   ht_next_syscall
        jmp     *%r11
4:      FOUND   ht_next_syscall
        CALL_AND_NAME %rdx
5:      FOUND   ht_next_syscall
        CALL_AND_TELL_OF %rcx, %r9
6:      SAVED_CALL ht_before_confining
        jmp     2b
        .cfi_endproc
        .size   syscall, . - syscall

        .section .note.GNU-stack,"",@progbits
