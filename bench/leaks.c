/* SPDX-License-Identifier: MIT */
/*
 * leaks GIB SAMPLES [TURNS]: what one pass over another process's memory costs, for so many blocks that are asked
 * about, beside the speed of this machine's memory. The other process has GIB of memory: a third zeros, a third
 * numbers and text, a third pointers, some into the pages of blocks.
 *
 * In each turn (5) all of these are measured on one core, in an order by chance: reading 1 GB of memory, copying
 * that much with memcpy, copying the other process's memory with process_vm_readv(2) and nothing else, reading it
 * as a pass does (with its pagemap), and the whole pass, with AVX2 and without. Prints medians in GB/s, by the clock
 * and by processor time, which other programs disturb less, and the median of the turns' ratios of the pass to each.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leaks/areas.h"
#include "leaks/index.h"
#include "region/weight.h"

enum { TURNS_MOST = 99 };
enum what { READ, MEMCPY, COPY, READER, PASS, PLAIN, WHATS };
static const char *const names[] = {
    [READ] = "reading memory of its own",
    [MEMCPY] = "memcpy of memory of its own",
    [COPY] = "process_vm_readv alone",
    [READER] = "process_vm_readv and the pagemap",
    [PASS] = "a pass",
    [PLAIN] = "a pass without AVX2",
};

static struct ht_leak_index *index_of[2]; /* with AVX2, and without */
static uint32_t at[HT_LEAK_READ / 8];
static uint64_t found[2];
static uint64_t *own, *target; /* OWN bytes each */
static uint64_t seed = 7;
#define OWN (1ull << 30)

static void nothing(void *ctx, uint64_t address, const uint64_t *words, size_t n)
{
}

static void look(void *ctx, uint64_t address, const uint64_t *words, size_t n)
{
    int plain = ctx == &index_of[1];
    const struct ht_leak_index *x = index_of[plain];
    size_t hits = ht_leak_filter(x, words, n, at);
    hits = ht_leak_prepare(x, words, at, hits);
    for (size_t i = 0; i < hits; i++)
        found[plain] += ht_leak_find(x, words[at[i]] & HT_LEAK_ADDRESS, x->n) < x->n;
}

static void fill(uint64_t *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t random = ht_random(&seed);
        switch (i / 512 % 3) {
        case 0:
            word[i] = 0;
            break;
        case 1:
            word[i] = random & 1 ? random & 0xffff : 0x2065656c20656820;
            break;
        default:
            word[i] = (uint64_t)word + random % n * 8;
            break;
        }
    }
}

static uint64_t processor_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t sum(const uint64_t *word, size_t n)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i + 4 <= n; i += 4) {
        a += word[i];
        b += word[i + 1];
        c += word[i + 2];
        d += word[i + 3];
    }
    return a + b + c + d;
}

static uint64_t copy(pid_t pid, uint64_t start, uint64_t end)
{
    char *to = aligned_alloc(4096, HT_LEAK_READ);
    for (uint64_t from = start; to && from < end; from += HT_LEAK_READ) {
        struct iovec here = {to, HT_LEAK_READ},
                     there = {(void *)from, end - from < HT_LEAK_READ ? end - from : HT_LEAK_READ};
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)there.iov_len)
            exit(1);
    }
    free(to);
    return end - start;
}

static uint64_t pass(struct ht_remote *r, const struct ht_leak_area *a, ht_leak_words_fn fn,
                     void *ctx)
{
    struct ht_leak_reader d;
    if (ht_leak_reader_open(&d, r, 0))
        exit(1);
    d.fn = fn;
    d.ctx = ctx;
    if (ht_leak_reader_read(&d, a, a->start, a->end, false) || d.read < (a->end - a->start) / 2)
        exit(1);
    ht_leak_reader_close(&d);
    return d.read;
}

static uint64_t once(enum what what, struct ht_remote *r, const struct ht_leak_area *a)
{
    static volatile uint64_t kept;
    switch (what) {
    case READ:
        kept = sum(own, OWN / 8);
        return OWN;
    case MEMCPY:
        memcpy(target, own, OWN);
        kept = target[kept % (OWN / 8)];
        return OWN;
    case COPY:
        return copy(r->living, a->start, a->end);
    case READER:
        return pass(r, a, nothing, NULL);
    case PASS:
        return pass(r, a, look, &index_of[0]);
    default:
        return pass(r, a, look, &index_of[1]);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double middle(const double *value, int n)
{
    double sorted[TURNS_MOST];
    memcpy(sorted, value, (size_t)n * sizeof *value);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

/* GB/s of each turn. */
static double by_clock[WHATS][TURNS_MOST], by_processor[WHATS][TURNS_MOST];

static void turn(int k, struct ht_remote *r, const struct ht_leak_area *a)
{
    enum what order[WHATS];
    for (int i = 0; i < WHATS; i++) {
        int j = (int)(ht_random(&seed) % (uint64_t)(i + 1));
        order[i] = order[j];
        order[j] = (enum what)i;
    }
    for (int i = 0; i < WHATS; i++) {
        uint64_t began = ht_leak_now_ns(), worked = processor_ns();
        double bytes = (double)once(order[i], r, a);
        by_processor[order[i]][k] = bytes / (double)(processor_ns() - worked);
        by_clock[order[i]][k] = bytes / (double)(ht_leak_now_ns() - began);
    }
}

static void print(int turns)
{
    printf("%-34s %8s %10s   %s\n", "GB/s, medians", "clock", "processor",
           "a pass / this, by processor time");
    for (int w = 0; w < WHATS; w++) {
        double ratio[TURNS_MOST];
        for (int k = 0; k < turns; k++)
            ratio[k] = by_processor[PASS][k] / by_processor[w][k];
        double median = middle(ratio, turns);
        qsort(ratio, (size_t)turns, sizeof *ratio, by_value);
        printf("%-34s %8.2f %10.2f   %.2f (%.2f to %.2f)\n", names[w], middle(by_clock[w], turns),
               middle(by_processor[w], turns), median, ratio[0], ratio[turns - 1]);
    }
}

/* The process that is looked through. */
static pid_t start(uint64_t *memory, size_t bytes)
{
    int ready[2];
    char byte;
    if (pipe(ready))
        exit(1);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fill(memory, bytes / 8);
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    if (pid < 0 || read(ready[0], &byte, 1) != 1)
        exit(1);
    close(ready[0]);
    return pid;
}

static void *some_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) {
        fprintf(stderr, "leaks: %zu bytes of memory: %s\n", bytes, strerror(errno));
        exit(1);
    }
    return p;
}

int main(int argc, char **argv)
{
    size_t bytes = (size_t)(atof(argc > 1 ? argv[1] : "1") * (1 << 30)) & ~(size_t)4095;
    size_t samples = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    int turns = argc > 3 ? atoi(argv[3]) : 5;
    if (!bytes || !samples || turns < 1 || turns > TURNS_MOST) {
        fprintf(stderr, "usage: leaks GIB SAMPLES [TURNS, 1 to %d]\n", TURNS_MOST);
        return 2;
    }
    uint64_t *memory = some_memory(bytes);
    pid_t pid = start(memory, bytes);
    own = some_memory(OWN);
    target = some_memory(OWN);
    fill(own, OWN / 8);
    memset(target, 1, OWN);
    struct ht_leak_block *block = calloc(samples + 1, sizeof *block);
    if (!block)
        return 1;
    /* by address, with a page of its own each, as samples have */
    for (size_t i = 0; i < samples; i++)
        block[i] = (struct ht_leak_block){
            .addr = (uint64_t)memory + ((bytes / samples * i) & ~4095ull), .size = 500};
    struct ht_remote r = {.pid = pid, .living = pid};
    const struct ht_leak_area a = {.start = (uint64_t)memory, .end = (uint64_t)memory + bytes};
    for (int plain = 0; plain < 2; plain++)
        if (!(index_of[plain] = ht_leak_index_create(block, samples, NULL, plain)))
            return 1;
    for (int k = 0; k < turns; k++)
        turn(k, &r, &a);
    printf("%.1f GiB, %zu samples, %d turns; %llu words in a pass pointed into a sample\n",
           (double)bytes / (1 << 30), samples, turns,
           (unsigned long long)(found[0] / (unsigned)turns));
    print(turns);
    bool same = found[0] == found[1];
    if (!same)
        printf("FAIL without AVX2 it found %llu\n",
               (unsigned long long)(found[1] / (unsigned)turns));
    for (int plain = 0; plain < 2; plain++)
        ht_leak_index_destroy(index_of[plain]);
    free(block);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return !same;
}
