/* SPDX-License-Identifier: MIT */
/* own: takes and gives memory in every way, says on standard output what its own malloc counts, and
 * waits. own THREADS SEED. Under jemalloc or tcmalloc a line of names and figures, else glibc's. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
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

static int say_jemalloc(void)
{
    static const char *const names[] = {
        "allocated", "active", "metadata", "resident", "retained", "arenas.4096.tcache_bytes",
    };
    int (*control)(const char *, void *, size_t *, void *, size_t) = dlsym(RTLD_DEFAULT, "mallctl");
    size_t value, pages[2], n = sizeof value;
    uint64_t epoch = 1;
    unsigned arenas, made = 0;
    char name[64], line[1024];
    int used = 0;
    if (!control)
        return 0;
    for (unsigned i = 0; i < 2; i++) /* the first look takes memory itself */
        control("epoch", NULL, NULL, &epoch, sizeof epoch);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "stats.%s", names[i]);
        if (control(name, &value, &n, NULL, 0))
            return 0;
        used += snprintf(line + used, sizeof line - (size_t)used, "%s %zu ", names[i], value);
    }
    control("stats.arenas.4096.pdirty", &pages[0], &n, NULL, 0);
    control("stats.arenas.4096.pmuzzy", &pages[1], &n, NULL, 0);
    control("arenas.narenas", &arenas, &(size_t){sizeof arenas}, NULL, 0);
    for (unsigned i = 0; i < arenas; i++) {
        bool is = false;
        snprintf(name, sizeof name, "arena.%u.initialized", i);
        made += !control(name, &is, &(size_t){sizeof is}, NULL, 0) && is;
    }
    used += snprintf(line + used, sizeof line - (size_t)used, "dirty %zu muzzy %zu arenas %u\n",
                     pages[0] * 4096, pages[1] * 4096, made);
    return write(1, line, (size_t)used) > 0;
}

static int say_tcmalloc(void)
{
    static const char *const names[] = {
        "generic.heap_size",
        "generic.current_allocated_bytes",
        "tcmalloc.pageheap_free_bytes",
        "tcmalloc.pageheap_unmapped_bytes",
        "tcmalloc.central_cache_free_bytes",
        "tcmalloc.transfer_cache_free_bytes",
        "tcmalloc.thread_cache_free_bytes",
    };
    int (*property)(const char *, size_t *) =
        dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
    void (*release)(size_t) = dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseToSystem");
    char line[1024];
    int used = 0;
    if (!property)
        return 0;
    if (release)
        release(200000);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        size_t value = 0;
        property(names[i], &value);
        used += snprintf(line + used, sizeof line - (size_t)used, "%s %zu ", names[i], value);
    }
    int *caches = dlsym(RTLD_DEFAULT, "_ZN8tcmalloc11ThreadCache18thread_heap_count_E");
    used += snprintf(line + used, sizeof line - (size_t)used, "caches %d\n", caches ? *caches : 0);
    return write(1, line, (size_t)used) > 0;
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
    if (say_jemalloc() || say_tcmalloc())
        pause();
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
