/* SPDX-License-Identifier: MIT */
/* Allocates, says so (with "environment": and the names of heaptap's variables that it sees), waits for the end of its input. With the
 * path of a program: becomes that instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* The name is long enough for a test to put another of its length in the program's file. */
__attribute__((noinline)) static void *a_site_whose_name_is_replaced(size_t n)
{
    void *p = malloc(n);
    __asm__ volatile("" : "+r"(p)::"memory");
    return p;
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 20000; i++) {
        void *volatile p = a_site_whose_name_is_replaced(500);
        if (i % 3)
            free(p);
    }
    if (argc > 1 && *argv[1] == '/') {
        execl(argv[1], argv[1], (char *)NULL);
        return 1;
    }
    puts("ready");
    for (char **e = environ; argc > 1 && *e; e++)
        if (!strncmp(*e, "HEAPTAP_", 8))
            printf("%.*s\n", (int)strcspn(*e, "="), *e);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 5;
}
