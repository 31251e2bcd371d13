/* SPDX-License-Identifier: MIT */
/* The report of `leaks`. */
#include "config.h"

#include "cli/process/leaks_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/process/figures.h"

static const char *size_text(double bytes, char *out)
{
    ht_figure_bytes(bytes, out, 24);
    return out;
}

static void print_heading(FILE *out, const struct ht_leaks *l)
{
    char size[24], name[256];
    fprintf(out, "%s (pid %d): %u pass%s over %s, %zu %s asked about\n", ht_leaks_program(l, name),
            (int)l->region.pid, l->n_passes, l->n_passes == 1 ? "" : "es",
            size_text((double)l->read, size), l->n, l->exact ? "blocks" : "sampled blocks");
    fprintf(out, "without a reference after each pass: ");
    for (unsigned i = 0; i < l->n_passes; i++) {
        unsigned same = i;
        while (same + 1 < l->n_passes && l->candidates[same + 1] == l->candidates[i])
            same++;
        fprintf(out, "%s%zu", i ? ", " : "", l->candidates[i]);
        if (same > i)
            fprintf(out, " (%u times)", same - i + 1);
        i = same;
    }
    putc('\n', out);
}

static void print_registers(FILE *out, const struct ht_leaks *l, bool stopped)
{
    if (!stopped) {
        fprintf(
            out,
            "Registers were not looked at: a block that only a register points to is listed too "
            "(--stop looks).\n");
        return;
    }
    fprintf(out, "Registers of %u of %u thread%s were looked at, each stopped for %.2f ms at most",
            l->stopped, l->stopped + l->unstopped, l->stopped + l->unstopped == 1 ? "" : "s",
            (double)l->longest_stop_ns / 1e6);
    if (l->in_registers)
        fprintf(out, ": they held %zu", l->in_registers);
    fputs(".\n", out);
}

void ht_leaks_text_unseen(FILE *out, const struct ht_leaks *l)
{
    char size[24];
    bool first = true;
    for (int k = 0; k < HT_UNSEEN_KINDS; k++) {
        if (!l->unseen[k])
            continue;
        fprintf(out, "%s%s %s", first ? "Not read, though pointers may be there: " : ", ",
                size_text((double)l->unseen[k], size), ht_leak_unseen_name((enum ht_leak_unseen)k));
        first = false;
    }
    if (!first)
        fputs(".\n", out);
}

static void print_notes(FILE *out, const struct ht_leaks *l, bool any)
{
    char size[24];
    ht_leaks_text_unseen(out, l);
    if (l->ending && l->stopped)
        fprintf(out, "Looked at as it ended; its %u threads were held for %.1f ms.\n", l->stopped,
                (double)l->longest_stop_ns / 1e6);
    else if (!l->ending && (any || l->stopped))
        print_registers(out, l, l->stopped || l->unstopped);
    if (!l->exact && !l->walked)
        fprintf(out, "Only blocks that nothing points to are listed, not what these lead to: %s.\n",
                l->unwalked);
    if (l->walked && l->outside)
        fprintf(out,
                "%zu of the blocks lie outside of glibc's heap: of these, what they lead to is not "
                "listed.\n",
                l->outside);
    if (l->walked && l->not_walked >= 65536) /* less is what just grew */
        fprintf(out, "Of %s of the heap no blocks could be told: all in it counts as in use.\n",
                size_text((double)l->not_walked, size));
    if (l->idle_ns)
        fprintf(out, "Blocks were watched for %.1f s: a page that was not %s by anybody is idle.\n",
                (double)l->idle_ns / 1e9, l->idle_writes ? "written to" : "touched");
    if (l->lost_frees)
        fprintf(out,
                "%" PRIu64 " frees were not taken down: so many of these blocks may be free.\n",
                l->lost_frees);
}

static void print_site(FILE *out, const struct ht_leak_site *s)
{
    char bytes[24], low[24], high[24], range[56] = "", objects[24], age[24], held[24];
    struct ht_interval in = ht_leak_site_bytes(s);
    if (in.high > in.low)
        snprintf(range, sizeof range, "%s-%s", size_text(in.low, low), size_text(in.high, high));
    ht_figure_count(s->objects.value, objects, sizeof objects);
    ht_figure_age((double)s->oldest_s, age, sizeof age);
    fprintf(out, "%9s %16s %8s %7s %6.0f%%  %s", size_text(s->bytes.value, bytes), range, objects,
            age, s->inuse > 0 ? fmin(100, 100 * s->bytes.value / s->inuse) : 100, s->text);
    if (s->held)
        fprintf(out, " (holds %s%.0f other%s, %s)", s->rate > 1 ? "about " : "", s->held,
                s->held == 1 ? "" : "s", size_text(s->held_bytes, held));
    putc('\n', out);
}

static void print_grade(FILE *out, const struct ht_leak_sites *s, enum ht_leak_grade grade,
                        size_t shown)
{
    static const char *const what[] = {
        [HT_LEAK_UNREFERENCED] = "unreferenced: nothing points to them",
        [HT_LEAK_UNREACHABLE] = "unreachable: only leaked blocks point to them",
        [HT_LEAK_IDLE] = "idle: reachable, and not used while they were watched; no leaks"};
    size_t n = 0, left = 0;
    double rest = 0;
    char size[24];
    for (size_t i = 0; i < s->n; i++) {
        if (s->site[i].grade != grade)
            continue;
        if (!n)
            fprintf(out, "%s\n%9s %16s %8s %7s %7s  %s\n", what[grade], "BYTES",
                    s->site[i].rate > 1 ? "95 %" : "", "OBJECTS", "OLDEST", "OF SITE", "SITE");
        if (!shown || n < shown) {
            print_site(out, &s->site[i]);
        } else {
            left++;
            rest += s->site[i].bytes.value;
        }
        n++;
    }
    if (left)
        fprintf(out, "%9s in %zu more (--all)\n", size_text(rest, size), left);
}

void ht_leaks_text(FILE *out, const struct ht_leaks *l, const struct ht_leak_sites *s, size_t shown)
{
    char bytes[24], inuse[24];
    print_heading(out, l);
    bool leaked = l->n_of[HT_LEAK_UNREFERENCED] || l->n_of[HT_LEAK_UNREACHABLE];
    if (leaked)
        fprintf(out, "leaked: %s of %s in use\n", size_text(s->bytes, bytes),
                size_text(s->inuse, inuse));
    else
        fprintf(out, "no leak was found, of %s in use\n", size_text(s->inuse, inuse));
    print_grade(out, s, HT_LEAK_UNREFERENCED, shown);
    print_grade(out, s, HT_LEAK_UNREACHABLE, shown);
    print_grade(out, s, HT_LEAK_IDLE, shown);
    print_notes(out, l, leaked);
}
