/* SPDX-License-Identifier: MIT */
/* What a profile must say, as run.py holds it against what it says. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"

double rate;
struct counts sum;
atomic_long handled, hooked;
static const char *const names[KINDS] = {"site_malloc", "site_calloc", "site_realloc",
                                         "site_aligned", "site_top_up"};

int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

void line(const char *format, ...)
{
    char text[4000];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (write(STDOUT_FILENO, text, (size_t)n) != n)
        _exit(3);
}

/*
 * "name": [objects, bytes, live objects, live bytes], their variances as estimates at this rate, and how
 * many samples are to be expected of what was allocated and of what lives.
 */
static size_t truth(char *out, size_t size)
{
    size_t at = 0;
    for (int k = 0; k < KINDS; k++) {
        double v[4] = {0}, var[4] = {0}, samples[2] = {0};
        for (int n = 0; n < SIZES; n++)
            for (int live = 0; live < 2; live++) {
                double count = (double)(live ? sum.left[k][n] : sum.made[k][n]);
                double p = rate <= 1 ? 1 : -expm1(-(n + 1) / rate);
                v[2 * live] += count;
                v[2 * live + 1] += count * n;
                var[2 * live] += count * (1 - p) / p;
                var[2 * live + 1] += count * n * n * (1 - p) / p;
                samples[live] += count * p;
            }
        at += (size_t)snprintf(out + at, size - at,
                               "%s\"%s\": [[%.0f,%.0f,%.0f,%.0f],[%g,%g,%g,%g],[%g,%g]]",
                               k ? ", " : "", names[k], v[0], v[1], v[2], v[3], var[0], var[1],
                               var[2], var[3], samples[0], samples[1]);
    }
    return at;
}

void add_up(void)
{
    memset(&sum, 0, sizeof sum);
    for (unsigned t = 0; t < WORKERS + 2; t++)
        for (int k = 0; k < KINDS; k++)
            for (int n = 0; n < SIZES; n++) {
                sum.made[k][n] += counts[t].made[k][n];
                sum.left[k][n] += counts[t].left[k][n];
            }
}

void report(const char *what, const char *file, int error, long loads, int64_t began)
{
    char sites[3000];
    truth(sites, sizeof sites);
    line("{\"at\": \"%s\", \"file\": \"%s\", \"error\": %d, \"pid\": %d, \"wrong\": %ld, "
         "\"handled\": %ld, \"hooked\": %ld, \"loads\": %ld, "
         "\"operations\": %ld, \"began\": %lld, \"sites\": {%s}}\n",
         what, file, error, getpid(), (long)wrong, (long)handled, (long)hooked, loads,
         (long)operations, (long long)began, sites);
}
