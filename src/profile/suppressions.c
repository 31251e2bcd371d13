/* SPDX-License-Identifier: MIT */
/*
 * A pattern is matched against the function, the file and the library of each frame of a stack; a
 * sample whose stack matches one is left out, and counted.
 */
#include "config.h"

#include "profile/suppressions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the text begins with the pattern, whose * stands for anything. */
static bool begins(const char *pattern, const char *text, bool to_end)
{
    const char *star = NULL, *retry = NULL;
    for (;; text++) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        }
        if (!*pattern && (!to_end || !*text))
            return true;
        if (*text && *pattern == *text) {
            pattern++;
            continue;
        }
        if (!*text || !star)
            return false;
        pattern = star; /* the star matches one character more */
        text = retry++;
        if (!*text)
            return false;
    }
}

/* As LeakSanitizer: text that is empty matches nothing, and $ ends the pattern wherever it stands.
 */
bool ht_suppression_matches(const char *pattern, const char *text)
{
    bool from_start = *pattern == '^';
    size_t n = strcspn(pattern, "$");
    bool to_end = pattern[n] == '$', found = false;
    char *middle = strndup(pattern + from_start, n - from_start);
    for (const char *s = text; middle && *text && !found; s++) {
        found = begins(middle, s, to_end);
        if (!*s || from_start)
            break;
    }
    free(middle);
    return found;
}

static int add(struct ht_suppressions *s, const char *pattern, bool whole)
{
    char **patterns = realloc(s->pattern, (s->n + 1) * sizeof(*patterns));
    if (patterns)
        s->pattern = patterns;
    bool *kinds = realloc(s->whole, (s->n + 1) * sizeof(*kinds));
    if (kinds)
        s->whole = kinds;
    char *copy = patterns && kinds ? strdup(pattern) : NULL;
    if (!copy)
        return -ENOMEM;
    s->pattern[s->n] = copy;
    s->whole[s->n++] = whole;
    return 0;
}

int ht_suppressions_read(struct ht_suppressions *s, const char *path, char *msg, size_t msg_size)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    int err = 0;
    FILE *f = fopen(path, "re");
    if (!f) {
        err = -errno;
        snprintf(msg, msg_size, "cannot read %s: %s", path, strerror(-err));
        return err;
    }
    while (!err && getline(&line, &size, f) >= 0) {
        char *text = line + strspn(line, " \t");
        size_t n = strcspn(text, "\r\n");
        while (n && strchr(" \t", text[n - 1]))
            n--;
        text[n] = '\0';
        number++;
        if (!*text || *text == '#')
            continue;
        bool leak = !strncmp(text, "leak:", 5), stack = !strncmp(text, "stack:", 6);
        const char *pattern = text + (leak ? 5 : 6);
        if ((!leak && !stack) || !*pattern) {
            err = -EINVAL;
            snprintf(msg, msg_size, "%s: line %zu is neither leak:PATTERN nor stack:PATTERN", path,
                     number);
        } else if ((err = add(s, pattern, stack))) {
            snprintf(msg, msg_size, "out of memory");
        }
    }
    free(line);
    fclose(f);
    return err;
}

void ht_suppressions_finish(struct ht_suppressions *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->pattern[i]);
    free(s->pattern);
    free(s->whole);
}

static bool matches_frame(const char *pattern, const struct ht_location *l)
{
    for (size_t i = 0; i < l->n_lines; i++)
        if (ht_suppression_matches(pattern, l->lines[i].function->name) ||
            ht_suppression_matches(pattern, l->lines[i].function->filename))
            return true;
    return l->mapping && ht_suppression_matches(pattern, l->mapping->file);
}

static bool matches_stack(const char *pattern, const struct ht_sample *sample)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    const char *between = "";
    for (size_t i = 0; f && i < sample->n_locations; i++)
        for (size_t k = 0; k < sample->locations[i]->n_lines; k++) {
            fprintf(f, "%s%s", between, sample->locations[i]->lines[k].function->name);
            between = " < ";
        }
    bool found = f && !fclose(f) && ht_suppression_matches(pattern, text);
    free(text);
    return found;
}

bool ht_suppressions_match(const struct ht_suppressions *s, const struct ht_sample *sample)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->whole[i] && matches_stack(s->pattern[i], sample))
            return true;
        for (size_t k = 0; !s->whole[i] && k < sample->n_locations; k++)
            if (matches_frame(s->pattern[i], sample->locations[k]))
                return true;
    }
    return false;
}

size_t ht_suppressions_apply(const struct ht_suppressions *s, struct ht_profile *p)
{
    size_t kept = 0, n = p->n_samples;
    for (size_t i = 0; i < n; i++)
        if (!ht_suppressions_match(s, &p->samples[i]))
            p->samples[kept++] = p->samples[i];
    p->n_samples = kept;
    return n - kept;
}
