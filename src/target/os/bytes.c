/* SPDX-License-Identifier: MIT */
/*
 * The functions of <string.h> that our code, zlib and protobuf-c call, bound inside the library: a
 * program may have its own of any of these names, which may allocate, or run before it can. The
 * empty statements keep compilers from making calls of these very functions out of the loops.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

typedef long long block __attribute__((vector_size(16), aligned(1), may_alias));

#define STAY_A_LOOP() __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    for (; n >= 16; n -= 16, t += 16, f += 16) {
        *(block *)t = *(const block *)f;
        STAY_A_LOOP();
    }
    for (; n; n--) {
        *t++ = *f++;
        STAY_A_LOOP();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    /* forwards: the source that is still to be read is not overwritten */
    if ((uintptr_t)t - (uintptr_t)f >= n) {
        for (; n >= 16; n -= 16, t += 16, f += 16) {
            *(block *)t = *(const block *)f;
            STAY_A_LOOP();
        }
        for (; n; n--) {
            *t++ = *f++;
            STAY_A_LOOP();
        }
        return to;
    }
    while (n >= 16) {
        n -= 16;
        *(block *)(t + n) = *(const block *)(f + n);
        STAY_A_LOOP();
    }
    while (n) {
        n--;
        t[n] = f[n];
        STAY_A_LOOP();
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    unsigned char *t = to, byte = (unsigned char)value;
    long long eight = (long long)(byte * 0x0101010101010101ULL);
    for (; n >= 16; n -= 16, t += 16) {
        *(block *)t = (block){eight, eight};
        STAY_A_LOOP();
    }
    for (; n; n--) {
        *t++ = byte;
        STAY_A_LOOP();
    }
    return to;
}

static inline int difference(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n >= 8; n -= 8, x += 8, y += 8) {
        uint64_t p, q;
        __builtin_memcpy(&p, x, 8);
        __builtin_memcpy(&q, y, 8);
        if (p != q)
            break; /* the loop below finds the byte */
    }
    for (; n; n--, x++, y++) {
        if (*x != *y)
            return *x - *y;
        STAY_A_LOOP();
    }
    return 0;
}

int memcmp(const void *a, const void *b, size_t n)
{
    return difference(a, b, n);
}

int bcmp(const void *a, const void *b, size_t n)
{
    return difference(a, b, n);
}

void *(memchr)(const void *s, int c, size_t n)
{
    for (const unsigned char *p = s; n; n--, p++) {
        if (*p == (unsigned char)c)
            return (void *)p;
        STAY_A_LOOP();
    }
    return NULL;
}

void *(memrchr)(const void *s, int c, size_t n)
{
    const unsigned char *p = s;
    while (n--) {
        if (p[n] == (unsigned char)c)
            return (void *)(p + n);
        STAY_A_LOOP();
    }
    return NULL;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    for (; s[n]; n++)
        STAY_A_LOOP();
    return n;
}

size_t strnlen(const char *s, size_t most)
{
    size_t n = 0;
    for (; n < most && s[n]; n++)
        STAY_A_LOOP();
    return n;
}

char *(strchr)(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (!*s)
            return NULL;
        STAY_A_LOOP();
    }
    return (char *)s;
}

char *(strrchr)(const char *s, int c)
{
    const char *last = NULL;
    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (!*s)
            return (char *)last;
        STAY_A_LOOP();
    }
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
        STAY_A_LOOP();
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, PTRDIFF_MAX); /* no object is larger */
}

size_t strcspn(const char *s, const char *reject)
{
    size_t n = 0;
    for (; s[n] && !strchr(reject, s[n]); n++)
        STAY_A_LOOP();
    return n;
}

char *strcpy(char *restrict to, const char *restrict from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}
