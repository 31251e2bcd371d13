/* SPDX-License-Identifier: MIT */
/* _exit and _Exit: no destructor runs there, so the last dump is made here. */
#include "config.h"

#include "target/hooks/export.h"
#include "target/os/sys.h"
#include "target/process/lifecycle.h"

EXPORT __attribute__((noreturn)) void _exit(int status);
EXPORT __attribute__((noreturn)) void _Exit(int status);

void _exit(int status)
{
    ht_on_exit();
    for (;;)
        SYS1(SYS_exit_group, status);
}

void _Exit(int status)
{
    _exit(status);
}
