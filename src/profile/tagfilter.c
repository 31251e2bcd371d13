/* SPDX-License-Identifier: MIT */
/*
 * pprof's tag filters: ranges of numbers with units first, then regular expressions over values,
 * each for one key or for all.
 */
#include "config.h"

#include "profile/tagfilter.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/regex.h"
#include "profile/units.h"

struct ht_tag_filter {
    char *key; /* NULL: any */
    bool is_range;
    double low, high;
    const char *unit; /* of low and high; points into unit_buf or at a static name */
    char unit_buf[64];
    struct ht_regex **re;
    size_t n_re;
    const struct ht_label_unit *units;
    size_t n_units;
};

/* "12kb": a signed number with letters behind it. Returns what follows, NULL when it is none. */
static const char *bound(const char *s, int64_t *value, char *unit, size_t size)
{
    const char *digits = s + (*s == '+' || *s == '-');
    if (!isdigit((unsigned char)*digits))
        return NULL;
    char *end;
    errno = 0;
    *value = strtoll(s, &end, 10);
    if (errno)
        return NULL;
    size_t n = 0;
    while (isalpha((unsigned char)end[n]))
        n++;
    if (n >= size)
        return NULL;
    memcpy(unit, end, n);
    unit[n] = '\0';
    return end + n;
}

static bool parse_range(struct ht_tag_filter *f, const char *text)
{
    int64_t a, b;
    char unit2[64];
    const char *unit_b;
    bool upper_only = *text == ':';
    const char *rest = bound(text + upper_only, &a, f->unit_buf, sizeof(f->unit_buf));
    if (!rest)
        return false;
    double v = ht_unit_scale(a, f->unit_buf, f->unit_buf, &f->unit);
    f->low = upper_only ? -HUGE_VAL : v;
    f->high = v;
    if (!*rest)
        return true;
    if (upper_only || *rest++ != ':')
        return false;
    if (!*rest) {
        f->high = HUGE_VAL;
        return true;
    }
    rest = bound(rest, &b, unit2, sizeof(unit2));
    if (!rest || *rest)
        return false;
    f->high = ht_unit_scale(b, unit2, f->unit, &unit_b);
    return !strcmp(unit_b, f->unit);
}

int ht_tag_filter_create(struct ht_tag_filter **out, const char *text, const char *what,
                         const struct ht_label_unit *units, size_t n_units, char *msg,
                         size_t msg_size)
{
    struct ht_tag_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->units = units;
    f->n_units = n_units;
    int err = 0;
    const char *eq = strchr(text, '=');
    if (eq) {
        f->key = strndup(text, (size_t)(eq - text));
        err = f->key ? 0 : -ENOMEM;
        text = eq + 1;
    }
    f->is_range = parse_range(f, text);
    for (bool more = !err && !f->is_range; more;) {
        const char *comma = strchrnul(text, ',');
        char *pattern = strndup(text, (size_t)(comma - text));
        struct ht_regex **re = realloc(f->re, (f->n_re + 1) * sizeof(*re));
        if (re)
            f->re = re;
        err = pattern && re ? ht_regex_create(&f->re[f->n_re], pattern, what, msg, msg_size)
                            : -ENOMEM;
        free(pattern);
        f->n_re += !err;
        more = !err && *comma;
        text = comma + 1;
    }
    if (err) {
        ht_tag_filter_destroy(f);
        return err;
    }
    *out = f;
    return 0;
}

void ht_tag_filter_destroy(struct ht_tag_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_re; i++)
        ht_regex_destroy(f->re[i]);
    free(f->re);
    free(f->key);
    free(f);
}

static bool in_range(const struct ht_tag_filter *f, const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        if (l->str || (f->key && strcmp(l->key, f->key) != 0))
            continue;
        const char *unit;
        double v =
            ht_unit_scale(l->num, ht_label_unit_of(f->units, f->n_units, l->key), f->unit, &unit);
        if (!strcmp(unit, f->unit) && v >= f->low && v <= f->high)
            return true;
    }
    return false;
}

static bool label_matches(const struct ht_tag_filter *f, const struct ht_label *l,
                          const struct ht_regex *re)
{
    if (!l->str)
        return false;
    if (f->key)
        return !strcmp(l->key, f->key) && ht_regex_match(re, l->str);
    char buf[256], *both = buf;
    int n = snprintf(buf, sizeof(buf), "%s:%s", l->key, l->str);
    if ((size_t)n >= sizeof(buf) && asprintf(&both, "%s:%s", l->key, l->str) < 0)
        return false;
    bool yes = ht_regex_match(re, both);
    if (both != buf)
        free(both);
    return yes;
}

bool ht_tag_filter_match(const struct ht_tag_filter *f, const struct ht_sample *s)
{
    if (f->is_range)
        return in_range(f, s);
    for (size_t i = 0; i < f->n_re; i++) {
        bool found = false;
        for (size_t j = 0; j < s->n_labels && !found; j++)
            found = label_matches(f, &s->labels[j], f->re[i]);
        if (found == (f->key != NULL))
            return found;
    }
    return f->key == NULL;
}
