/* SPDX-License-Identifier: MIT */
/* focus, ignore, hide, show, show_from and the tag filters, as google/pprof applies them. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/prune.h"
#include "profile/share.h"
#include "profile/tagfilter.h"

static bool line_matches(const struct ht_line *l, const struct ht_regex *re)
{
    return ht_regex_match(re, l->function->name) || ht_regex_match(re, l->function->filename);
}

static bool mapping_matches(const struct ht_location *l, const struct ht_regex *re)
{
    return l->mapping && ht_regex_match(re, l->mapping->file);
}

static bool location_matches(const struct ht_location *l, const struct ht_regex *re)
{
    for (size_t i = 0; i < l->n_lines; i++)
        if (line_matches(&l->lines[i], re))
            return true;
    return mapping_matches(l, re);
}

/* Keeps the lines that match or, with keep false, those that do not. */
static void choose_lines(struct ht_location *l, const struct ht_regex *re, bool keep)
{
    if (mapping_matches(l, re)) {
        if (!keep)
            l->n_lines = 0;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < l->n_lines; i++)
        if (line_matches(&l->lines[i], re) == keep)
            l->lines[n++] = l->lines[i];
    l->n_lines = n;
}

enum { FOCUSED = 1, IGNORED = 2, HIDDEN = 4 }; /* a location's mark */

static unsigned mark_locations(struct ht_profile *p, const struct ht_regex *focus,
                               const struct ht_regex *ignore, const struct ht_regex *hide,
                               const struct ht_regex *show)
{
    unsigned matched = 0;
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        l->mark = 0;
        if (ignore && location_matches(l, ignore)) {
            matched |= HT_IGNORE;
            l->mark |= IGNORED;
        } else if (!focus || location_matches(l, focus)) {
            matched |= HT_FOCUS;
            l->mark |= FOCUSED;
        }
        if (hide && location_matches(l, hide)) {
            matched |= HT_HIDE;
            choose_lines(l, hide, false);
            if (!l->n_lines)
                l->mark |= HIDDEN;
        }
        if (show) {
            choose_lines(l, show, true);
            if (l->n_lines)
                matched |= HT_SHOW;
            else
                l->mark |= HIDDEN;
        }
    }
    return matched;
}

/* Room for the longest stack, and the most labels, that a sample has. */
static size_t longest(const struct ht_profile *p, bool labels)
{
    size_t n = 1;
    for (size_t i = 0; i < p->n_samples; i++) {
        size_t this = labels ? p->samples[i].n_labels : p->samples[i].n_locations;
        n = this > n ? this : n;
    }
    return n;
}

static unsigned filter_names(struct ht_profile *p, const struct ht_regex *focus,
                             const struct ht_regex *ignore, const struct ht_regex *hide,
                             const struct ht_regex *show, int *err)
{
    if (!focus && !ignore && !hide && !show)
        return HT_FOCUS;
    unsigned matched = mark_locations(p, focus, ignore, hide, show);
    struct ht_location **stack = hide || show ? malloc(longest(p, false) * sizeof(*stack)) : NULL;
    struct ht_share stacks = {0};
    size_t kept = 0;
    *err = (hide || show) && !stack ? -ENOMEM : 0;
    for (size_t i = 0; !*err && i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        uintptr_t marks = 0;
        for (size_t j = 0; j < s->n_locations; j++)
            marks |= s->locations[j]->mark;
        if (!(marks & FOCUSED) || (marks & IGNORED))
            continue;
        if (marks & HIDDEN) {
            uint32_t n = 0;
            for (size_t j = 0; j < s->n_locations; j++)
                if (!(s->locations[j]->mark & HIDDEN))
                    stack[n++] = s->locations[j];
            s->locations = ht_share_stack(&stacks, p, stack, n);
            s->n_locations = n;
            if (!s->locations)
                *err = -ENOMEM;
            if (!n)
                continue;
        }
        p->samples[kept++] = *s;
    }
    p->n_samples = kept;
    ht_share_finish(&stacks);
    free(stack);
    return matched;
}

/* Removes the frames that are nearer to the root than the match nearest to the root. */
static unsigned show_from(struct ht_profile *p, const struct ht_regex *re)
{
    unsigned matched = 0;
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        l->mark = mapping_matches(l, re);
        for (size_t j = l->n_lines; !l->mark && j-- > 0;) {
            if (line_matches(&l->lines[j], re)) {
                l->n_lines = j + 1;
                l->mark = 1;
            }
        }
        if (l->mark)
            matched = HT_SHOW_FROM;
    }
    size_t kept = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        while (s->n_locations && !s->locations[s->n_locations - 1]->mark)
            s->n_locations--;
        if (s->n_locations)
            p->samples[kept++] = *s;
    }
    p->n_samples = kept;
    return matched;
}

static unsigned filter_tags(struct ht_profile *p, const struct ht_tag_filter *focus,
                            const struct ht_tag_filter *ignore)
{
    unsigned matched = 0;
    size_t kept = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        bool focused = !focus || ht_tag_filter_match(focus, s);
        bool ignored = ignore && ht_tag_filter_match(ignore, s);
        matched |= (focused ? HT_TAGFOCUS : 0u) | (ignored ? HT_TAGIGNORE : 0u);
        if (focused && !ignored)
            p->samples[kept++] = *s;
    }
    p->n_samples = kept;
    return matched;
}

static unsigned show_tags(struct ht_profile *p, const struct ht_regex *show,
                          const struct ht_regex *hide, int *err)
{
    struct ht_label *labels = malloc(longest(p, true) * sizeof(*labels));
    struct ht_share sets = {0};
    unsigned matched = 0;
    *err = labels ? 0 : -ENOMEM;
    for (size_t i = 0; !*err && i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        uint32_t n = 0;
        for (size_t j = 0; j < s->n_labels; j++) {
            bool shown = !show || ht_regex_match(show, s->labels[j].key);
            bool hidden = hide && ht_regex_match(hide, s->labels[j].key);
            matched |= (shown ? HT_TAGSHOW : 0u) | (hidden ? HT_TAGHIDE : 0u);
            if (shown && !hidden)
                labels[n++] = s->labels[j];
        }
        s->labels = ht_share_labels(&sets, p, labels, n);
        s->n_labels = n;
        *err = s->labels ? 0 : -ENOMEM;
    }
    ht_share_finish(&sets);
    free(labels);
    return matched;
}

enum { FOCUS, IGNORE, HIDE, SHOW, SHOW_FROM, TAGSHOW, TAGHIDE, PRUNE_FROM, N_REGEX };

int ht_profile_filter(struct ht_profile *p, const struct ht_filter *f, unsigned *unmatched,
                      char *msg, size_t msg_size)
{
    const struct {
        const char *option, *pattern;
        unsigned bit;
    } given[N_REGEX] = {
        [FOCUS] = {"focus", f->focus, HT_FOCUS},
        [IGNORE] = {"ignore", f->ignore, HT_IGNORE},
        [HIDE] = {"hide", f->hide, HT_HIDE},
        [SHOW] = {"show", f->show, HT_SHOW},
        [SHOW_FROM] = {"show_from", f->show_from, HT_SHOW_FROM},
        [TAGSHOW] = {"tagshow", f->tagshow, HT_TAGSHOW},
        [TAGHIDE] = {"taghide", f->taghide, HT_TAGHIDE},
        [PRUNE_FROM] = {"prune_from", f->prune_from, 0},
    };
    struct ht_regex *re[N_REGEX] = {0};
    struct ht_tag_filter *tagfocus = NULL, *tagignore = NULL;
    struct ht_label_unit *units;
    size_t n_units;
    unsigned wanted = 0, matched = 0;
    int err = ht_profile_label_units(p, &units, &n_units);
    for (int i = 0; !err && i < N_REGEX; i++) {
        if (!given[i].pattern || !*given[i].pattern)
            continue;
        err = ht_regex_create(&re[i], given[i].pattern, given[i].option, msg, msg_size);
        wanted |= given[i].bit;
    }
    if (!err && f->tagfocus && *f->tagfocus) {
        err =
            ht_tag_filter_create(&tagfocus, f->tagfocus, "tagfocus", units, n_units, msg, msg_size);
        wanted |= HT_TAGFOCUS;
    }
    if (!err && f->tagignore && *f->tagignore) {
        err = ht_tag_filter_create(&tagignore, f->tagignore, "tagignore", units, n_units, msg,
                                   msg_size);
        wanted |= HT_TAGIGNORE;
    }
    if (!err) {
        matched |= filter_names(p, re[FOCUS], re[IGNORE], re[HIDE], re[SHOW], &err);
        if (!err && re[SHOW_FROM])
            matched |= show_from(p, re[SHOW_FROM]);
        if (!err && (tagfocus || tagignore))
            matched |= filter_tags(p, tagfocus, tagignore);
        if (!err && (re[TAGSHOW] || re[TAGHIDE]))
            matched |= show_tags(p, re[TAGSHOW], re[TAGHIDE], &err);
        if (!err && re[PRUNE_FROM])
            ht_profile_prune_from(p, re[PRUNE_FROM]);
        if (unmatched)
            *unmatched = wanted & ~matched;
        if (err)
            snprintf(msg, msg_size, "out of memory");
    }
    for (int i = 0; i < N_REGEX; i++)
        ht_regex_destroy(re[i]);
    ht_tag_filter_destroy(tagfocus);
    ht_tag_filter_destroy(tagignore);
    return err;
}
