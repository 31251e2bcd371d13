/* SPDX-License-Identifier: MIT */
/* The unit families of google/pprof (internal/measurement), their names and factors. */
#include "config.h"

#include "profile/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    const char *aliases[4];
    double factor;
};

struct family {
    struct unit fallback;
    struct unit units[10];
};

static const struct family families[] = {
    {{"B", {0}, 1},
     {{"B", {"b", "byte"}, 1},
      {"kB", {"kb", "kbyte", "kilobyte"}, 0x1p10},
      {"MB", {"mb", "mbyte", "megabyte"}, 0x1p20},
      {"GB", {"gb", "gbyte", "gigabyte"}, 0x1p30},
      {"TB", {"tb", "tbyte", "terabyte"}, 0x1p40},
      {"PB", {"pb", "pbyte", "petabyte"}, 0x1p50}}},
    {{"s", {0}, 1e9},
     {{"ns", {"ns", "nanosecond"}, 1},
      {"us", {"\xce\xbcs", "us", "microsecond"}, 1e3},
      {"ms", {"ms", "millisecond"}, 1e6},
      {"s", {"s", "sec", "second"}, 1e9},
      {"hrs", {"hour", "hr"}, 3600e9}}},
    {{"GCU", {0}, 1},
     {{"n*GCU", {"nanogcu"}, 1e-9},
      {"u*GCU", {"microgcu"}, 1e-6},
      {"m*GCU", {"milligcu"}, 1e-3},
      {"GCU", {"gcu"}, 1},
      {"k*GCU", {"kilogcu"}, 1e3},
      {"M*GCU", {"megagcu"}, 1e6},
      {"G*GCU", {"gigagcu"}, 1e9},
      {"T*GCU", {"teragcu"}, 1e12},
      {"P*GCU", {"petagcu"}, 1e15}}},
};
#define N_FAMILIES (sizeof(families) / sizeof(*families))
#define N_UNITS    (sizeof(families->units) / sizeof(*families->units))

/* Case does not matter, nor does a plural's s. */
static const struct unit *find(const struct family *f, const char *name)
{
    char low[32];
    size_t n = strlen(name);
    if (n >= sizeof(low))
        return NULL;
    for (size_t i = 0; i <= n; i++)
        low[i] = (char)tolower((unsigned char)name[i]);
    if (n > 2 && low[n - 1] == 's')
        low[n - 1] = '\0';
    for (const struct unit *u = f->units; u < f->units + N_UNITS && u->name; u++)
        for (int i = 0; i < 4 && u->aliases[i]; i++)
            if (!strcmp(u->aliases[i], low))
                return u;
    return NULL;
}

static const struct unit *automatic(const struct family *f, double value)
{
    const struct unit *best = NULL;
    for (const struct unit *u = f->units; u < f->units + N_UNITS && u->name; u++)
        if (u->factor >= (best ? best->factor : 0) && value / u->factor >= 1.0)
            best = u;
    return best;
}

bool ht_unit_known(const char *word)
{
    static const char *const others[] = {"auto", "minimum", "count", "sample", "samples", "unit"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (!strcmp(word, others[i]))
            return true;
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (find(&families[i], word))
            return true;
    return false;
}

double ht_unit_scale(int64_t value, const char *from_unit, const char *to_unit, const char **unit)
{
    const char *unused;
    if (!unit)
        unit = &unused;
    if (value < 0 && value != INT64_MIN)
        return -ht_unit_scale(-value, from_unit, to_unit, unit);
    bool choose = !strcmp(to_unit, "auto") || !strcmp(to_unit, "minimum");
    for (size_t i = 0; i < N_FAMILIES; i++) {
        const struct family *f = &families[i];
        const struct unit *from = find(f, from_unit);
        if (!from)
            continue;
        double v = (double)value * from->factor;
        const struct unit *to = choose ? automatic(f, v) : find(f, to_unit);
        if (!to)
            to = &f->fallback;
        *unit = to->name;
        return v / to->factor;
    }
    bool dull = choose || !strcmp(to_unit, "count") || !strcmp(to_unit, "sample") ||
                !strcmp(to_unit, "unit");
    *unit = dull ? "" : to_unit;
    return (double)value;
}

char *ht_unit_label(int64_t value, const char *from_unit, const char *to_unit, char *buf,
                    size_t size)
{
    const char *unit;
    char number[352];
    double v = ht_unit_scale(value, from_unit, to_unit, &unit);
    int n = snprintf(number, sizeof(number), "%.2f", v);
    if (n > 3 && !strcmp(number + n - 3, ".00"))
        number[n - 3] = '\0';
    bool zero = !strcmp(number, "0") || !strcmp(number, "-0");
    snprintf(buf, size, "%s%s", zero ? "0" : number, zero ? "" : unit);
    return buf;
}

char *ht_percentage(int64_t value, int64_t total, char *buf, size_t size)
{
    double ratio = total ? fabs((double)value / (double)total) * 100 : 0;
    if (ratio >= 99.95 && ratio <= 100.05)
        snprintf(buf, size, "  100%%");
    else if (ratio >= 1.0)
        snprintf(buf, size, "%5.2f%%", ratio);
    else
        snprintf(buf, size, "%5.2g%%", ratio);
    return buf;
}

bool ht_unit_compatible(const char *a, const char *b)
{
    if (!strcmp(a, b))
        return true;
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (find(&families[i], a) && find(&families[i], b))
            return true;
    return false;
}
