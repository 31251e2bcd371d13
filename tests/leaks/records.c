/* SPDX-License-Identifier: MIT */
/*
 * Which words are an allocator's own: jemalloc's records as jemalloc 5.2 and 5.3 lay them out are;
 * rows of pointers and structs of flags, buffer and size, at every place and in millions, are not.
 * (Redis' shared objects, a row of pointers, were taken for such records by their bits.)
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leaks/records.h"
#include "region/weight.h"
#include "tests/lib/check.h"

static _Noreturn void ht_check_failed(const char *file, int line, const char *claim,
                                      const char *condition)
{
    printf("FAIL %s:%d: %s: does not hold (%s)\n", file, line, claim, condition);
    exit(1);
}

static _Alignas(128) uint64_t memory[64];
static struct ht_remote self;
static const struct ht_leak_records jemalloc = {.jemalloc = true};
static uint64_t seed = 5;

static bool judged(unsigned at, uint64_t addr, uint64_t size)
{
    const struct ht_leak_block b = {.addr = addr, .size = size};
    ht_remote_forget(&self);
    return ht_leak_is_record(&jemalloc, &self, (uint64_t)&memory[at], memory[at], &b);
}

/* Bits, address, size: of an extent of that class. */
static void extent(bool old, uint64_t class, bool slab, uint64_t addr, uint64_t size)
{
    uint64_t bits = 5 | (uint64_t)slab << 12 | 1 << 13 | 1 << 15;
    memory[0] = bits | class << (old ? 18 : 20);
    memory[1] = addr;
    memory[2] = size | 77;
}

static void extents(void)
{
    for (int old = 0; old < 2; old++) {
        extent(old, 53, false, 0x7fbd7781d540, 0x51000); /* 320 KiB and a page, at an offset */
        CHECK(judged(1, 0x7fbd7781d540, 300000), "a pointer, size and bits of an extent are one");
        CHECK(!judged(1, 0x7fbd7781d540, 400000), "a block larger than the extent is none");
        extent(old, 53, false, 0x7fbd7781d000, 0x50000);
        CHECK(judged(1, 0x7fbd7781d000, 300000),
              "a page-aligned extent of the class's size is one");
        extent(old, 53, false, 0x7fbd7781d000, 0x52000);
        CHECK(!judged(1, 0x7fbd7781d000, 300000),
              "an extent of another size than the class's is none");
        extent(old, 29, true, 0x7fbd77879000, 0x5000); /* 5,120 bytes: a slab of five pages */
        CHECK(judged(1, 0x7fbd77879000, 4242), "a slab of the class's pages is one");
        CHECK(!judged(1, 0x7fbd77879000, 5121), "a block larger than the slab's class is none");
        extent(old, 29, true, 0x7fbd77879000, 0xa000);
        CHECK(!judged(1, 0x7fbd77879000, 4242), "a slab of twice the class's pages is none");
    }
}

static uint64_t some_pointer(void)
{
    static const uint64_t from[] = {0x7f0000000000, 0x550000000000, 0x400000};
    return from[ht_random(&seed) % 3] + (ht_random(&seed) & 0xffffffff0);
}

static void others(void)
{
    for (int i = 0; i < 300000; i++) {
        uint64_t near = some_pointer();
        for (unsigned k = 0; k < 16; k++)
            memory[k] = near + (ht_random(&seed) & 0xffff0); /* a row of pointers */
        CHECK(!judged(1, memory[1], 16) && !judged(9, memory[9], 16),
              "a row of pointers is no extent");
        memory[0] = ht_random(&seed) & 0xffff; /* flags, buffer, size */
        memory[1] = some_pointer() & ~4095ull;
        memory[2] = ht_random(&seed) & 0xfffff;
        CHECK(!judged(1, memory[1], memory[2]), "random words are no extent");
    }
}

int main(void)
{
    self.pid = self.living = getpid();
    extents();
    others();
    puts("ok");
    return 0;
}
