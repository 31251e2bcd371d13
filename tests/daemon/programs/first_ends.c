/* SPDX-License-Identifier: MIT */
/*
 * A process whose first thread ends by pthread_exit. The other allocates 100 blocks in keep(), says so, and 50
 * more for each byte it reads: first_ends [MAPPINGS], so many of which make its death last.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EACH 16384

__attribute__((noinline)) static void keep(int n)
{
    for (int i = 0; i < n; i++)
        *(void *volatile *)malloc(1000) = NULL;
}

static void *work(void *arg)
{
    char c;
    (void)arg;
    keep(100);
    puts("ready");
    fflush(stdout);
    while (read(0, &c, 1) == 1) {
        keep(50);
        puts("more");
        fflush(stdout);
    }
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t;
    /* Each second one differs, so that they are not joined to one. */
    for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 0); i++) {
        void *p =
            mmap(NULL, EACH, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return 1;
        memset(p, 1, EACH);
    }
    if (pthread_create(&t, NULL, work, NULL))
        return 1;
    if (argc > 1)
        pthread_join(t, NULL);
    pthread_exit(NULL);
}
