/* SPDX-License-Identifier: MIT */
/* sparse: keeps one block in sixty, says which pages these keep, in what form the test asks for, and waits. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE __attribute__((noinline, noclone, no_icf))
enum { BLOCKS = 60000, SIZE = 64, EACH = 60, PAGE = 4096 };

static char *blocks[BLOCKS];
static struct {
    uint64_t page;
    unsigned live;
} pages[BLOCKS];
static unsigned n_pages;

static SITE char *site_kept(size_t n)
{
    char *p = malloc(n);
    __asm__ volatile("" : "+r"(p)::"memory");
    return memset(p, 1, n);
}

static SITE char *site_given(size_t n)
{
    char *p = malloc(n);
    __asm__ volatile("" : "+r"(p)::"memory");
    return memset(p, 2, n);
}

static void use(uint64_t page, unsigned bytes)
{
    if (!n_pages || pages[n_pages - 1].page != page)
        pages[n_pages++].page = page;
    pages[n_pages - 1].live += bytes;
}

int main(void)
{
    unsigned kept = 0, objects = 0, empty = 0, bytes = 0;
    char line[100];
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = i % EACH ? site_given(SIZE) : site_kept(SIZE);
    for (unsigned i = 0; i < BLOCKS; i++) {
        uint64_t at = (uint64_t)blocks[i], first = at / PAGE, last = (at + SIZE - 1) / PAGE;
        if (i % EACH) {
            free(blocks[i]);
            continue;
        }
        use(first, first == last ? SIZE : (unsigned)(last * PAGE - at));
        if (first != last)
            use(last, (unsigned)(at + SIZE - last * PAGE));
    }
    for (unsigned i = 0; i < n_pages; i++) {
        if (pages[i].live > PAGE / 4)
            continue;
        kept++;
        bytes += pages[i].live;
        empty += PAGE - pages[i].live;
    }
    for (unsigned i = 0; i < BLOCKS; i += EACH)
        objects++;
    int n = snprintf(line, sizeof line, "%u %u %u %u\n", kept, bytes, objects, empty);
    if (write(1, line, (size_t)n) != n)
        return 1;
    pause();
    return 0;
}
