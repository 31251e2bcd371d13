/* SPDX-License-Identifier: MIT */
/* Finds the next definitions of prctl and syscall, with which a program can install a seccomp
 * filter. The hooks themselves are in sandbox.S, because they pass on all registers. */
#include "config.h"

#include "target/hooks/passed/sandbox.h"

#include "target/os/loader.h"

/* The next definitions, looked up on first use: before main in practice. */
void *ht_next_prctl, *ht_next_syscall;

__attribute__((constructor)) static void find(void)
{
    ht_next_prctl = ht_next_symbol("prctl");
    ht_next_syscall = ht_next_symbol("syscall");
}

void ht_find_sandbox_calls(void)
{
    find();
}
