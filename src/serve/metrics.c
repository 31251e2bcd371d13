/* SPDX-License-Identifier: MIT */
/* /metrics in Prometheus' text format, version 0.0.4. */
#include "config.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "serve/http.h"

static const struct {
    const char *name, *type, *help;
    size_t at;
} metrics[] = {
#define M(name, type, field, help)                                                                 \
    {                                                                                              \
        name, type, help,                                                                          \
            offsetof(struct ht_target, stats) + offsetof(struct ht_target_stats, field)            \
    }
    M("heaptap_inuse_bytes", "gauge", inuse_bytes, "Estimated bytes allocated and not yet freed."),
    M("heaptap_inuse_objects", "gauge", inuse_objects,
      "Estimated objects allocated and not yet freed."),
    M("heaptap_allocated_bytes_total", "counter", alloc_bytes,
      "Estimated bytes allocated since the start."),
    M("heaptap_allocated_objects_total", "counter", alloc_objects,
      "Estimated objects allocated since the start."),
    M("heaptap_samples_total", "counter", samples, "Allocations sampled."),
    M("heaptap_lost_samples_total", "counter", lost,
      "Samples lost, because memory or a stack was not available."),
    M("heaptap_resident_bytes", "gauge", resident, "Resident memory of the process, of all kinds."),
    M("heaptap_threads", "gauge", threads, "Threads of the process."),
    M("heaptap_rate_bytes", "gauge", rate, "Mean distance between two samples."),
#undef M
};

/* In a label's value only these three are escaped; it must be UTF-8. */
static void put_label(FILE *out, const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
        if (*c == '\\' || *c == '"')
            fprintf(out, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", out);
        else
            putc(*c < 0x20 || *c > 0x7e ? '?' : *c, out);
    }
}

static void put_labels(FILE *out, const struct ht_target *t)
{
    fprintf(out, "{%s=\"%s\",program=\"", t->pid ? "pid" : "file", t->id);
    put_label(out, t->name);
    fputs("\"}", out);
}

static bool wanted(const struct ht_request *r, const struct ht_target *t)
{
    return !t->damage && (!*r->id || !strcmp(t->id, r->id));
}

static void put_metric(const struct ht_request *r, FILE *out, size_t m,
                       const struct ht_target *list, size_t n)
{
    bool headed = false;
    for (size_t i = 0; i < n; i++) {
        int64_t v;

        memcpy(&v, (const char *)&list[i] + metrics[m].at, sizeof v);
        if (v < 0 || !wanted(r, &list[i]))
            continue;
        if (!headed)
            fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help,
                    metrics[m].name, metrics[m].type);
        headed = true;
        fputs(metrics[m].name, out);
        put_labels(out, &list[i]);
        fprintf(out, " %" PRId64 "\n", v);
    }
}

enum MHD_Result ht_get_metrics(const struct ht_request *r)
{
    enum MHD_Result answer;
    struct ht_target *list;
    struct ht_body b;
    size_t n;
    if (!ht_request_list_body(r, &list, &n, &b, &answer))
        return answer;
    fputs("# HELP heaptap_up Whether the process is alive.\n# TYPE heaptap_up gauge\n", b.out);
    for (size_t i = 0; i < n; i++) {
        if (!wanted(r, &list[i]))
            continue;
        fputs("heaptap_up", b.out);
        put_labels(b.out, &list[i]);
        fprintf(b.out, " %d\n", list[i].alive);
    }
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++)
        put_metric(r, b.out, m, list, n);
    ht_targets_free(list, n);
    if (r->s->o.metrics && !*r->id)
        r->s->o.metrics(r->s->o.metrics_ctx, b.out);
    return ht_body_answer(r, &b, 0, "text/plain; version=0.0.4; charset=utf-8", NULL);
}
