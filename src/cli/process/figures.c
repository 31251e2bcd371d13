/* SPDX-License-Identifier: MIT */
/* Scales a figure until three digits are left, and names the unit. */
#include "config.h"

#include "cli/process/figures.h"

#include <math.h>
#include <stdio.h>

static void scaled(double v, double step, const char *const *units, int n, char *out, size_t size)
{
    int u = 0;
    while (u + 1 < n && fabs(v) >= step - 0.5) {
        v /= step;
        u++;
    }
    snprintf(out, size, "%.*f%s", u && fabs(v) < 99.95 ? 1 : 0, v, units[u]);
}

void ht_figure_bytes(double bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    if (bytes == 0)
        snprintf(out, size, "0");
    else
        scaled(bytes, 1024, units, 6, out, size);
}

void ht_figure_count(double n, char *out, size_t size)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    scaled(n, 1000, units, 5, out, size);
}

void ht_figure_age(double seconds, char *out, size_t size)
{
    unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;
    if (s < 100)
        snprintf(out, size, "%lus", s);
    else if (s < 3600)
        snprintf(out, size, "%lum", s / 60);
    else if (s < 24 * 3600)
        snprintf(out, size, "%luh%02lu", s / 3600, s % 3600 / 60);
    else
        snprintf(out, size, "%lud%02luh", s / 86400, s % 86400 / 3600);
}
