/* SPDX-License-Identifier: MIT */
/*
 * Threads that allocate and free without end, and tell in a shared file what they began and what
 * they did: churn THREADS [TRUTHFILE [TURNS]]. A profile lies between the two, however the process
 * ends. After TURNS of them a thread gives what it has to a new one, and ends.
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
struct worker {
    struct truth *truth;
    uint64_t random;
    struct {
        void *p;
        size_t n;
    } slot[SLOTS];
};
static uint64_t turns = UINT64_MAX;

static void add(struct count *c, uint64_t bytes)
{
    atomic_fetch_add(&c->objects, 1);
    atomic_fetch_add(&c->bytes, bytes);
}

__attribute__((noinline)) static void *churn_alloc(void *p, size_t n)
{
    void *q = p ? realloc(p, n) : malloc(n);
    __asm__ volatile("" ::: "memory"); /* not a tail call: this frame is what the test looks for */
    return q;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct truth *t = w->truth;
    for (uint64_t done = 0; done < turns; done++) {
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        size_t i = (w->random >> 33) % SLOTS, n = (w->random >> 40) % 3000 + 1, old = w->slot[i].n;
        void *p = w->slot[i].p;
        if (p) {
            add(&t->free_begun, old);
            if (w->random >> 61) { /* else it is resized */
                free(p);
                p = NULL;
                add(&t->free_done, old);
            }
        }
        add(&t->alloc_begun, n);
        w->slot[i].p = churn_alloc(p, n);
        add(&t->alloc_done, n);
        if (p)
            add(&t->free_done, old);
        w->slot[i].n = n;
    }
    pthread_t next;
    if (pthread_create(&next, NULL, work, w))
        abort();
    pthread_detach(pthread_self());
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 8;
    size_t size = (size_t)threads * sizeof(struct truth);
    int fd = argc > 2 ? open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0 && ftruncate(fd, (off_t)size))
        return 1;
    struct truth *truth = mmap(NULL, size, PROT_READ | PROT_WRITE,
                               fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (truth == MAP_FAILED)
        return 1;
    if (fd >= 0)
        close(fd);
    if (argc > 3)
        turns = strtoull(argv[3], NULL, 0);
    for (int i = 0; i < threads; i++) {
        pthread_t t;
        struct worker *w = calloc(1, sizeof *w);
        if (!w)
            return 1;
        w->truth = &truth[i];
        w->random = (uint64_t)(uintptr_t)w | 1;
        if (pthread_create(&t, NULL, work, w))
            return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
