/* SPDX-License-Identifier: MIT */
/* Threads as text: for people, and in the two forms of Go's goroutine profile (runtime/pprof). */
#include "config.h"

#include "remote/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "util/utf8.h"

static const struct ht_remote_thread *of_number(const struct ht_remote_threads *all, pid_t tid)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->thread[i].tid == tid)
            return &all->thread[i];
    return NULL;
}

static void put_duration(int64_t ns, char *out, size_t size)
{
    double s = (double)ns / 1e9;
    if (s < 60)
        snprintf(out, size, "%.1f s", s);
    else if (s < 3600)
        snprintf(out, size, "%.1f min", s / 60);
    else
        snprintf(out, size, "%.1f h", s / 3600);
}

static void add(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);
    if (n < size)
        snprintf(out + n, size - n, "%s%s", n ? ", " : "", text);
}

void ht_thread_waits(const struct ht_remote_threads *all, const struct ht_remote_thread *t,
                     char *out, size_t size)
{
    char part[160], name[sizeof t->name] = "";
    const char *call = t->call >= 0 ? ht_syscall_name(t->call) : NULL;
    const struct ht_remote_thread *other = of_number(all, t->owner ? t->owner : t->joins);
    *out = 0;
    if (other) {
        snprintf(name, sizeof name, "%s", other->name);
        ht_plain_text(name, false);
    }
    if (t->call >= 0 && !call) {
        snprintf(part, sizeof part, "system call %" PRId64, t->call);
        add(out, size, part);
    } else if (call || *t->wchan) {
        add(out, size, call ? call : t->wchan);
    }
    if (t->idle_ns >= 100000000 && t->state != 'R') {
        put_duration(t->idle_ns, part, sizeof part);
        add(out, size, part);
    }
    if (t->joins) {
        snprintf(part, sizeof part, "joins %d %s", (int)t->joins, name);
        add(out, size, part);
    } else if (t->owner) {
        snprintf(part, sizeof part, "mutex 0x%" PRIx64 " held by %d %s", t->lock, (int)t->owner,
                 name);
        add(out, size, part);
    } else if (t->lock) {
        snprintf(part, sizeof part, "at 0x%" PRIx64, t->lock);
        add(out, size, part);
    }
}

/* The names of a frame, innermost inlined call first; the address or the object where there is
 * none. */
static void put_frame(FILE *out, const struct ht_location *l)
{
    if (l->n_lines) {
        for (size_t i = 0; i < l->n_lines; i++)
            fprintf(out, "%s%s", i ? " < " : "", l->lines[i].function->name);
        return;
    }
    const char *file = l->mapping ? strrchr(l->mapping->file, '/') : NULL;
    if (l->mapping)
        fprintf(out, "%s+0x%" PRIx64, file ? file + 1 : l->mapping->file,
                l->address - l->mapping->start + l->mapping->offset);
    else
        fprintf(out, "0x%" PRIx64, l->address);
}

struct group {
    const struct ht_remote_thread *first;
    const struct ht_sample *sample; /* its stack, in the profile */
    size_t n;
    int64_t longest_ns;
};

static bool same_stack(const struct ht_remote_thread *a, const struct ht_remote_thread *b)
{
    return a->depth == b->depth && !strcmp(ht_thread_state(a), ht_thread_state(b)) &&
           !memcmp(a->frames, b->frames, a->depth * sizeof *a->frames);
}

static int by_stack(const void *a, const void *b)
{
    const struct ht_remote_thread *x = *(const struct ht_remote_thread *const *)a,
                                  *y = *(const struct ht_remote_thread *const *)b;
    int c = x->depth != y->depth ? (x->depth < y->depth ? -1 : 1)
                                 : memcmp(x->frames, y->frames, x->depth * sizeof *x->frames);
    if (!c)
        c = strcmp(ht_thread_state(x), ht_thread_state(y));
    return c ? c : x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int by_size(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return x->first->tid < y->first->tid ? -1 : x->first->tid > y->first->tid;
}

/* Groups of threads at the same place; *n of them, to free. NULL: out of memory. */
static struct group *group(const struct ht_remote_threads *t, const struct ht_profile *each,
                           size_t *n)
{
    const struct ht_remote_thread **order = malloc((t->n + 1) * sizeof(struct ht_remote_thread *));
    struct group *groups = calloc(t->n + 1, sizeof *groups);
    *n = 0;
    if (!order || !groups) {
        free(order);
        free(groups);
        return NULL;
    }
    for (size_t i = 0; i < t->n; i++)
        order[i] = &t->thread[i];
    qsort(order, t->n, sizeof *order, by_stack);
    for (size_t i = 0; i < t->n; i++) {
        struct group *g = *n ? &groups[*n - 1] : NULL;
        if (!g || !same_stack(g->first, order[i])) {
            g = &groups[(*n)++];
            g->first = order[i];
            g->sample = &each->samples[order[i] - t->thread];
        }
        g->n++;
        if (order[i]->idle_ns > g->longest_ns)
            g->longest_ns = order[i]->idle_ns;
    }
    free(order);
    qsort(groups, *n, sizeof *groups, by_size);
    return groups;
}

static void put_circles(FILE *out, const struct ht_remote_threads *t)
{
    char name[sizeof t->thread->name], waits[256];
    for (size_t i = 0; i < t->n; i++)
        if (t->thread[i].deadlock) {
            snprintf(name, sizeof name, "%s", t->thread[i].name);
            ht_plain_text(name, false);
            ht_thread_waits(t, &t->thread[i], waits, sizeof waits);
            fprintf(out, "deadlock: %d %s waits: %s\n", (int)t->thread[i].tid, name, waits);
        }
}

static void put_group(FILE *out, const struct ht_remote_threads *t, const struct group *g)
{
    char name[sizeof g->first->name], waits[256];
    snprintf(name, sizeof name, "%s", g->first->name);
    ht_plain_text(name, false);
    ht_thread_waits(t, g->first, waits, sizeof waits);
    fprintf(out, "%6zu  %-15s  %s%s%s\n        ", g->n, name, ht_thread_state(g->first),
            *waits ? " in " : "", waits);
    for (size_t i = 0; i < g->sample->n_locations; i++) {
        if (i)
            fputs(" < ", out);
        put_frame(out, g->sample->locations[i]);
    }
    if (!g->sample->n_locations)
        fputs("(no stack: it ran at each look; --stop stops it for a moment)", out);
    fputs(g->first->truncated ? " < [truncated]\n" : "\n", out);
}

int ht_threads_summary(FILE *out, const struct ht_remote *r, const struct ht_remote_threads *t,
                       const struct ht_profile *each, size_t lines)
{
    size_t n, blocked = 0;
    struct group *groups = group(t, each, &n);
    if (!groups)
        return -ENOMEM;
    for (size_t i = 0; i < t->n; i++)
        blocked += !strcmp(ht_thread_state(&t->thread[i]), "blocked");
    const char *exe = strrchr(r->program, '/');
    fprintf(out, "%zu thread%s of %s (pid %d), %zu blocked, at %zu place%s\n", t->n,
            t->n == 1 ? "" : "s", exe ? exe + 1 : r->program, (int)r->pid, blocked, n,
            n == 1 ? "" : "s");
    put_circles(out, t);
    for (size_t i = 0; i < n && (!lines || i < lines); i++)
        put_group(out, t, &groups[i]);
    if (lines && n > lines)
        fprintf(out, "(%zu more places; --all shows them)\n", n - lines);
    free(groups);
    return ferror(out) ? -EIO : 0;
}

static int by_count(const void *a, const void *b)
{
    const struct ht_sample *x = *(const struct ht_sample *const *)a,
                           *y = *(const struct ht_sample *const *)b;
    return x->values[0] > y->values[0] ? -1 : x->values[0] < y->values[0];
}

static void put_labels(FILE *out, const struct ht_sample *s)
{
    fputs("# labels: {", out);
    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].str) {
            char value[256];
            snprintf(value, sizeof value, "%s", s->labels[i].str);
            ht_plain_text(value, false);
            for (char *c = value; *c; c++)
                if (*c == '"' || *c == '\\')
                    *c = '\'';
            fprintf(out, "%s\"%s\":\"%s\"", i ? ", " : "", s->labels[i].key, value);
        }
    fputs("}\n", out);
}

int ht_threads_grouped(FILE *out, const struct ht_profile *p)
{
    const struct ht_sample **order = malloc((p->n_samples + 1) * sizeof(struct ht_sample *));
    int64_t total = 0;
    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_samples; i++) {
        order[i] = &p->samples[i];
        total += p->samples[i].values[0];
    }
    qsort(order, p->n_samples, sizeof *order, by_count);
    fprintf(out, "threads profile: total %" PRId64 "\n", total);
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = order[i];
        fprintf(out, "%" PRId64 " @", s->values[0]);
        /* Readers subtract one from each address, because they are return addresses there. */
        for (size_t k = 0; k < s->n_locations; k++)
            fprintf(out, " 0x%" PRIx64, s->locations[k]->address + 1);
        fputc('\n', out);
        put_labels(out, s);
        for (size_t k = 0; k < s->n_locations; k++)
            for (size_t n = 0; n < s->locations[k]->n_lines; n++) {
                const struct ht_line *l = &s->locations[k]->lines[n];
                fprintf(out, "#\t0x%" PRIx64 "\t%s\t%s:%" PRId64 "\n", s->locations[k]->address + 1,
                        l->function->name, l->function->filename, l->line);
            }
        fputc('\n', out);
    }
    free(order);
    return ferror(out) ? -EIO : 0;
}

static void put_thread(FILE *out, const struct ht_remote_threads *all,
                       const struct ht_remote_thread *t, const struct ht_sample *s)
{
    char name[sizeof t->name], waits[256];
    snprintf(name, sizeof name, "%s", t->name);
    ht_plain_text(name, false);
    ht_thread_waits(all, t, waits, sizeof waits);
    fprintf(out, "thread %d \"%s\" [%s%s%s%s]:\n", (int)t->tid, name, ht_thread_state(t),
            *waits ? " in " : "", waits, t->deadlock ? ", deadlock" : "");
    for (size_t k = 0; k < s->n_locations; k++) {
        const struct ht_location *l = s->locations[k];
        for (size_t n = 0; n < l->n_lines; n++) {
            fprintf(out, "%s(...)\n", l->lines[n].function->name);
            if (*l->lines[n].function->filename)
                fprintf(out, "\t%s:%" PRId64 "\n", l->lines[n].function->filename,
                        l->lines[n].line);
        }
        if (!l->n_lines) {
            put_frame(out, l);
            fputc('\n', out);
        }
    }
    fputs(t->truncated ? "[truncated]\n\n" : "\n", out);
}

int ht_threads_stacks(FILE *out, const struct ht_remote_threads *t, const struct ht_profile *each)
{
    for (size_t i = 0; i < t->n; i++)
        put_thread(out, t, &t->thread[i], &each->samples[i]);
    return ferror(out) ? -EIO : 0;
}
