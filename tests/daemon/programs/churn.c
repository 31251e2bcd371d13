/* SPDX-License-Identifier: MIT */
/*
 * Threads that allocate and free without end, and tell in a shared file what they began and what they
 * did: churn THREADS [TRUTHFILE]. A profile lies between the two, however the process ends.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct count {
    _Atomic uint64_t objects, bytes;
};

/* Eight words a thread, in this order: the test reads them. */
struct truth {
    struct count alloc_begun, alloc_done, free_begun, free_done;
};

#define SLOTS 64
static struct truth *truth;

static void add(struct count *c, uint64_t bytes)
{
    atomic_fetch_add(&c->objects, 1);
    atomic_fetch_add(&c->bytes, bytes);
}

__attribute__((noinline)) static void *churn_alloc(size_t n)
{
    void *p = malloc(n);
    __asm__ volatile("" ::: "memory"); /* not a tail call: this frame is what the test looks for */
    return p;
}

static void *work(void *arg)
{
    struct truth *t = arg;
    struct {
        void *p;
        size_t n;
    } slot[SLOTS] = {{0}};
    uint64_t random = (uint64_t)(uintptr_t)t | 1;
    for (;;) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t i = (random >> 33) % SLOTS, n = (random >> 40) % 3000;
        if (slot[i].p) {
            add(&t->free_begun, slot[i].n);
            free(slot[i].p);
            add(&t->free_done, slot[i].n);
        }
        add(&t->alloc_begun, n);
        slot[i].p = churn_alloc(n);
        add(&t->alloc_done, n);
        slot[i].n = n;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 8;
    size_t size = (size_t)threads * sizeof *truth;
    int fd = argc > 2 ? open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0 && ftruncate(fd, (off_t)size))
        return 1;
    truth = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED,
                 fd, 0);
    if (truth == MAP_FAILED)
        return 1;
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < threads; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, work, &truth[i]))
            return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
