/* SPDX-License-Identifier: MIT */
/* own: takes and gives memory in every way, says on standard output what its own malloc counts, and
 * waits. own THREADS SEED */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned long seed;
static pthread_barrier_t done;

static unsigned next(unsigned long *state, unsigned below)
{
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(*state >> 33) % below;
}

enum { BLOCKS = 20000 };

static void *work(void *arg)
{
    unsigned long state = seed + (unsigned long)arg;
    void **block = calloc(BLOCKS, sizeof *block);
    for (unsigned i = 0; i < 4 * BLOCKS; i++) {
        void **at = &block[next(&state, BLOCKS)];
        free(*at);
        size_t size = next(&state, 2000) == 0 ? 200000 + next(&state, 400000) : next(&state, 1500);
        *at = next(&state, 3) ? memset(malloc(size), 1, size) : NULL;
    }
    return NULL;
}

static void *wait(void *arg)
{
    work(arg);
    pthread_barrier_wait(&done);
    pause();
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 0;
    seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    /* every other thread stays */
    pthread_barrier_init(&done, NULL, (unsigned)(threads + 1) / 2 + 1);
    size_t anonymous = 40 << 20, shared = 8 << 20;
    memset(mmap(NULL, anonymous, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
           anonymous);
    memset(mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 1,
           shared);
    for (long i = 0; i < threads; i++) {
        pthread_t t;
        pthread_create(&t, NULL, i % 2 ? work : wait, (void *)(i + 1));
        if (i % 2)
            pthread_join(t, NULL);
    }
    work(NULL);
    pthread_barrier_wait(&done);
    struct mallinfo2 m = mallinfo2();
    /* mallinfo2 counts the main arena's and the others' together in malloc_info alone. */
    FILE *f = fopen("malloc.xml", "w");
    setvbuf(f, NULL, _IONBF, 0);
    malloc_info(0, f);
    fclose(f);
    printf("%zu %zu\n", m.hblks, m.hblkhd);
    fflush(stdout);
    pause();
}
