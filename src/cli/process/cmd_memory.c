/* SPDX-License-Identifier: MIT */
/* heaptap memory: all of a process's resident memory, the heap in use as a part of it. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/figures.h"
#include "cli/process/memory_allocator.h"
#include "cli/process/memory_owners.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "evidence/sampling.h"
#include "memory/memory.h"
#include "profile/ops.h"
#include "snapshot/program.h"
#include "snapshot/region.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap memory [--sparse] [--json] PID\n\n"
    "Where the resident memory of a process is: the heap and how much of it is in use, what the\n"
    "allocator keeps free, other anonymous memory, stacks, program and libraries, files, shared\n"
    "memory. The process need not be profiled; then the heap in use is what its allocator says\n"
    "(glibc's malloc, jemalloc, tcmalloc).\n" HT_PROCESS_HELP "\n"
    "  --sparse also who keeps pages of which little is in use; of a process run with --exact, "
    "or,\n"
    "           estimated, over glibc's malloc with --rate=64k or less\n"
    "  --json   as JSON (docs/memory.md)\n";

/* What the region says about the heap. */
struct heap {
    bool profiled;
    double inuse, low, high; /* bytes; low and high equal inuse in exact mode */
    uint64_t *sampled;       /* addresses of live objects, sorted */
    size_t n_sampled;
    char name[64];
    struct ht_memory_owners *mappings; /* NULL: they are not recorded */
    struct ht_memory_owners *sparse;   /* NULL: not asked for */
};

static int by_address(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void collect_sampled(struct heap *h, const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live l;
    size_t room = 0;
    while ((record = ht_view_next(v, &c))) {
        if (!ht_view_live(record, &l))
            continue;
        if (h->n_sampled == room) {
            room = room ? 2 * room : 256;
            uint64_t *more = reallocarray(h->sampled, room, sizeof *more);
            if (!more)
                break;
            h->sampled = more;
        }
        h->sampled[h->n_sampled++] = l.addr;
    }
    if (h->n_sampled)
        qsort(h->sampled, h->n_sampled, sizeof *h->sampled, by_address);
}

static void estimate(struct heap *h, struct ht_profile *p)
{
    char msg[128];
    int type = ht_profile_sample_index(p, "inuse_space", msg, sizeof msg);
    struct ht_sampling s = {0};
    struct ht_evidence all = {0};
    if (type < 0)
        return;
    bool sampled = ht_sampling_of(&s, p, (size_t)type, msg, sizeof msg) && s.rate > 1;
    for (size_t i = 0; i < p->n_samples; i++) {
        h->inuse += (double)p->samples[i].values[type];
        if (sampled) {
            struct ht_evidence e = ht_sampling_evidence(&s, &p->samples[i]);
            ht_evidence_sum(&all, &e);
        }
    }
    h->low = h->high = h->inuse;
    if (sampled) {
        struct ht_interval in = ht_sampling_interval(&s, &all, 0.95);
        h->low = in.low;
        h->high = in.high;
    }
    h->profiled = true;
}

/* Without a region that can be read there is no estimate; that is no failure. */
static int read_heap(struct heap *h, struct ht_remote *remote, bool sparse)
{
    struct ht_region r;
    char msg[512] = "it has ended";
    int err;
    if (ht_region_open_pid(&r, remote->pid, msg, sizeof msg))
        return sparse ? ht_complain(1, "--sparse: the process is not profiled: %s", msg) : -1;
    if (r.fresh) {
        snprintf(msg, sizeof msg, "it has had no sample yet");
    } else if (r.alive) {
        struct ht_profile *p = ht_region_profile(&r, NULL, &err, msg, sizeof msg);
        collect_sampled(h, &r.view);
        if (p)
            estimate(h, p);
        h->mappings = ht_memory_mappings(&r, remote);
        h->sparse = sparse ? ht_memory_sparse(&r, remote, msg, sizeof msg) : NULL;
        ht_profile_destroy(p);
    }
    ht_region_close(&r);
    return sparse && !h->sparse ? ht_complain(1, "--sparse: %s", msg) : -1;
}

static const char *size_text(double bytes, char *out)
{
    ht_figure_bytes(bytes, out, 24);
    return out;
}

/* "28.1MB in use (estimated, 26.0MB to 31.2MB)", or what the allocator says, or nothing. */
static void heap_text(const struct heap *h, const struct ht_memory *m, char *out, size_t size)
{
    char a[24], b[24], c[24];
    const char *who;
    uint64_t counted;
    *out = '\0';
    if (h->profiled && h->high > h->low)
        snprintf(out, size, "%s in use (estimated, %s to %s)", size_text(h->inuse, a),
                 size_text(h->low, b), size_text(h->high, c));
    else if (h->profiled)
        snprintf(out, size, "%s in use (every allocation is recorded)", size_text(h->inuse, a));
    else if (ht_memory_allocator_inuse(m, &counted, &who))
        snprintf(out, size, "%s in use (as %s counts)", size_text((double)counted, a), who);
}

static void print_row(const struct ht_memory_part *p, const char *what)
{
    char resident[24], mapped[24], swapped[24];
    printf("%10s %10s  %s", size_text((double)p->resident, resident),
           size_text((double)p->mapped, mapped), what);
    if (p->swapped)
        printf(" (%s more in swap)", size_text((double)p->swapped, swapped));
    putchar('\n');
}

static void print_text(pid_t pid, const struct heap *h, const struct ht_memory *m)
{
    static const char *const what[HT_MEMORY_KINDS] = {
        [HT_MEMORY_ANONYMOUS] = "other anonymous memory",
        [HT_MEMORY_CODE] = "program and libraries",
        [HT_MEMORY_FILES] = "other files",
        [HT_MEMORY_SHARED] = "shared memory",
        [HT_MEMORY_OURS] = "heaptap's own",
    };
    char inuse[160], row[200], a[24], name[64];
    ht_process_name(pid, name, sizeof name);
    heap_text(h, m, inuse, sizeof inuse);
    printf("%s (pid %d): %s%s%s resident\n", name, (int)pid, inuse, *inuse ? ", of " : "",
           size_text((double)m->all.resident, a));
    printf("%10s %10s\n", "RESIDENT", "MAPPED");
    for (int k = 0; k < HT_MEMORY_KINDS; k++) {
        if (k == HT_MEMORY_HEAP)
            snprintf(row, sizeof row, "heap%s%s", *inuse ? ": " : "", inuse);
        else if (k == HT_MEMORY_STACKS)
            snprintf(row, sizeof row, "stacks of %u thread%s", m->threads,
                     m->threads == 1 ? "" : "s");
        else
            snprintf(row, sizeof row, "%s", what[k]);
        if (m->of[k].maps)
            print_row(&m->of[k], row);
    }
    print_row(&m->all, "in all");
    ht_memory_allocator_print(m, h->inuse);
    if (h->mappings)
        ht_memory_mappings_print(h->mappings);
    else if (h->profiled && m->of[HT_MEMORY_ANONYMOUS].resident > 8 << 20)
        printf("Run with --mmap, it is said by whom other anonymous memory was mapped.\n");
    if (h->sparse)
        ht_memory_sparse_print(h->sparse);
    if (m->python && m->of[HT_MEMORY_ANONYMOUS].resident > 1 << 20)
        printf("CPython keeps small objects in arenas of its own, which are in \"other anonymous "
               "memory\": with PYTHONMALLOC=malloc they are in the heap, by site.\n");
}

static json_t *part_json(const struct ht_memory_part *p)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "resident", (json_int_t)p->resident, "mapped",
                     (json_int_t)p->mapped, "swapped", (json_int_t)p->swapped, "maps",
                     (json_int_t)p->maps);
}

static int print_json(pid_t pid, const struct heap *h, const struct ht_memory *m)
{
    json_t *root = json_object(), *parts = json_object();
    for (int k = 0; k < HT_MEMORY_KINDS; k++)
        json_object_set_new(parts, ht_memory_kind_name((enum ht_memory_kind)k),
                            part_json(&m->of[k]));
    json_object_set_new(root, "pid", json_integer(pid));
    json_object_set_new(root, "threads", json_integer(m->threads));
    json_object_set_new(root, "resident", json_integer((json_int_t)m->kernel_resident));
    json_object_set_new(root, "all", part_json(&m->all));
    json_object_set_new(root, "parts", parts);
    if (h->profiled)
        json_object_set_new(root, "inuse",
                            json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)llround(h->inuse),
                                      "low", (json_int_t)llround(h->low), "high",
                                      (json_int_t)llround(h->high)));
    if (h->mappings)
        json_object_set_new(root, "mappings", ht_memory_mappings_json(h->mappings));
    if (h->sparse) {
        json_object_set_new(root, "sparse", ht_memory_sparse_json(h->sparse));
        ht_memory_sparse_sums_json(h->sparse, root);
    }
    ht_memory_allocator_json(m, root);
    int err = !root || json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
    return err ? ht_complain(1, "out of memory") : 0;
}

static int look(pid_t pid, bool json, bool sparse)
{
    struct ht_remote r;
    struct heap h = {0};
    struct ht_memory m;
    char msg[512];
    if (ht_remote_open(&r, pid, msg, sizeof msg))
        return ht_complain(1, "%s", msg);
    int status = read_heap(&h, &r, sparse);
    if (status < 0)
        status = ht_memory_look(&r, h.sampled, h.n_sampled, &m, msg, sizeof msg)
                     ? ht_complain(1, "%s", msg)
                     : -1;
    if (status < 0 && json)
        status = print_json(pid, &h, &m);
    else if (status < 0)
        print_text(pid, &h, &m), status = 0;
    free(h.sampled);
    ht_memory_owners_destroy(h.mappings);
    ht_memory_owners_destroy(h.sparse);
    ht_remote_close(&r);
    return status;
}

int ht_cmd_memory(int argc, char **argv)
{
    bool json = false, sparse = false;
    const struct ht_word_option options[] = {
        {"json", .flag = &json}, {"sparse", .flag = &sparse}, {NULL}};
    struct ht_words rest = {0};
    const char *word = "";
    char buf[HT_PROCESS_WORD], msg[512];
    pid_t pid = 0;
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "memory takes one process, by PID or name");
    if (status < 0 &&
        (word = rest.word[0], ht_process_word(&word, buf, true, false, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0 && !ht_region_is_pid(word, &pid))
        status = ht_complain(2, "%s is no process", word);
    if (status < 0 && json && !HT_JANSSON)
        status = ht_complain(1, "%s", HT_JSON_MISSING);
    if (status < 0)
        status = look(pid, json, sparse);
    ht_words_finish(&rest);
    return status;
}
