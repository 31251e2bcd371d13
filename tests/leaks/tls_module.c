/* SPDX-License-Identifier: MIT */
/* Thread-local memory of a library that is loaded late, too large for what the threads' blocks have left. */
static __thread void *blocks[20000];

__attribute__((visibility("default"))) void **place(void);
void **place(void)
{
    return &blocks[12345];
}
