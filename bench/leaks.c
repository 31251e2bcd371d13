/* SPDX-License-Identifier: MIT */
/*
 * leaks GIB SAMPLES [PASSES]: what one pass over another process's memory costs, for so many blocks that are asked
 * about. The other process has GIB of memory: a third zeros, a third numbers and text, a third pointers, some into
 * the pages of blocks. With AVX2 and without. Prints GB/s of reading alone, and of reading and looking: by the clock, and by
 * the processor time that it took, which other programs disturb less.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leaks/areas.h"
#include "leaks/index.h"
#include "region/weight.h"

static struct ht_leak_index *asked;
static uint32_t at[HT_LEAK_READ / 8];
static uint64_t found;

static void nothing(void *ctx, uint64_t address, const uint64_t *words, size_t n)
{
}

static void look(void *ctx, uint64_t address, const uint64_t *words, size_t n)
{
    size_t hits = ht_leak_filter(asked, words, n, at);
    hits = ht_leak_prepare(asked, words, at, hits);
    for (size_t i = 0; i < hits; i++)
        found += ht_leak_find(asked, words[at[i]] & HT_LEAK_ADDRESS, asked->n) < asked->n;
}

static void fill(uint64_t *word, size_t n)
{
    uint64_t seed = 1;
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

/* GB/s. */
struct speed {
    double clock, processor;
};

static uint64_t processor_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct speed pass(struct ht_remote *r, const struct ht_leak_area *a, ht_leak_words_fn fn)
{
    struct ht_leak_reader d;
    if (ht_leak_reader_open(&d, r, 0))
        exit(1);
    d.fn = fn;
    uint64_t began = ht_leak_now_ns(), worked = processor_ns();
    if (ht_leak_reader_read(&d, a, a->start, a->end, false) || d.read < (a->end - a->start) / 2)
        exit(1);
    struct speed speed = {(double)d.read / (double)(ht_leak_now_ns() - began),
                          (double)d.read / (double)(processor_ns() - worked)};
    ht_leak_reader_close(&d);
    return speed;
}

static struct speed best(struct ht_remote *r, const struct ht_leak_area *a, ht_leak_words_fn fn,
                         int passes)
{
    struct speed most = {0};
    for (int i = 0; i < passes; i++) {
        struct speed speed = pass(r, a, fn);
        most.clock = speed.clock > most.clock ? speed.clock : most.clock;
        most.processor = speed.processor > most.processor ? speed.processor : most.processor;
    }
    return most;
}

int main(int argc, char **argv)
{
    size_t bytes = (size_t)(atof(argc > 1 ? argv[1] : "1") * (1 << 30)) & ~(size_t)4095;
    size_t samples = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    int passes = argc > 3 ? atoi(argv[3]) : 3, ready[2];
    uint64_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || pipe(ready))
        return 1;
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fill(memory, bytes / 8);
        if (write(ready[1], "", 1) != 1)
            return 1;
        pause();
        return 0;
    }
    char byte;
    struct ht_leak_block *block = calloc(samples + 1, sizeof *block);
    if (!block || read(ready[0], &byte, 1) != 1)
        return 1;
    /* by address, with a page of its own each, as samples have */
    for (size_t i = 0; i < samples; i++)
        block[i] = (struct ht_leak_block){
            .addr = (uint64_t)memory + ((bytes / samples * i) & ~4095ull), .size = 500};
    struct ht_remote r = {.pid = pid, .living = pid};
    const struct ht_leak_area a = {.start = (uint64_t)memory, .end = (uint64_t)memory + bytes};
    struct speed read_alone = best(&r, &a, nothing, passes), speed[2];
    for (int plain = 0; plain < 2; plain++) {
        asked = ht_leak_index_create(block, samples, NULL, plain);
        if (!asked)
            return 1;
        speed[plain] = best(&r, &a, look, passes);
        ht_leak_index_destroy(asked);
    }
    printf(
        "%5.1f GiB, %7zu samples, GB/s (of processor time): read alone %.2f (%.2f), with the look "
        "%.2f (%.2f), without AVX2 %.2f (%.2f); %llu hits\n",
        (double)bytes / (1 << 30), samples, read_alone.clock, read_alone.processor, speed[0].clock,
        speed[0].processor, speed[1].clock, speed[1].processor, (unsigned long long)found);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
