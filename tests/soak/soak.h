/* SPDX-License-Identifier: MIT */
/* What the parts of the soak share. */
#ifndef HEAPTAP_TESTS_SOAK_SOAK_H
#define HEAPTAP_TESTS_SOAK_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { WORKERS = 6, SLOTS = 2048, SIZES = 2064, CHURN = 1 << 13 };
enum kind { MALLOC, CALLOC, REALLOC, ALIGNED, TOP_UP, KINDS };

/* What one thread allocated and, less what it freed, left: by kind and size. */
struct counts {
    long made[KINDS][SIZES], left[KINDS][SIZES];
};

#define STAY(p) __asm__ volatile("" : "+r"(p)::"memory")

/* blocks.c: the load. Each block says its kind and size, and each of its bytes follows from that. */
extern struct counts counts[WORKERS + 2]; /* the workers', those of the short threads, main's */
extern _Atomic(unsigned char *) slots[SLOTS];
extern atomic_int stop, still, standing;
extern atomic_long wrong, operations;

unsigned char *take(struct counts *c, enum kind kind, size_t n);
uint64_t verified(const unsigned char *p);
void give(struct counts *c, unsigned char *p);
uint64_t step(uint64_t *x);
void *worker(void *arg);
void *short_thread(void *arg);
void top_up(long until, unsigned churn);

/* truth.c: lines of JSON. */
extern double rate;
extern struct counts sum;
extern atomic_long handled, hooked;

int64_t now(clockid_t clock);
void line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void add_up(void);
void report(const char *what, const char *file, int error, long loads, int64_t began);

/* cost.c */
void free_cost(const char *when);

#endif
