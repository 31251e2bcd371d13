/* SPDX-License-Identifier: MIT */
/* Rows are added up by owner, as in `owners` and `watch`. Owners are found from all memory in use,
 * so that the leaked share of each is known. */
#include "config.h"

#include "leaks/sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owners/owners.h"
#include "profile/ops.h"
#include "util/utf8.h"

#define CONFIDENCE 0.95

struct maker {
    const struct ht_leaks *l;
    struct ht_leak_rows *rows;
    struct ht_owners owners;
    struct ht_leak_sites *out;
    size_t *site_of_row; /* SIZE_MAX: none */
    size_t *site_of;     /* by owner and grade */
    double *inuse;       /* by owner */
};

static void free_maker(struct maker *m)
{
    ht_owners_finish(&m->owners);
    free(m->site_of_row);
    free(m->site_of);
    free(m->inuse);
}

/* The site of an owner and a grade, which is made if it is new. SIZE_MAX: out of memory. */
static size_t site_for(struct maker *m, uint32_t owner, enum ht_leak_grade grade)
{
    size_t *at = &m->site_of[(size_t)owner * HT_LEAK_GRADES + grade];
    if (*at != SIZE_MAX)
        return *at;
    struct ht_leak_site *s = &m->out->site[m->out->n];
    const struct ht_owner *o = owner < m->owners.n ? &m->owners.list[owner] : NULL;
    *s = (struct ht_leak_site){.name = o ? o->name : "?", .grade = grade, .inuse = m->inuse[owner]};
    s->text = o ? ht_owner_text(o) : strdup("?");
    if (!s->text)
        return SIZE_MAX;
    ht_plain_text(s->text, false);
    return *at = m->out->n++;
}

static int add_row(struct maker *m, size_t sample)
{
    uint32_t row = m->rows->of_sample[sample], owner = m->owners.of_sample[sample];
    if (row == UINT32_MAX)
        return 0;
    const struct ht_leak_row *r = &m->rows->row[row];
    size_t at = site_for(m, owner == UINT32_MAX ? (uint32_t)m->owners.n : owner, r->grade);
    if (at == SIZE_MAX)
        return -ENOMEM;
    struct ht_leak_site *s = &m->out->site[at];
    ht_evidence_sum(&s->bytes, &r->bytes);
    ht_evidence_sum(&s->objects, &r->objects);
    s->blocks += r->blocks;
    if ((double)r->rate > s->rate)
        s->rate = (double)r->rate;
    if (r->oldest_s > s->oldest_s)
        s->oldest_s = r->oldest_s;
    m->site_of_row[row] = at;
    if (r->grade != HT_LEAK_IDLE)
        m->out->bytes += r->bytes.value;
    return 0;
}

/* Adds up what only the blocks of a site lead to; here too a sampled block stands for others. */
static void add_held(struct maker *m)
{
    const struct ht_leaks *l = m->l;
    for (size_t i = 0; i < l->n; i++) {
        const struct ht_leak_block *b = &l->block[i];
        const struct ht_leak_row *row =
            b->grade == HT_LEAK_UNREFERENCED && b->held ? ht_leak_rows_find(m->rows, b) : NULL;
        size_t at = row ? m->site_of_row[row - m->rows->row] : SIZE_MAX;
        if (at == SIZE_MAX)
            continue;
        struct ht_observation o = {.size = (double)b->size};
        ht_observation_sample(&o, (double)row->rate, true);
        m->out->site[at].held += (double)b->held / o.p;
        m->out->site[at].held_bytes += (double)b->held_bytes / o.p;
    }
}

/* Sets the callers of leaked blocks. The callers of all that the owner has in use may be others. */
static int set_paths(struct maker *m, const struct ht_wrappers *list, enum ht_leak_grade grade)
{
    struct ht_profile *p = m->rows->profile;
    struct ht_owners leaked = {0};
    int64_t *all = malloc((p->n_samples + 1) * sizeof *all);
    bool *shown = calloc(p->n_samples + 1, sizeof *shown);
    const struct ht_owners_options how = {.value = 3, .list = list, .shown = shown};
    if (!all || !shown) {
        free(all);
        free(shown);
        return -ENOMEM;
    }
    for (size_t i = 0; i < p->n_samples; i++) {
        uint32_t row = m->rows->of_sample[i];
        all[i] = p->samples[i].values[how.value];
        shown[i] = row != UINT32_MAX && m->rows->row[row].grade == grade;
        if (!shown[i])
            p->samples[i].values[how.value] = 0;
    }
    int err = ht_owners_find(&leaked, p, &how);
    for (size_t i = 0; i < p->n_samples; i++) {
        uint32_t row = m->rows->of_sample[i], owner = err ? UINT32_MAX : leaked.of_sample[i];
        p->samples[i].values[how.value] = all[i];
        size_t at =
            row == UINT32_MAX || m->rows->row[row].grade != grade ? SIZE_MAX : m->site_of_row[row];
        struct ht_leak_site *s = at == SIZE_MAX ? NULL : &m->out->site[at];
        if (!s || owner == UINT32_MAX || strcmp(leaked.list[owner].name, s->name) != 0)
            continue;
        char *text = ht_owner_text(&leaked.list[owner]);
        if (!text)
            continue;
        ht_plain_text(text, false);
        free(s->text);
        s->text = text;
    }
    ht_owners_finish(&leaked);
    free(shown);
    free(all);
    return err;
}

static int by_weight(const void *pa, const void *pb)
{
    const struct ht_leak_site *a = pa, *b = pb;
    if (a->grade != b->grade)
        return (int)a->grade - (int)b->grade;
    double x = a->bytes.value + a->held_bytes, y = b->bytes.value + b->held_bytes;
    return x != y ? (x < y) - (x > y) : strcmp(a->text, b->text);
}

static int make(struct maker *m, const struct ht_wrappers *list)
{
    struct ht_profile *p = m->rows->profile;
    /* An owner is shown with the callers that leaked. */
    bool *leaked = calloc(p->n_samples + 1, sizeof *leaked);
    const struct ht_owners_options how = {.value = 3, .list = list, .shown = leaked};
    for (size_t i = 0; leaked && i < p->n_samples; i++)
        leaked[i] = m->rows->of_sample[i] != UINT32_MAX;
    int err = leaked ? ht_owners_find(&m->owners, p, &how) : -ENOMEM;
    free(leaked);
    size_t n = m->owners.n + 1;
    m->site_of = malloc(n * HT_LEAK_GRADES * sizeof *m->site_of);
    m->site_of_row = malloc((m->rows->n + 1) * sizeof *m->site_of_row);
    m->inuse = calloc(n, sizeof *m->inuse);
    m->out->site = calloc(n * HT_LEAK_GRADES, sizeof *m->out->site);
    if (err || !m->site_of || !m->site_of_row || !m->inuse || !m->out->site)
        return err ? err : -ENOMEM;
    memset(m->site_of, 0xff, n * HT_LEAK_GRADES * sizeof *m->site_of);
    memset(m->site_of_row, 0xff, (m->rows->n + 1) * sizeof *m->site_of_row);
    for (size_t i = 0; i < p->n_samples; i++) {
        uint32_t owner = m->owners.of_sample[i];
        m->inuse[owner == UINT32_MAX ? n - 1 : owner] += (double)p->samples[i].values[3];
        m->out->inuse += (double)p->samples[i].values[3];
    }
    for (size_t i = 0; !err && i < p->n_samples; i++)
        err = add_row(m, i);
    if (err)
        return err;
    add_held(m);
    for (int grade = HT_LEAK_UNREFERENCED; !err && m->out->n && grade < HT_LEAK_GRADES; grade++)
        err = set_paths(m, list, (enum ht_leak_grade)grade);
    if (err)
        return err;
    if (m->out->n)
        qsort(m->out->site, m->out->n, sizeof *m->out->site, by_weight);
    return 0;
}

int ht_leak_sites_make(const struct ht_leaks *l, struct ht_leak_rows *rows,
                       struct ht_leak_sites *out, char *msg, size_t msg_size)
{
    struct maker m = {.l = l, .rows = rows, .out = out};
    int err;
    *out = (struct ht_leak_sites){0};
    *msg = '\0';
    struct ht_wrappers *list = ht_wrappers_create(NULL, &err, msg, msg_size);
    if (!list)
        return err;
    err = ht_profile_remove_uninteresting(rows->profile, msg, msg_size);
    if (!err)
        err = make(&m, list);
    free_maker(&m);
    ht_wrappers_destroy(list);
    if (err && !*msg)
        snprintf(msg, msg_size, "%s", strerror(-err));
    return err;
}

void ht_leak_sites_free(struct ht_leak_sites *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->site[i].text);
    free(s->site);
    *s = (struct ht_leak_sites){0};
}

struct ht_interval ht_leak_site_bytes(const struct ht_leak_site *s)
{
    if (s->rate <= 1)
        return (struct ht_interval){s->bytes.value, s->bytes.value};
    return ht_evidence_interval(&s->bytes, s->rate, CONFIDENCE);
}

struct ht_interval ht_leak_site_objects(const struct ht_leak_site *s)
{
    if (s->rate <= 1)
        return (struct ht_interval){s->objects.value, s->objects.value};
    return ht_evidence_interval(&s->objects, 0, CONFIDENCE);
}
