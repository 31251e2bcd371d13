/* SPDX-License-Identifier: MIT */
/* Sums of exact profiles, the lines of bench.h, and both as text. */
#include "config.h"

#include "cli/run/stat_figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

static const char *const titles[HT_STAT_FIGURES] = {
    [HT_STAT_ALLOCATIONS] = "allocations",
    [HT_STAT_BYTES] = "bytes allocated",
    [HT_STAT_FREES] = "frees",
    [HT_STAT_TEMPORARY] = "temporary blocks",
    [HT_STAT_TEMPORARY_BYTES] = "temporary bytes",
    [HT_STAT_LEFT] = "objects at the end",
    [HT_STAT_LEFT_BYTES] = "bytes at the end",
    [HT_STAT_PEAK] = "bytes at the peak",
};

static uint64_t total(const struct ht_profile *p, const char *type)
{
    uint64_t sum = 0;
    for (size_t t = 0; t < p->n_sample_types; t++)
        for (size_t i = 0; !strcmp(p->sample_types[t].type, type) && i < p->n_samples; i++)
            sum += (uint64_t)p->samples[i].values[t];
    return sum;
}

void ht_stat_add(struct ht_stat_run *run, const struct ht_profile *p)
{
    uint64_t *f = run->figures, allocations = total(p, "alloc_objects");
    uint64_t left = total(p, "inuse_objects"), left_bytes = total(p, "inuse_space");
    uint64_t peak = total(p, "peak_space");
    if (peak < left_bytes) /* the last peak that was stored lies before its end */
        peak = left_bytes;
    f[HT_STAT_ALLOCATIONS] += allocations;
    f[HT_STAT_BYTES] += total(p, "alloc_space");
    f[HT_STAT_FREES] += allocations - left;
    f[HT_STAT_LEFT] += left;
    f[HT_STAT_LEFT_BYTES] += left_bytes;
    if (peak > f[HT_STAT_PEAK])
        f[HT_STAT_PEAK] = peak;
    run->images++;
    for (size_t i = 0; i < p->n_comments; i++) {
        static const char temporary[] = "temporary: ";
        char *unit;
        if (!strncmp(p->comments[i], temporary, sizeof temporary - 1)) {
            uint64_t n = strtoull(p->comments[i] + sizeof temporary - 1, &unit, 10);
            f[strcmp(unit, " bytes") ? HT_STAT_TEMPORARY : HT_STAT_TEMPORARY_BYTES] += n;
            continue;
        }
        const char *figure =
            strncmp(p->comments[i], "lost: ", 6) != 0 ? NULL : strrchr(p->comments[i], ':');
        if (figure && !strstr(p->comments[i], "frees"))
            run->lost += strtoull(figure + 1, NULL, 10);
    }
}

int ht_stat_read_benchmarks(struct ht_stat *s, const char *path)
{
    FILE *f = fopen(path, "re");
    char line[1024];
    int err = f ? 0 : -errno;
    while (!err && fgets(line, sizeof line, f)) {
        struct ht_stat_benchmark b = {.temporary = 0};
        if (sscanf(line,
                   "%207s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                   b.name, &b.operations, &b.allocations, &b.bytes, &b.frees, &b.temporary,
                   &b.temporary_bytes) < 5 ||
            !b.operations)
            continue; /* not a line of bench.h's */
        ht_plain_text(b.name, false);
        struct ht_stat_benchmark *more =
            reallocarray(s->benchmarks, s->n_benchmarks + 1, sizeof *more);
        if (more) {
            s->benchmarks = more;
            more[s->n_benchmarks++] = b;
        } else {
            err = -ENOMEM;
        }
    }
    if (f)
        fclose(f);
    return err;
}

/* "1,234,567" */
static const char *grouped(uint64_t n, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

/* A figure for each operation, rounded down as by Go's testing package. Below ten, two digits
 * where it is not whole. */
static const char *by_operation(uint64_t n, uint64_t operations, char buf[32])
{
    uint64_t whole = n / operations;
    if (whole < 10 && n % operations)
        snprintf(buf, 32, "%.2f", (double)n / (double)operations);
    else
        grouped(whole, buf);
    return buf;
}

/* Adds up all calls of one name, at the place of the first. */
static void print_benchmark(const struct ht_stat *s, size_t at)
{
    struct ht_stat_benchmark sum = {0}, *b = &sum;
    char operations[32], allocations[32], bytes[32], frees[32], temporary[32];
    for (size_t i = 0; i < s->n_benchmarks; i++) {
        const struct ht_stat_benchmark *one = &s->benchmarks[i];
        if (strcmp(one->name, s->benchmarks[at].name) != 0)
            continue;
        if (i < at)
            return;
        sum.operations += one->operations;
        sum.allocations += one->allocations;
        sum.bytes += one->bytes;
        sum.frees += one->frees;
        sum.temporary += one->temporary;
        sum.temporary_bytes += one->temporary_bytes;
    }
    memcpy(sum.name, s->benchmarks[at].name, sizeof sum.name);
    fprintf(stderr, "  %-24s %12s ops %10s allocs/op %12s B/op %10s frees/op", b->name,
            grouped(b->operations, operations),
            by_operation(b->allocations, b->operations, allocations),
            by_operation(b->bytes, b->operations, bytes),
            by_operation(b->frees, b->operations, frees));
    if (b->temporary)
        fprintf(stderr, " %10s temporary/op %12s temporary-B/op",
                by_operation(b->temporary, b->operations, temporary),
                by_operation(b->temporary_bytes, b->operations, bytes));
    putc('\n', stderr);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The median of the runs, and how far they are apart. */
static void print_figure(const struct ht_stat *s, enum ht_stat_figure figure, uint64_t *sorted)
{
    char median[32], least[32], most[32];
    for (size_t i = 0; i < s->n_runs; i++)
        sorted[i] = s->runs[i].figures[figure];
    qsort(sorted, s->n_runs, sizeof *sorted, ascending);
    fprintf(stderr, "  %-20s %20s", titles[figure], grouped(sorted[(s->n_runs - 1) / 2], median));
    if (sorted[0] != sorted[s->n_runs - 1])
        fprintf(stderr, "  (%s to %s)", grouped(sorted[0], least),
                grouped(sorted[s->n_runs - 1], most));
    putc('\n', stderr);
}

void ht_stat_print(const struct ht_stat *s)
{
    uint64_t *sorted = calloc(s->n_runs + 1, sizeof *sorted);
    if (!sorted || !s->n_runs) {
        free(sorted);
        return;
    }
    fprintf(stderr, "%s: %zu run%s", s->program, s->n_runs, s->n_runs == 1 ? "" : "s, medians");
    if (s->runs[0].images > 1)
        fprintf(stderr, ", %zu programs one after another in one process", s->runs[0].images);
    fputs("\n", stderr);
    for (int f = 0; f < HT_STAT_FIGURES; f++)
        print_figure(s, (enum ht_stat_figure)f, sorted);
    for (size_t i = 0; i < s->n_benchmarks; i++)
        print_benchmark(s, i);
    free(sorted);
}

/* The name without blanks, which benchstat does not take. */
static void print_name(const char *name)
{
    fputs("Benchmark", stdout);
    for (const char *c = name; *c; c++)
        putchar((unsigned char)*c <= ' ' || *c == 0x7f ? '_' : *c);
}

void ht_stat_print_benchstat(const struct ht_stat *s)
{
    for (size_t i = 0; i < s->n_benchmarks; i++) {
        const struct ht_stat_benchmark *b = &s->benchmarks[i];
        double n = (double)b->operations;
        print_name(b->name);
        printf(" %" PRIu64 " %.6g B/op %.6g allocs/op %.6g frees/op %.6g temporary/op "
               "%.6g temporary-B/op\n",
               b->operations, (double)b->bytes / n, (double)b->allocations / n,
               (double)b->frees / n, (double)b->temporary / n, (double)b->temporary_bytes / n);
    }
    for (size_t i = 0; !s->n_benchmarks && i < s->n_runs; i++) {
        const uint64_t *f = s->runs[i].figures;
        print_name(s->program);
        printf(" 1 %" PRIu64 " B/op %" PRIu64 " allocs/op %" PRIu64 " frees/op %" PRIu64
               " temporary/op %" PRIu64 " temporary-B/op %" PRIu64 " peak-B\n",
               f[HT_STAT_BYTES], f[HT_STAT_ALLOCATIONS], f[HT_STAT_FREES], f[HT_STAT_TEMPORARY],
               f[HT_STAT_TEMPORARY_BYTES], f[HT_STAT_PEAK]);
    }
}

void ht_stat_finish(struct ht_stat *s)
{
    free(s->runs);
    free(s->benchmarks);
    s->runs = NULL;
    s->benchmarks = NULL;
}
