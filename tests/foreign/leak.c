/* SPDX-License-Identifier: MIT
 * Preloaded in the place of heaptap: each fault it can have must be found by the comparison. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((constructor)) static void start(void)
{
    const char *fault = getenv("FOREIGN_FAULT");
    if (!fault)
        return;
    if (!strcmp(fault, "descriptor"))
        (void)!open("/dev/null", O_RDONLY);
    if (!strcmp(fault, "output"))
        (void)!write(1, "x", 1);
    if (!strcmp(fault, "stderr"))
        (void)!write(2, "x", 1);
}

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
    const char *fault = getenv("FOREIGN_FAULT");
    for (;;)
        syscall(SYS_exit_group, fault && !strcmp(fault, "status") ? 99 : status);
}
