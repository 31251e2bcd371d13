/* SPDX-License-Identifier: MIT */
/*
 * Writes a profile of any number of samples in constant memory, gzipped, to standard output.
 *
 * bench-profiles SAMPLES SIZES [DEPTH [SEED]]: each stack is met with SIZES sizes; DEPTH (20) is
 * the mean length of a stack of 30,000 places in 8,000 functions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FUNCTIONS = 8000, PLACES = 30000, DEEPEST = 256 };

static gzFile out;
static uint64_t state;

static uint32_t below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

struct message {
    unsigned char data[4096];
    unsigned n;
};

static void varint(struct message *m, uint64_t v)
{
    for (; v > 127; v >>= 7)
        m->data[m->n++] = (unsigned char)(v | 128);
    m->data[m->n++] = (unsigned char)v;
}

static void number(struct message *m, unsigned field, uint64_t v)
{
    varint(m, field << 3);
    varint(m, v);
}

static void bytes(struct message *m, unsigned field, const void *data, unsigned n)
{
    varint(m, field << 3 | 2);
    varint(m, n);
    memcpy(m->data + m->n, data, n);
    m->n += n;
}

static void put(unsigned field, const struct message *m)
{
    struct message all = {.n = 0};
    bytes(&all, field, m->data, m->n);
    if (gzwrite(out, all.data, all.n) != (int)all.n)
        exit(1);
}

static void string(const char *text)
{
    struct message m = {.n = 0};
    bytes(&m, 6, text, (unsigned)strlen(text));
    if (gzwrite(out, m.data, m.n) != (int)m.n)
        exit(1);
}

/* Strings: 1 to 5 are the types', 6 to 8 the mapping's, then two for each function. */
static void head(void)
{
    static const unsigned types[4][2] = {{1, 5}, {2, 6}, {3, 5}, {4, 6}};
    struct message m = {.n = 0};
    for (int i = 0; i < 4; i++) {
        m.n = 0;
        number(&m, 1, types[i][0]);
        number(&m, 2, types[i][1]);
        put(1, &m);
    }
    m.n = 0;
    number(&m, 1, 1);
    number(&m, 2, 0x400000);
    number(&m, 3, 0x4000000);
    number(&m, 5, 7);
    number(&m, 6, 8);
    number(&m, 7, 1);
    number(&m, 8, 1);
    number(&m, 9, 1);
    put(3, &m);
}

static void tables(void)
{
    static const char *const fixed[] = {
        "",      "alloc_objects", "alloc_space",    "inuse_objects", "inuse_space",
        "count", "bytes",         "/usr/bin/large", "cafe"};
    char text[80];
    struct message m;
    for (unsigned i = 1; i <= FUNCTIONS; i++) {
        m.n = 0;
        number(&m, 1, i);
        number(&m, 2, 8 + i);
        number(&m, 3, 8 + i);
        number(&m, 4, 8 + FUNCTIONS + 1 + i % 500);
        put(5, &m);
    }
    for (unsigned i = 1; i <= PLACES; i++) {
        struct message line = {.n = 0};
        number(&line, 1, 1 + below(FUNCTIONS));
        number(&line, 2, 1 + below(900));
        m.n = 0;
        number(&m, 1, i);
        number(&m, 2, 1);
        number(&m, 3, 0x400000 + 16 * i);
        bytes(&m, 4, line.data, line.n);
        put(4, &m);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        string(fixed[i]);
    for (unsigned i = 1; i <= FUNCTIONS; i++) {
        snprintf(text, sizeof text, "ns%u::Class%u::method%u", i % 20, i % 700, i);
        string(text);
    }
    for (unsigned i = 0; i <= 500; i++) {
        snprintf(text, sizeof text, "src/file%u.cc", i);
        string(text);
    }
}

/* A place calls one of twelve others. */
static uint32_t callee(uint32_t place)
{
    uint64_t h = (place * 12ull + below(12)) * 0x9e3779b97f4a7c15ull;
    return 1 + (uint32_t)((h >> 32) * PLACES >> 32);
}

/* A new stack, leaf first, keeps a part of the last one's end at the root. */
static unsigned next_stack(uint32_t *stack, unsigned n, unsigned depth)
{
    unsigned keep = below(depth) + 1, fresh = 1 + below(depth);
    if (keep > n)
        keep = n;
    memmove(stack + fresh, stack + n - keep, keep * sizeof *stack);
    for (unsigned i = fresh; i-- > 0;)
        stack[i] = keep || i + 1 < fresh ? callee(stack[i + 1]) : 1;
    return fresh + keep;
}

int main(int argc, char **argv)
{
    uint64_t samples = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t sizes = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    unsigned depth = argc > 3 ? (unsigned)atoi(argv[3]) : 20, n = 0;
    state = 88172645463325252ull + (argc > 4 ? strtoull(argv[4], NULL, 10) : 0);
    uint32_t stack[2 * DEEPEST];
    if (!samples || !sizes || depth < 1 || depth > DEEPEST) {
        fprintf(stderr, "usage: bench-profiles SAMPLES SIZES [DEPTH [SEED]] > FILE.pb.gz\n");
        return 2;
    }
    out = gzdopen(1, "wb1");
    head();
    for (uint64_t i = 0; i < samples; i++) {
        struct message m = {.n = 0}, ids = {.n = 0}, values = {.n = 0}, label = {.n = 0};
        if (i % sizes == 0)
            n = next_stack(stack, n, depth);
        uint64_t count = 1 + below(1000) / (1 + below(100)), size = 16ull << (i % sizes % 16);
        for (unsigned k = 0; k < n; k++)
            varint(&ids, stack[k]);
        varint(&values, count);
        varint(&values, count * size);
        varint(&values, 1);
        varint(&values, size);
        number(&label, 1, 6);
        number(&label, 3, size);
        number(&label, 4, 6);
        bytes(&m, 1, ids.data, ids.n);
        bytes(&m, 2, values.data, values.n);
        bytes(&m, 3, label.data, label.n);
        put(2, &m);
    }
    tables();
    return gzclose(out) == Z_OK ? 0 : 1;
}
