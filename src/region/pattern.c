/* SPDX-License-Identifier: MIT */
/* Expands %-directives from left to right; what does not fit is an error, never a shorter name. */
#include "config.h"

#include "region/pattern.h"

#include <string.h>

#include "region/text.h"

/* UTC of seconds since 1970 as 20260131T235959Z (civil-from-days, H. Hinnant's algorithm). */
static void put_time(struct ht_text *t, uint64_t seconds)
{
    int64_t days = (int64_t)(seconds / 86400) + 719468, era = days / 146097;
    int64_t doe = days - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    ht_text_padded(t, (uint64_t)(yoe + era * 400 + (month <= 2)), 4);
    ht_text_padded(t, (uint64_t)month, 2);
    ht_text_padded(t, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
    ht_text_char(t, 'T');
    ht_text_padded(t, seconds % 86400 / 3600, 2);
    ht_text_padded(t, seconds % 3600 / 60, 2);
    ht_text_padded(t, seconds % 60, 2);
    ht_text_char(t, 'Z');
}

bool ht_pattern_insert_text(char *path, size_t size, const char *text)
{
    size_t length = strlen(path), tail = 0;
    if (length > 6 && !strcmp(path + length - 6, ".pb.gz"))
        tail = 6;
    if (length + 1 + strlen(text) >= size)
        return false;
    struct ht_text t = ht_text(path + length - tail, size - (length - tail));
    ht_text_char(&t, '.');
    ht_text_string(&t, text);
    ht_text_string(&t, tail ? ".pb.gz" : "");
    return true;
}

bool ht_pattern_insert(char *path, size_t size, uint64_t n)
{
    char digits[24];
    struct ht_text t = ht_text(digits, sizeof digits);
    ht_text_number(&t, n);
    return ht_pattern_insert_text(path, size, digits);
}

bool ht_pattern_expand(char *out, size_t size, const char *pattern, const struct ht_pattern *v)
{
    bool numbered = false, by_pid = false;
    struct ht_text t = ht_text(out, size);
    for (const char *p = pattern; *p; p++) {
        if (*p != '%' || !p[1]) {
            ht_text_char(&t, *p);
            continue;
        }
        switch (*++p) {
        case 'p':
            ht_text_number(&t, v->pid);
            by_pid = true;
            break;
        case 'n':
            ht_text_number(&t, v->number);
            numbered = true;
            break;
        case 'e': /* the text may come from a region: it must not lead out of the directory */
            for (const char *c = v->name; *c; c++)
                ht_text_char(&t, *c == '/' ? '_' : *c);
            break;
        case 'h':
            ht_text_string(&t, v->host);
            break;
        case 't':
            put_time(&t, v->seconds);
            break;
        default:
            ht_text_char(&t, *p);
        }
    }
    if (t.cut)
        return false;
    /* The pattern names one file for all processes: all but the one that was started get their
     * pid added. */
    if (!by_pid && v->relative && !ht_pattern_insert(out, size, v->pid))
        return false;
    return v->last || numbered || ht_pattern_insert(out, size, v->number);
}

char ht_pattern_check(const char *pattern)
{
    for (const char *p = pattern; (p = strchr(p, '%')); p++)
        if (!p[1])
            return '%';
        else if (!strchr("pneht%", *++p))
            return *p;
    return 0;
}
