/* SPDX-License-Identifier: MIT */
/* A mapping that grows and shrinks without an end, as an arena of malloc's does, over memory of which
 * always the same 64 MB are resident. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { KEPT = 64 << 20, ALL = 1 << 30, STEP = 64 << 10 };

int main(void)
{
    char *at = mmap(NULL, ALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || madvise(at, ALL, MADV_NOHUGEPAGE) ||
        mprotect(at, KEPT, PROT_READ | PROT_WRITE)) {
        perror("growing");
        return 1;
    }
    memset(at, 1, KEPT);
    puts("ready");
    fflush(stdout);
    for (;;) {
        for (size_t n = KEPT; n < ALL; n += STEP)
            if (mprotect(at + n, STEP, PROT_READ | PROT_WRITE))
                return 1;
        if (mprotect(at + KEPT, ALL - KEPT, PROT_NONE))
            return 1;
    }
}
