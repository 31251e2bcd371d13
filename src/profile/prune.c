/* SPDX-License-Identifier: MIT */
/* Removes the frames below which a report does not look: drop_frames, keep_frames, prune_from. */
#include "config.h"

#include "profile/prune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"

/* The name without its parameters: cut at the first '(' that is not part of a name. */
static void simplify(const char *name, char **buf, size_t *cap)
{
    static const char *const reserved[] = {"(anonymous namespace)", "operator()"};
    if (*name == '.')
        name++;
    size_t n = 0;
    while (name[n]) {
        size_t skip = 0;
        for (size_t i = 0; i < 2; i++) {
            size_t len = strlen(reserved[i]);
            if (!strncmp(name + n, reserved[i], len))
                skip = len;
        }
        if (!skip && name[n] == '(')
            break;
        n += skip ? skip : 1;
    }
    if (n + 1 > *cap) {
        free(*buf);
        *cap = n + 256;
        *buf = malloc(*cap);
    }
    if (*buf) {
        memcpy(*buf, name, n);
        (*buf)[n] = '\0';
    }
}

struct matcher {
    const struct ht_regex *drop, *keep;
    char *buf;
    size_t cap;
};

enum { UNKNOWN, MATCHES, DIFFERS }; /* a function's mark */

static bool matches(struct matcher *m, struct ht_function *f)
{
    if (!*f->name)
        return false;
    if (f->mark == UNKNOWN) {
        simplify(f->name, &m->buf, &m->cap);
        f->mark = m->buf && ht_regex_match(m->drop, m->buf) &&
                          !(m->keep && ht_regex_match(m->keep, m->buf))
                      ? MATCHES
                      : DIFFERS;
    }
    return f->mark == MATCHES;
}

enum { STAYS, WHOLE, BENEATH }; /* a location's mark: what of it goes */

static void prune(struct ht_profile *p, struct matcher *m)
{
    for (size_t i = 0; i < p->n_functions; i++)
        p->functions[i]->mark = UNKNOWN;
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        size_t n = l->n_lines;
        while (n && !matches(m, l->lines[n - 1].function))
            n--;
        l->mark = STAYS;
        if (n && n == l->n_lines) {
            l->mark = WHOLE;
        } else if (n) {
            l->mark = BENEATH;
            l->lines += n;
            l->n_lines -= n;
        }
    }
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        /* From the root; matches before the first frame of the user's own stay, or a stack of
         * nothing else would vanish. */
        bool found_user = false;
        for (size_t j = s->n_locations; j-- > 0;) {
            uintptr_t mark = s->locations[j]->mark;
            if (mark == STAYS) {
                found_user = true;
            } else if (found_user) {
                size_t cut = mark == WHOLE ? j + 1 : j;
                s->locations += cut;
                s->n_locations -= cut;
                break;
            }
        }
    }
}

static int compile_frames(struct ht_regex **re, const char *pattern, const char *what, char *msg,
                          size_t msg_size)
{
    char *whole;
    if (asprintf(&whole, "^(%s)$", pattern) < 0)
        return -ENOMEM;
    int err = ht_regex_create(re, whole, what, msg, msg_size);
    free(whole);
    return err;
}

int ht_profile_remove_uninteresting(struct ht_profile *p, char *msg, size_t msg_size)
{
    struct ht_regex *drop = NULL, *keep = NULL;
    if (!*p->drop_frames)
        return 0;
    int err = compile_frames(&drop, p->drop_frames, "drop_frames", msg, msg_size);
    if (!err && *p->keep_frames)
        err = compile_frames(&keep, p->keep_frames, "keep_frames", msg, msg_size);
    if (!err) {
        struct matcher m = {.drop = drop, .keep = keep};
        prune(p, &m);
        free(m.buf);
    }
    ht_regex_destroy(drop);
    ht_regex_destroy(keep);
    return err;
}

void ht_profile_prune_from(struct ht_profile *p, const struct ht_regex *re)
{
    struct matcher m = {.drop = re};
    for (size_t i = 0; i < p->n_functions; i++)
        p->functions[i]->mark = UNKNOWN;
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        size_t n = 0;
        while (n < l->n_lines && !matches(&m, l->lines[n].function))
            n++;
        l->mark = n < l->n_lines;
        if (l->mark) {
            l->lines += n;
            l->n_lines -= n;
        }
    }
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        for (size_t j = 0; j < s->n_locations; j++) {
            if (s->locations[j]->mark) {
                s->locations += j;
                s->n_locations -= j;
                break;
            }
        }
    }
    free(m.buf);
}
