/* SPDX-License-Identifier: MIT */
/*
 * Which blocks were not touched, by files as the kernel has them, in a directory of the test's: it
 * plays the kernel between the mark and the look. The kernel's own files are tried where it has
 * them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leaks/idle.h"
#include "tests/lib/check.h"

static _Noreturn void ht_check_failed(const char *file, int line, const char *claim,
                                      const char *condition)
{
    printf("FAIL %s:%d: %s: does not hold (%s)\n", file, line, claim, condition);
    exit(1);
}

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define DIRTY   (1ull << 55)
#define HEAD    (1ull << 15)
#define TAIL    (1ull << 16)
#define PID     4242

static char root[] = "/tmp/heaptap-idle-XXXXXX";
static int pagemap, bitmap, flags, clear;

static int make(const char *path)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *at = name + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(name, 0700);
        *at = '/';
    }
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0, "the test makes its files");
    return fd;
}

static void put(int fd, uint64_t index, uint64_t word)
{
    CHECK(pwrite(fd, &word, 8, (off_t)(index * 8)) == 8, "the test writes its files");
}

static uint64_t get(int fd, uint64_t index)
{
    uint64_t word = 0;
    return pread(fd, &word, 8, (off_t)(index * 8)) == 8 ? word : 0;
}

static void page_is(uint64_t page, uint64_t entry)
{
    put(pagemap, page, entry);
}

/* Somebody reads or writes to it. */
static void touch(uint64_t frame)
{
    put(bitmap, frame / 64, get(bitmap, frame / 64) & ~(1ull << (frame % 64)));
}

static struct ht_leak_block block[] = {
    {.addr = 0x10000, .size = 100}, /* 0: is not touched */
    {.addr = 0x11000, .size = 100}, /* 1: is */
    {.addr = 0x12000, .size = 64},  /* 2: shares its page with the next one, which is touched */
    {.addr = 0x12800, .size = 64},  /* 3 */
    {.addr = 0x13000, .size = 3 * 4096},    /* 4: the last of its pages is */
    {.addr = 0x20000, .size = 100},         /* 5: its page moves to another frame */
    {.addr = 0x21000, .size = 100},         /* 6: is in swap all the time */
    {.addr = 0x22000, .size = 100},         /* 7: comes from swap */
    {.addr = 0x23000, .size = 100},         /* 8: goes to swap, and was not touched before */
    {.addr = 0x24000, .size = 100},         /* 9: is absent, which says nothing */
    {.addr = 0x25000, .size = 2 * 4096},    /* 10: only its second page is there, and not touched */
    {.addr = 0x200000, .size = 100},        /* 11: in a huge page, which is not touched */
    {.addr = 0x401000, .size = 100},        /* 12: in a huge page, which is */
    {.addr = 0x500000, .size = 0},          /* 13: of no size, not touched */
    {.addr = 0x600000, .size = 2ull << 30}, /* 14: too large to be watched */
};
enum { BLOCKS = sizeof block / sizeof *block };

static void reset(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i].idle = true;
}

static void expect(const bool *idle, const char *claim)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        if (!CHECK(block[i].idle == idle[i], claim))
            return;
}

static void touches(void)
{
    struct ht_idle d;
    char msg[256] = "";
    for (uint64_t k = 0; k < 16; k++)
        page_is(0x10 + k, PRESENT | (64 * (k + 1)));
    page_is(0x20, PRESENT | 64 * 40);
    page_is(0x21, SWAPPED);
    page_is(0x22, SWAPPED);
    page_is(0x23, PRESENT | 64 * 41);
    page_is(0x26, PRESENT | 64 * 42);
    page_is(0x200, PRESENT | (512 * 20 + 7));
    page_is(0x401, PRESENT | (512 * 21 + 9));
    page_is(0x500, PRESENT | 64 * 43);
    page_is(0x600, PRESENT | 64 * 44);
    put(flags, 512 * 20, HEAD);
    put(flags, 512 * 20 + 7, TAIL);
    put(flags, 512 * 21, HEAD);
    put(flags, 512 * 21 + 9, TAIL);
    put(flags, 512 * 30, 0);
    CHECK(!ht_idle_begin(&d, root, PID, false, msg, sizeof msg), "page_idle is there");
    CHECK(!ht_idle_mark(&d, block, BLOCKS), "pages can be marked");
    CHECK(get(bitmap, 1) == 1 && get(bitmap, 512 * 20 / 64) == 1, "a frame's bit is set");
    touch(64 * 2);
    touch(64 * 3);
    touch(64 * 6);
    page_is(0x20, PRESENT | 64 * 50);
    put(bitmap, 50, 1);
    page_is(0x22, PRESENT | 64 * 51);
    put(bitmap, 51, 1);
    page_is(0x23, SWAPPED);
    touch(512 * 21);
    reset();
    CHECK(!ht_idle_read(&d, block, BLOCKS), "the bits can be read");
    ht_idle_end(&d);
    expect((bool[BLOCKS]){true, false, false, false, false, false, true, false, true, false, true,
                          true, false, true, false},
           "what was touched is not idle, and the rest is");
}

static void writes(void)
{
    struct ht_idle d;
    char msg[256] = "", said[8] = "";
    for (uint64_t k = 0; k < 16; k++)
        page_is(0x10 + k, PRESENT | DIRTY | (64 * (k + 1)));
    CHECK(!ht_idle_begin(&d, root, PID, true, msg, sizeof msg), "soft-dirty bits are there");
    CHECK(!ht_idle_mark(&d, block, BLOCKS), "the bits can be cleared");
    CHECK(pread(clear, said, 1, 0) == 1 && !strcmp(said, "4"), "only soft-dirty bits are cleared");
    for (uint64_t k = 0; k < 16; k++) /* so does the kernel */
        page_is(0x10 + k, PRESENT | (64 * (k + 1)));
    page_is(0x11, PRESENT | DIRTY | 64 * 2);
    page_is(0x15, PRESENT | DIRTY | 64 * 6);
    reset();
    CHECK(!ht_idle_read(&d, block, BLOCKS), "the bits can be read");
    ht_idle_end(&d);
    CHECK(block[0].idle && !block[1].idle && block[2].idle && block[3].idle && !block[4].idle,
          "what was written to is not idle, and the rest is");
}

static void nothing_there(void)
{
    struct ht_idle d;
    char msg[256] = "", other[64];
    snprintf(other, sizeof other, "%s/none", root);
    CHECK(ht_idle_begin(&d, other, PID, false, msg, sizeof msg) == -ENOSYS,
          "a kernel without page_idle is said to be one");
    CHECK(strstr(msg, "CONFIG_IDLE_PAGE_TRACKING"), "and how it can be had");
    ht_idle_end(&d);
    CHECK(ht_idle_begin(&d, other, PID, true, msg, sizeof msg) == -ENOENT && *msg,
          "a process that is not there is an error with a line");
    ht_idle_end(&d);
}

/* This kernel's own files, with this process. */
static void real(bool by_writes, const char *what)
{
    struct ht_idle d;
    char msg[256] = "";
    unsigned char *memory = aligned_alloc(4096, 2 * 4096);
    struct ht_leak_block own[2] = {{.addr = (uint64_t)memory, .size = 4096},
                                   {.addr = (uint64_t)memory + 4096, .size = 4096}};
    memset(memory, 1, 2 * 4096);
    int err = ht_idle_begin(&d, "", getpid(), by_writes, msg, sizeof msg);
    if (err) {
        CHECK(*msg && !strchr(msg, '\n'), "why it cannot be told is one line");
        printf("SKIP %s: %s\n", what, msg);
    } else {
        CHECK(!ht_idle_mark(&d, own, 2), "the kernel's marks can be made");
        *(volatile unsigned char *)memory = 2;
        CHECK(!ht_idle_read(&d, own, 2), "the kernel's marks can be read");
        CHECK(!own[0].idle, "what was written to is not idle");
        CHECK(own[1].idle, "what was not is");
    }
    ht_idle_end(&d);
    free(memory);
}

int main(void)
{
    char command[128];
    CHECK(mkdtemp(root), "there is a directory");
    pagemap = make("/proc/4242/pagemap");
    clear = make("/proc/4242/clear_refs");
    flags = make("/proc/kpageflags");
    bitmap = make("/sys/kernel/mm/page_idle/bitmap");
    put(pagemap, 0x700, 0);
    touches();
    writes();
    nothing_there();
    real(false, "page_idle");
    real(true, "soft-dirty");
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) ? 1 : 0;
}
