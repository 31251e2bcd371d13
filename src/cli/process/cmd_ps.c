/* SPDX-License-Identifier: MIT */
/* heaptap ps: the profiled processes of this machine, alive and dead but recoverable. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/figures.h"
#include "cli/process/ps_table.h"
#include "cli/terminal/terminal.h"
#include "cli/words.h"
#include "snapshot/list.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap ps [--all] [--long] [--json]\n\n"
    "Lists the profiled processes of this user (as root: of all): living ones, and dead ones "
    "whose\n"
    "profile is not written yet. heaptap recover writes it, heaptap forget discards it.\n\n"
    "  -a, --all    also, one by one, what dead processes of other heaptap versions left\n"
    "  -l, --long   with user, title, unit or container, as on a wide terminal\n"
    "  --json       as a JSON array, of all (docs/leak-hunt.md)\n";

static void print_table(const struct ht_listed *list, size_t n, bool all)
{
    printf("%8s  %-15s %-10s %6s %7s %9s %9s %8s  %s\n", "PID", "PROGRAM", "STATE", "AGE", "RATE",
           "IN USE", "RSS", "SAMPLES", "PROFILE");
    for (size_t i = 0; i < n; i++) {
        const struct ht_listed *e = &list[i];
        char age[16], rate[16], inuse[16], samples[24], resident[16] = "-", to[HT_PS_PATH];
        if (!ht_ps_is_there(e) || (e->other_version && !all))
            continue;
        ht_ps_age_text(e, age, sizeof age);
        ht_ps_rate_text(e, rate, sizeof rate);
        ht_ps_inuse_text(e, inuse, sizeof inuse);
        ht_ps_samples_text(e, samples, sizeof samples);
        if (e->resident)
            ht_figure_bytes((double)e->resident, resident, sizeof resident);
        printf("%8d  %-15.15s %-10s %6s %7s %9s %9s %8s  %s\n", (int)e->pid,
               *e->name ? e->name : "?", ht_ps_state(e), age, rate, inuse, resident, samples,
               ht_ps_goes_to(e, to, sizeof to));
    }
}

static json_t *text(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string("?"); /* not UTF-8 */
}

static int print_json(const struct ht_listed *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct ht_listed *e = &list[i];
        if (!ht_ps_is_there(e))
            continue;
        char user[64];
        json_t *o = json_pack(
            "{s:i, s:o, s:s, s:i, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o, "
            "s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
            "pid", (int)e->pid, "program", text(e->name), "state", ht_ps_state(e), "uid",
            (int)e->uid, "age_seconds", ht_ps_age(e), "rate", (json_int_t)e->rate, "samples",
            (json_int_t)e->samples, "lost", (json_int_t)e->lost, "labels_other",
            (json_int_t)e->labels_other, "folded_sites", (json_int_t)e->folded, "inuse_bytes",
            (json_int_t)e->inuse_bytes, "inuse_objects", (json_int_t)e->inuse_objects,
            "resident_bytes", (json_int_t)e->resident, "region_bytes", (json_int_t)e->file_bytes,
            "recoverable", !e->alive && !e->dumped && !*e->damage, "forked", (int)e->adopted,
            "command", text(e->command_line), "output", text(e->output), "last_dump",
            text(e->last_dump), "region", text(e->path), "user",
            text(ht_ps_user(e->uid, user, sizeof user)), "title", text(e->title), "unit",
            text(e->unit), "unwritten", text(e->unwritten ? strerror(e->unwritten) : ""));
        if (!o || json_array_append_new(array, o)) {
            json_decref(array);
            return ht_complain(1, "out of memory");
        }
    }
    json_dumpf(array, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(array);
    return 0;
}

/* What stays in a region, and why. */
static void tell_unwritten(const struct ht_listed *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ht_listed *e = &list[i];
        if (!ht_ps_is_there(e) || !e->unwritten || *e->damage)
            continue;
        ht_complain(
            0,
            "%s (pid %d) could not write its profile (%s): it stays in its region (heaptap %s %d)",
            *e->name ? e->name : "?", (int)e->pid, strerror(e->unwritten),
            e->alive ? "dump" : "recover", (int)e->pid);
    }
}

/* On standard error, so that scripts that read the table do not get it. */
static void sum_other_versions(const struct ht_listed *list, size_t n, size_t others)
{
    double bytes = 0;
    char size[16];
    for (size_t i = 0; i < n; i++)
        if (ht_ps_is_there(&list[i]) && list[i].other_version)
            bytes += (double)list[i].file_bytes;
    ht_figure_bytes(bytes, size, sizeof size);
    fprintf(
        stderr,
        "heaptap: %zu region%s (%s) of processes that ended under other versions of heaptap: their "
        "recover reads them; after %d days they go (ps --all lists them)\n",
        others, others == 1 ? "" : "s", size, HT_KEEP_DAYS);
}

static void tell_other_labels(const struct ht_listed *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ht_ps_is_there(&list[i]) && list[i].labels_other)
            fprintf(stderr,
                    "heaptap: %d: there was no room for more sets of labels: of %llu samples they "
                    "are \"other\"\n",
                    (int)list[i].pid, (unsigned long long)list[i].labels_other);
}

int ht_cmd_ps(int argc, char **argv)
{
    bool json = false, all = false, wide = false;
    const struct ht_word_option options[] = {
        {"all", 'a', .flag = &all}, {"long", 'l', .flag = &wide}, {"json", .flag = &json}, {NULL}};
    struct ht_words rest = {0};
    struct ht_listed *list;
    size_t n, shown = 0, others = 0;
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n)
        status = ht_complain(2, "ps takes no arguments (heaptap dump PID writes a profile)");
    ht_words_finish(&rest);
    if (status < 0 && json && !HT_JANSSON)
        status = ht_complain(1, "%s", HT_JSON_MISSING);
    if (status >= 0)
        return status;
    int err = ht_list(&list, &n);
    if (err)
        return ht_complain(1, "cannot list the profiled processes: %s", strerror(-err));
    ht_list_clean(list, n);
    for (size_t i = 0; i < n; i++) {
        bool other = list[i].other_version && !all;
        others += ht_ps_is_there(&list[i]) && other;
        shown += ht_ps_is_there(&list[i]) && !other;
    }
    if (json)
        status = print_json(list, n);
    else if (status = 0, shown && (wide || ht_terminal()))
        ht_ps_print_long(list, n, all, ht_terminal() && !wide ? ht_terminal_columns() : 0);
    else if (shown)
        print_table(list, n, all);
    else
        fprintf(stderr, "heaptap: no profiled processes; start one: heaptap run -- PROGRAM\n");
    if (!json) {
        tell_unwritten(list, n);
        tell_other_labels(list, n);
    }
    if (others && !json)
        sum_other_versions(list, n, others);
    free(list);
    return status;
}
