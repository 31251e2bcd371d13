/* SPDX-License-Identifier: MIT */
/* The report of `leaks --who`. */
#include "config.h"

#include "cli/process/who_report.h"

#include <stdio.h>

#include "cli/process/figures.h"
#include "cli/process/leaks_report.h"
#include "leaks/sites.h"

#define INDENT "                                             " /* up to the last column */

static const char *size_text(double bytes, char *out)
{
    ht_figure_bytes(bytes, out, 24);
    return out;
}

static void print_holders(FILE *out, const struct ht_who *w, const struct ht_who_row *r)
{
    char text[4500], age[24];
    if (r->own)
        fprintf(out, INDENT "  by way of up to %u more like them\n", r->own);
    for (uint32_t i = 0; i < r->n_holders; i++) {
        const struct ht_who_holder *h = &r->holder[i];
        bool root = i + 1 == r->n_holders;
        if (root && r->cut)
            fputs(INDENT "  held by others (--holders shows more)\n", out);
        fprintf(out, INDENT "  held by %s", ht_who_text(w, h, text, sizeof text));
        if (h->kind == HT_WHO_BLOCK && h->aged) {
            ht_figure_age((double)h->oldest_s, age, sizeof age);
            fprintf(out, " (age %s%s)", h->most > 1 || r->blocks > 1 ? "up to " : "", age);
        }
        putc('\n', out);
    }
    if (!r->n_holders)
        fputs(INDENT "  held by nobody: no way to them was found\n", out);
}

static void print_row(FILE *out, const struct ht_who *w, const struct ht_who_row *r)
{
    char bytes[24], low[24], high[24], text[56] = "", objects[24], age[24];
    struct ht_interval in = ht_who_bytes(r);
    if (in.high > in.low)
        snprintf(text, sizeof text, "%s-%s", size_text(in.low, low), size_text(in.high, high));
    ht_figure_count(r->objects.value, objects, sizeof objects);
    ht_figure_age((double)r->oldest_s, age, sizeof age);
    fprintf(out, "%9s %16s %8s %7s  %s\n", size_text(r->bytes.value, bytes), text, objects, age,
            w->owner[r->owner].path);
    print_holders(out, w, r);
}

static void print_notes(FILE *out, const struct ht_who *w)
{
    const struct ht_leaks *l = &w->look;
    ht_leaks_text_unseen(out, l);
    if (!l->stopped && !l->unstopped)
        fputs("Threads were not stopped: the frame of one that ran is not told, and what only a "
              "register holds is not seen (--stop looks).\n",
              out);
    else
        fprintf(out,
                "Registers and stacks of %u of %u threads were copied, each stopped for %.2f ms at "
                "most.\n",
                l->stopped, l->stopped + l->unstopped, (double)l->longest_stop_ns / 1e6);
    if (!l->exact && !l->walked)
        fprintf(out,
                "Only sampled blocks are known, so another block that holds one is shown as "
                "a word among blocks: %s.\n",
                l->unwalked);
    if (w->outside)
        fprintf(out, "%zu more blocks lie outside of glibc's heap: who holds them is not told.\n",
                w->outside);
    if (w->freed)
        fprintf(out, "%zu were freed meanwhile.\n", w->freed);
}

void ht_who_report(FILE *out, const struct ht_who *w, const char *site, size_t shown)
{
    const struct ht_leaks *l = &w->look;
    char size[24], name[256];
    double rest = 0;
    fprintf(out, "%s (pid %d): who holds %zu %s of %s; %u pass%s over %s\n",
            ht_leaks_program(l, name), (int)l->region.pid, w->asked,
            l->exact ? "blocks" : "sampled blocks", site, l->n_passes, l->n_passes == 1 ? "" : "es",
            size_text((double)l->read, size));
    fprintf(out, "%9s %16s %8s %7s  %s\n", "BYTES", l->exact ? "" : "95 %", "OBJECTS", "OLDEST",
            "BLOCKS OF, AND THEIR HOLDERS");
    for (size_t i = 0; i < w->n; i++) {
        if (!shown || i < shown)
            print_row(out, w, &w->row[i]);
        else
            rest += w->row[i].bytes.value;
    }
    if (shown && w->n > shown)
        fprintf(out, "%9s in %zu more (--all)\n", size_text(rest, size), w->n - shown);
    print_notes(out, w);
}
