/* SPDX-License-Identifier: MIT */
/* f(then, arg, rbp): calls then(arg) with the given rbp from frames whose unwind data is odd. */
        .text

        .macro BEGIN name
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        .endm

/* The CFA is said to be 4000 bytes higher than it is. */
BEGIN asm_wrong_cfa
        .cfi_startproc
        push    %rbp
        mov     %rdx, %rbp
        .cfi_def_cfa_offset 4016
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        pop     %rbp
        ret
        .cfi_endproc
        .size   asm_wrong_cfa, . - asm_wrong_cfa

/* Position independent, copied into anonymous memory by the program: a JIT's code. */
BEGIN asm_no_cfi
        push    %rbp
        mov     %rdx, %rbp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        pop     %rbp
        ret
        .globl  asm_no_cfi_end
asm_no_cfi_end:
        .size   asm_no_cfi, . - asm_no_cfi

BEGIN asm_no_cfi_fp
        push    %rbp
        mov     %rsp, %rbp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        pop     %rbp
        ret
        .globl  asm_no_cfi_fp_end
asm_no_cfi_fp_end:
        .size   asm_no_cfi_fp, . - asm_no_cfi_fp

/* As OpenSSL's: the CFA is 8 above a stack pointer saved on the stack. */
BEGIN asm_cfa_expression
        .cfi_startproc
        mov     %rsp, %rax
        .cfi_def_cfa_register %rax
        push    %rbp
        .cfi_offset %rbp, -16
        sub     $128, %rsp
        and     $-64, %rsp
        mov     %rax, 56(%rsp)
        .cfi_escape 0x0f,0x05,0x77,0x38,0x06,0x23,0x08 /* *(rsp + 56) + 8 */
        mov     %rdx, %rbp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        mov     56(%rsp), %rsi
        .cfi_def_cfa %rsi, 8
        mov     -8(%rsi), %rbp
        lea     (%rsi), %rsp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   asm_cfa_expression, . - asm_cfa_expression

/* As ld.so's _dl_runtime_resolve: the CFA is in rbx, which callees save. */
BEGIN asm_cfa_rbx
        .cfi_startproc
        push    %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rbx, -16
        mov     %rsp, %rbx
        .cfi_def_cfa_register %rbx
        and     $-64, %rsp
        sub     $192, %rsp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        mov     %rbx, %rsp
        .cfi_def_cfa_register %rsp
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
        .cfi_endproc
        .size   asm_cfa_rbx, . - asm_cfa_rbx

        .section .note.GNU-stack,"",@progbits
