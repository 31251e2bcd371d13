/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "report/measure.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    const char *aliases[3];
    double factor;
};

struct unit_type {
    const struct unit *units;
    size_t n;
    const char *default_name;
    double default_factor;
};

static const struct unit bytes[] = {
    {"B", {"b", "byte"}, 1},
    {"kB", {"kb", "kbyte", "kilobyte"}, 0x1p10},
    {"MB", {"mb", "mbyte", "megabyte"}, 0x1p20},
    {"GB", {"gb", "gbyte", "gigabyte"}, 0x1p30},
    {"TB", {"tb", "tbyte", "terabyte"}, 0x1p40},
    {"PB", {"pb", "pbyte", "petabyte"}, 0x1p50},
};

static const struct unit times[] = {
    {"ns", {"ns", "nanosecond"}, 1},
    {"us", {"\xce\xbcs", "us", "microsecond"}, 1e3},
    {"ms", {"ms", "millisecond"}, 1e6},
    {"s", {"s", "sec", "second"}, 1e9},
    {"hrs", {"hour", "hr"}, 3600e9},
};

static const struct unit gcus[] = {
    {"n*GCU", {"nanogcu"}, 1e-9},  {"u*GCU", {"microgcu"}, 1e-6}, {"m*GCU", {"milligcu"}, 1e-3},
    {"GCU", {"gcu"}, 1},           {"k*GCU", {"kilogcu"}, 1e3},   {"M*GCU", {"megagcu"}, 1e6},
    {"G*GCU", {"gigagcu"}, 1e9},   {"T*GCU", {"teragcu"}, 1e12},  {"P*GCU", {"petagcu"}, 1e15},
};

static const struct unit_type types[] = {
    {bytes, sizeof(bytes) / sizeof(bytes[0]), "B", 1},
    {times, sizeof(times) / sizeof(times[0]), "s", 1e9},
    {gcus, sizeof(gcus) / sizeof(gcus[0]), "GCU", 1},
};

static const struct unit *sniff(const struct unit_type *t, const char *name)
{
    char low[32];
    size_t n = strlen(name);
    if (n >= sizeof(low))
        return NULL;
    for (size_t i = 0; i <= n; i++)
        low[i] = (char)tolower((unsigned char)name[i]);
    if (n > 2 && low[n - 1] == 's')
        low[n - 1] = '\0';
    for (size_t i = 0; i < t->n; i++)
        for (size_t a = 0; a < 3 && t->units[i].aliases[a]; a++)
            if (!strcmp(low, t->units[i].aliases[a]))
                return &t->units[i];
    return NULL;
}

static bool chooses(const char *to)
{
    return !strcmp(to, "minimum") || !strcmp(to, "auto");
}

static bool convert(const struct unit_type *t, int64_t value, const char *from, const char *to,
                    double *out, const char **unit)
{
    const struct unit *f = sniff(t, from);
    if (!f)
        return false;
    double v = (double)value * f->factor;
    const struct unit *best = NULL;
    if (chooses(to)) {
        for (size_t i = 0; i < t->n; i++)
            if ((!best || t->units[i].factor >= best->factor) && v / t->units[i].factor >= 1.0)
                best = &t->units[i];
    } else {
        best = sniff(t, to);
    }
    *out = v / (best ? best->factor : t->default_factor);
    *unit = best ? best->name : t->default_name;
    return true;
}

double ht_scale(int64_t value, const char *from, const char *to, const char **unit)
{
    double v = 0;
    if (value < 0 && value != INT64_MIN)
        return -ht_scale(-value, from, to, unit);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (convert(&types[i], value, from, to, &v, unit))
            return v;
    bool dull = chooses(to) || !strcmp(to, "count") || !strcmp(to, "sample") || !strcmp(to, "unit");
    *unit = dull ? "" : to;
    return (double)value;
}

const char *ht_scaled_label(char buf[HT_LABEL_MAX], int64_t value, const char *from,
                            const char *to)
{
    const char *unit = "";
    double v = ht_scale(value, from, to, &unit);
    int n = snprintf(buf, HT_LABEL_MAX, "%.2f", v);
    if (n > 3 && !strcmp(buf + n - 3, ".00"))
        buf[n -= 3] = '\0';
    if (!strcmp(buf, "0") || !strcmp(buf, "-0"))
        return strcpy(buf, "0");
    snprintf(buf + n, HT_LABEL_MAX - (size_t)n, "%s", unit);
    return buf;
}

const char *ht_percentage(char buf[HT_LABEL_MAX], int64_t value, int64_t total)
{
    double ratio = total ? fabs((double)value / (double)total) * 100 : 0;
    if (ratio >= 99.95 && ratio <= 100.05)
        strcpy(buf, "  100%");
    else
        snprintf(buf, HT_LABEL_MAX, ratio >= 1.0 ? "%5.2f%%" : "%5.2g%%", ratio);
    return buf;
}

int64_t ht_abs64(int64_t v)
{
    return v < 0 ? (int64_t)(0 - (uint64_t)v) : v;
}
