/* SPDX-License-Identifier: MIT */
/* Allocates and exits with 4. */
#include <stdlib.h>

int main(void)
{
    static void *volatile kept[100];
    for (int i = 0; i < 100; i++)
        kept[i] = malloc(1000);
    return kept[99] ? 4 : 1;
}
