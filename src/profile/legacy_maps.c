/* SPDX-License-Identifier: MIT */
/*
 * The memory map at the end of a text profile, in the forms and with the repairs of google/pprof
 * (ParseMemoryMap, massageMappings, remapMappingIDs).
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/legacy.h"
#include "util/utf8.h"

/* More than a Linux process can have (vm.max_map_count). */
#define MAPPINGS_LIMIT 65536

struct token {
    const char *s;
    size_t n;
};

static struct token next_token(const char **s, const char *end)
{
    while (*s < end && isspace((unsigned char)**s))
        ++*s;
    struct token t = {*s, 0};
    while (*s < end && !isspace((unsigned char)**s))
        ++*s;
    t.n = (size_t)(*s - t.s);
    return t;
}

static bool is_of(struct token t, const char *chars)
{
    for (size_t i = 0; i < t.n; i++)
        if (!strchr(chars, t.s[i]) || !t.s[i])
            return false;
    return t.n > 0;
}

static const char *take_hex(const char *s, const char *end, uint64_t *value)
{
    if (end - s > 2 && s[0] == '0' && s[1] == 'x')
        s += 2;
    const char *digits = s;
    uint64_t v = 0;
    for (; s < end && isxdigit((unsigned char)*s); s++) {
        if (v >> 60)
            return NULL;
        int c = tolower((unsigned char)*s);
        v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *value = v;
    return s == digits ? NULL : s;
}

static bool hex_token(struct token t, uint64_t *value)
{
    const char *end = t.s + t.n;
    return t.n && isxdigit((unsigned char)*t.s) && take_hex(t.s, end, value) == end;
}

struct entry {
    uint64_t start, limit, offset;
    struct token file, build_id;
    bool executable;
};

static const char hex_digits[] = "0123456789abcdefABCDEF";

/* "START-LIMIT PERMS OFFSET DEV INODE FILE", as /proc/PID/maps has it, or the brief form
 * "START-LIMIT: [PERMS] FILE [(@OFFSET)] [BUILD-ID]". False: the line is neither. */
static bool parse_entry(const char *s, const char *end, struct entry *e)
{
    *e = (struct entry){.executable = true};
    s = take_hex(s, end, &e->start);
    if (!s)
        return false;
    if (s < end && (*s == '-' || isspace((unsigned char)*s)))
        s++;
    while (s < end && isspace((unsigned char)*s))
        s++;
    s = take_hex(s, end, &e->limit);
    if (!s)
        return false;
    if (s < end && *s == ':')
        s++;
    if (s < end && !isspace((unsigned char)*s))
        return false;
    const char *back = s;
    struct token t = next_token(&s, end);
    if (is_of(t, "-rwxp") || is_of(t, "-rwxps"))
        e->executable = memchr(t.s, 'x', t.n) != NULL;
    else
        s = back;
    back = s;
    struct token offset = next_token(&s, end), dev = next_token(&s, end),
                 inode = next_token(&s, end);
    if (hex_token(offset, &e->offset) && is_of(dev, "0123456789abcdefABCDEF:") &&
        memchr(dev.s, ':', dev.n) && is_of(inode, "0123456789")) {
        while (s < end && isspace((unsigned char)*s))
            s++;
        e->file = (struct token){s, (size_t)(end - s)};
    } else {
        s = back;
        e->offset = 0;
        e->file = next_token(&s, end);
        back = s;
        t = next_token(&s, end);
        if (t.n > 3 && !memcmp(t.s, "(@", 2) &&
            hex_token((struct token){t.s + 2, t.n - 3}, &e->offset)) {
            t = next_token(&s, end);
        }
        if (is_of(t, hex_digits))
            e->build_id = t;
    }
    static const char deleted[] = " (deleted)";
    size_t n = strlen(deleted);
    if (e->file.n > n && !memcmp(e->file.s + e->file.n - n, deleted, n))
        e->file.n -= n;
    return true;
}

/* Two halves of what was one mapping. */
static bool adjacent(const struct ht_mapping *a, const struct ht_mapping *b)
{
    if (*a->file && *b->file && a->file != b->file)
        return false;
    if (*a->build_id && *b->build_id && a->build_id != b->build_id)
        return false;
    if (a->limit != b->start)
        return false;
    return !a->offset || !b->offset || a->offset + (a->limit - a->start) == b->offset;
}

/* ".so" at the end, or ".so." or ".so_" and a digit anywhere. */
static bool is_library(const char *file)
{
    size_t n = strlen(file);
    if (n >= 3 && !strcmp(file + n - 3, ".so"))
        return true;
    for (const char *s = file; (s = strstr(s, ".so")); s++)
        if ((s[3] == '.' || s[3] == '_') && isdigit((unsigned char)s[4]))
            return true;
    return false;
}

/* Merges halves, and puts the mapping that looks like the program first. */
static void tidy(struct ht_profile *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_mappings; i++) {
        struct ht_mapping *m = p->mappings[i], *last = n ? p->mappings[n - 1] : NULL;
        if (last && adjacent(last, m)) {
            last->limit = m->limit;
            if (*m->file)
                last->file = m->file;
            if (*m->build_id)
                last->build_id = m->build_id;
        } else {
            p->mappings[n++] = m;
        }
    }
    p->n_mappings = n;
    for (size_t i = 0; i < n; i++) {
        struct ht_mapping *m = p->mappings[i];
        if (!*m->file || *m->file == '[' || is_library(m->file))
            continue;
        p->mappings[i] = p->mappings[0];
        p->mappings[0] = m;
        break;
    }
    if (n > 1 && !strncmp(p->mappings[0]->file, "/anon_hugepage", 14) &&
        p->mappings[0]->limit == p->mappings[1]->start) {
        memmove(p->mappings, p->mappings + 1, (n - 1) * sizeof(*p->mappings));
        p->n_mappings--;
    }
    /* A program linked at the usual place whose first pages were remapped. */
    if (p->n_mappings && p->mappings[0]->start - p->mappings[0]->offset == 0x400000) {
        p->mappings[0]->start = 0x400000;
        p->mappings[0]->offset = 0;
    }
}

static int by_start(const void *va, const void *vb)
{
    const struct ht_mapping *a = *(struct ht_mapping *const *)va;
    const struct ht_mapping *b = *(struct ht_mapping *const *)vb;
    return (a->start > b->start) - (a->start < b->start);
}

/* How many of the sorted mappings start at or below the address. */
static size_t at_or_below(struct ht_mapping *const *sorted, size_t n, uint64_t address)
{
    size_t low = 0;
    while (low < n) {
        size_t mid = low + (n - low) / 2;
        if (sorted[mid]->start <= address)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

/* A writer may leave out the first part of a mapping that was split: an address below a mapping by
 * no more than its offset is in that part, and the mapping grows down to hold it. */
static struct ht_mapping *extend(struct ht_mapping **sorted, size_t n, size_t at, uint64_t address)
{
    for (size_t i = at; i < n && i < at + 16; i++) {
        struct ht_mapping *m = sorted[i];
        if (!m->offset || m->start - m->offset > address || m->offset > m->start)
            continue;
        m->start -= m->offset;
        m->offset = 0;
        size_t to = at_or_below(sorted, at, m->start);
        memmove(sorted + to + 1, sorted + to, (i - to) * sizeof(*sorted));
        sorted[to] = m;
        return m;
    }
    return NULL;
}

static int assign(struct ht_profile *p)
{
    size_t n = p->n_mappings;
    struct ht_mapping *fake = NULL, **sorted = malloc((n + 1) * sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    if (n)
        memcpy(sorted, p->mappings, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_start);
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        if (!l->address)
            continue;
        size_t at = at_or_below(sorted, n, l->address);
        if (at && l->address < sorted[at - 1]->limit)
            l->mapping = sorted[at - 1];
        else
            l->mapping = extend(sorted, n, at, l->address);
        if (l->mapping)
            continue;
        if (!fake) {
            fake = ht_profile_add_mapping(p);
            if (!fake)
                break;
            fake->limit = UINT64_MAX;
        }
        l->mapping = fake;
    }
    free(sorted);
    for (size_t i = 0; i < p->n_mappings; i++)
        p->mappings[i]->id = i + 1;
    return 0;
}

static int add_entry(struct ht_profile *p, const struct entry *e)
{
    struct ht_mapping *m = ht_profile_add_mapping(p);
    if (!m)
        return -ENOMEM;
    m->start = e->start;
    m->limit = e->limit;
    m->offset = e->offset;
    m->file = ht_profile_strn(p, e->file.s, e->file.n);
    m->build_id = ht_profile_strn(p, e->build_id.s, e->build_id.n);
    return m->file && m->build_id ? 0 : -ENOMEM;
}

static int read_line(struct ht_profile *p, struct ht_lines *in, struct ht_attributes *attributes,
                     const char **why)
{
    const char *s = ht_lines_message(in), *end = in->line_end;
    struct entry e;
    size_t bad;
    int err = ht_attributes_expand(attributes, &s, &end);
    if (err == -E2BIG)
        *why = "a line grows too long by its attributes";
    if (err)
        return err;
    if (!parse_entry(s, end, &e))
        return ht_attributes_define(attributes, s, end);
    if (!e.executable)
        return 0;
    if (p->n_mappings >= MAPPINGS_LIMIT) {
        *why = "more than 65536 mappings";
        return -EINVAL;
    }
    if (!ht_utf8_valid(e.file.s, e.file.n, &bad)) {
        *why = "a path is not valid UTF-8 text";
        return -EINVAL;
    }
    return add_entry(p, &e);
}

int ht_legacy_read_maps(struct ht_profile *p, struct ht_lines *in, char *msg, size_t msg_size)
{
    struct ht_attributes attributes = {0};
    const char *why = NULL;
    int err = 0;
    while (!err && ht_lines_next(in))
        err = read_line(p, in, &attributes, &why);
    ht_attributes_finish(&attributes);
    if (!err) {
        tidy(p);
        err = assign(p);
    }
    if (why)
        snprintf(msg, msg_size, "line %zu: %s", in->number, why);
    else if (err)
        snprintf(msg, msg_size, "out of memory");
    return err;
}
