/* SPDX-License-Identifier: MIT */
/* The report of `leaks`. */
#include "config.h"

#include "cli/process/leaks_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/process/figures.h"
#include "util/jansson.h"
#include "util/utf8.h"

#define CONFIDENCE 0.95

static struct ht_interval bytes_of(const struct ht_leak_site *s)
{
    if (s->rate <= 1)
        return (struct ht_interval){s->bytes.value, s->bytes.value};
    return ht_evidence_interval(&s->bytes, s->rate, CONFIDENCE);
}

static struct ht_interval objects_of(const struct ht_leak_site *s)
{
    if (s->rate <= 1)
        return (struct ht_interval){s->objects.value, s->objects.value};
    return ht_evidence_interval(&s->objects, 0, CONFIDENCE);
}

static const char *size_text(double bytes, char *out)
{
    ht_figure_bytes(bytes, out, 24);
    return out;
}

/* As the region has it, and so any bytes. */
static const char *program_name(const struct ht_leaks *l, char out[256])
{
    const char *name = l->region.view.header->name;
    ht_utf8_escape(name, strnlen(name, sizeof l->region.view.header->name), out, 256);
    ht_plain_text(out, false);
    return out;
}

static void print_heading(const struct ht_leaks *l)
{
    char size[24], name[256];
    printf("%s (pid %d): %u pass%s over %s, %zu %s asked about\n", program_name(l, name),
           (int)l->region.pid, l->n_passes, l->n_passes == 1 ? "" : "es",
           size_text((double)l->read, size), l->n, l->exact ? "blocks" : "sampled blocks");
    printf("without a reference after each pass: ");
    for (unsigned i = 0; i < l->n_passes; i++) {
        unsigned same = i;
        while (same + 1 < l->n_passes && l->candidates[same + 1] == l->candidates[i])
            same++;
        printf("%s%zu", i ? ", " : "", l->candidates[i]);
        if (same > i)
            printf(" (%u times)", same - i + 1);
        i = same;
    }
    putchar('\n');
}

static void print_registers(const struct ht_leaks *l, bool stopped)
{
    if (!stopped) {
        printf("Registers were not looked at: a block that only a register points to is listed too "
               "(--stop looks).\n");
        return;
    }
    printf("Registers of %u of %u thread%s were looked at, each stopped for %.2f ms at most",
           l->stopped, l->stopped + l->unstopped, l->stopped + l->unstopped == 1 ? "" : "s",
           (double)l->longest_stop_ns / 1e6);
    if (l->in_registers)
        printf(": they held %zu", l->in_registers);
    puts(".");
}

static void print_notes(const struct ht_leaks *l, bool any)
{
    char size[24];
    bool first = true;
    for (int k = 0; k < HT_UNSEEN_KINDS; k++) {
        if (!l->unseen[k])
            continue;
        printf("%s%s %s", first ? "Not read, though pointers may be there: " : ", ",
               size_text((double)l->unseen[k], size), ht_leak_unseen_name((enum ht_leak_unseen)k));
        first = false;
    }
    if (!first)
        puts(".");
    if (any || l->stopped)
        print_registers(l, l->stopped || l->unstopped);
    if (l->lost_frees)
        printf("%" PRIu64 " frees were not taken down: so many of these blocks may be free.\n",
               l->lost_frees);
}

static void print_site(const struct ht_leak_site *s)
{
    char bytes[24], low[24], high[24], range[56] = "", objects[24], age[24], held[24];
    struct ht_interval in = bytes_of(s);
    if (in.high > in.low)
        snprintf(range, sizeof range, "%s-%s", size_text(in.low, low), size_text(in.high, high));
    ht_figure_count(s->objects.value, objects, sizeof objects);
    ht_figure_age((double)s->oldest_s, age, sizeof age);
    printf("%9s %16s %8s %7s %6.0f%%  %s", size_text(s->bytes.value, bytes), range, objects, age,
           s->inuse > 0 ? fmin(100, 100 * s->bytes.value / s->inuse) : 100, s->text);
    if (s->held)
        printf(" (holds %" PRIu64 " other%s, %s)", s->held, s->held == 1 ? "" : "s",
               size_text((double)s->held_bytes, held));
    putchar('\n');
}

static void print_grade(const struct ht_leak_sites *s, enum ht_leak_grade grade, size_t shown)
{
    static const char *const what[] = {
        [HT_LEAK_UNREFERENCED] = "unreferenced: nothing points to them",
        [HT_LEAK_UNREACHABLE] = "unreachable: only leaked blocks point to them"};
    size_t n = 0, left = 0;
    double rest = 0;
    char size[24];
    for (size_t i = 0; i < s->n; i++) {
        if (s->site[i].grade != grade)
            continue;
        if (!n)
            printf("%s\n%9s %16s %8s %7s %7s  %s\n", what[grade], "BYTES",
                   s->site[i].rate > 1 ? "95 %" : "", "OBJECTS", "OLDEST", "OF SITE", "SITE");
        if (!shown || n < shown) {
            print_site(&s->site[i]);
        } else {
            left++;
            rest += s->site[i].bytes.value;
        }
        n++;
    }
    if (left)
        printf("%9s in %zu more (--all)\n", size_text(rest, size), left);
}

void ht_leaks_text(const struct ht_leaks *l, const struct ht_leak_sites *s, size_t shown)
{
    char bytes[24], inuse[24];
    print_heading(l);
    if (s->n)
        printf("leaked: %s of %s in use\n", size_text(s->bytes, bytes), size_text(s->inuse, inuse));
    else
        printf("no leak was found, of %s in use\n", size_text(s->inuse, inuse));
    print_grade(s, HT_LEAK_UNREFERENCED, shown);
    print_grade(s, HT_LEAK_UNREACHABLE, shown);
    print_notes(l, s->n != 0);
}

static json_t *site_json(const struct ht_leak_site *s)
{
    struct ht_interval bytes = bytes_of(s), objects = objects_of(s);
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "site", s->name, "path",
        s->text, "leak", ht_leak_grade_name(s->grade), "bytes", (json_int_t)llround(s->bytes.value),
        "bytes_low", (json_int_t)llround(bytes.low), "bytes_high", (json_int_t)llround(bytes.high),
        "objects", (json_int_t)llround(s->objects.value), "objects_low",
        (json_int_t)llround(objects.low), "objects_high", (json_int_t)llround(objects.high),
        "blocks", (json_int_t)s->blocks, "oldest_seconds", (json_int_t)s->oldest_s, "inuse_bytes",
        (json_int_t)llround(s->inuse));
    json_object_set_new(o, "held_objects", json_integer((json_int_t)s->held));
    json_object_set_new(o, "held_bytes", json_integer((json_int_t)s->held_bytes));
    return o;
}

int ht_leaks_json(const struct ht_leaks *l, const struct ht_leak_sites *s)
{
    char name[256];
    json_t *passes = json_array(), *sites = json_array(), *unseen = json_object();
    for (unsigned i = 0; i < l->n_passes; i++)
        json_array_append_new(passes, json_integer((json_int_t)l->candidates[i]));
    for (int k = 0; k < HT_UNSEEN_KINDS; k++)
        json_object_set_new(unseen, ht_leak_unseen_key((enum ht_leak_unseen)k),
                            json_integer((json_int_t)l->unseen[k]));
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(sites, site_json(&s->site[i]));
    json_t *root = json_pack(
        "{s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "pid", (json_int_t)l->region.pid,
        "program", program_name(l, name), "exact", (int)l->exact, "asked", (json_int_t)l->n,
        "read_bytes", (json_int_t)l->read, "leaked_bytes", (json_int_t)llround(s->bytes),
        "inuse_bytes", (json_int_t)llround(s->inuse), "lost_frees", (json_int_t)l->lost_frees,
        "candidates", passes, "not_read", unseen, "sites", sites);
    json_object_set_new(root, "registers",
                        l->stopped || l->unstopped
                            ? json_pack("{s:i, s:i, s:f, s:I}", "threads", (int)l->stopped,
                                        "not_stopped", (int)l->unstopped, "longest_stop_ms",
                                        (double)l->longest_stop_ns / 1e6, "held",
                                        (json_int_t)l->in_registers)
                            : json_null());
    int err = !root || json_dumpf(root, stdout, JSON_INDENT(2)) ? -ENOMEM : 0;
    putchar('\n');
    json_decref(root);
    return err;
}
