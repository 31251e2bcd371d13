/* SPDX-License-Identifier: MIT */
/* One table of reports, for the commands and for the shell. */
#include "config.h"

#include "cli/report/reports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal/pager.h"
#include "cli/terminal/terminal.h"
#include "cli/words.h"
#include "serve/outfile.h"

static int top(FILE *out, struct ht_profile *p, const struct ht_report_args *a)
{
    return a->sizes ? ht_report_sizes(out, p, &a->report) : ht_report_top(out, p, &a->report);
}

#define PLAIN(name)                                                                                \
    static int name(FILE *out, struct ht_profile *p, const struct ht_report_args *a)               \
    {                                                                                              \
        return ht_report_##name(out, p, &a->report);                                               \
    }

PLAIN(owners)
PLAIN(tree)
PLAIN(peek)
PLAIN(list)
PLAIN(dot)
PLAIN(folded)
PLAIN(traces)
PLAIN(raw)
PLAIN(tags)

static int svg(FILE *out, struct ht_profile *p, const struct ht_report_args *a)
{
    return ht_report_graphviz(out, p, &a->report, "svg");
}

static int png(FILE *out, struct ht_profile *p, const struct ht_report_args *a)
{
    return ht_report_graphviz(out, p, &a->report, "png");
}

static const struct ht_report_command commands[] = {
    {"top", top, false, false, "top [OPTIONS] SOURCE...", false, true},
    {"owners", owners, false, false, "owners [OPTIONS] SOURCE...", false, true},
    {"tree", tree, false, false, "tree [OPTIONS] SOURCE...", false, true},
    {"peek", peek, true, false, "peek [OPTIONS] RE SOURCE...", false, true},
    {"list", list, true, false, "list [OPTIONS] RE SOURCE...", false, true},
    {"traces", traces, false, false, "traces [OPTIONS] SOURCE...", true, true},
    {"raw", raw, false, false, "raw [OPTIONS] SOURCE...", true, true},
    {"tags", tags, false, false, "tags [OPTIONS] SOURCE...", false, true},
    {"folded", folded, false, false, "folded [OPTIONS] SOURCE...", false, true},
    {"dot", dot, false, false, "dot [OPTIONS] SOURCE...", false, false},
    {"svg", svg, false, false, "svg [OPTIONS] SOURCE... [-o FILE]", false, false},
    {"png", png, false, true, "png [OPTIONS] SOURCE... -o FILE", false, false},
};

const struct ht_report_command *ht_report_command_at(unsigned i)
{
    return i < sizeof(commands) / sizeof(commands[0]) ? &commands[i] : NULL;
}

const struct ht_report_command *ht_report_command_find(const char *name)
{
    const struct ht_report_command *c;
    if (!strcmp(name, "text"))
        name = "top";
    for (unsigned i = 0; (c = ht_report_command_at(i)); i++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

void ht_report_hint(const struct ht_profile *p, const struct ht_report_args *a)
{
    char msg[64];
    int shown = ht_profile_sample_index(p, a->report.sample_index, msg, sizeof(msg));
    int best = -1;
    if (shown < 0 || a->n_bases)
        return;
    for (size_t i = 0; i < p->n_samples; i++) {
        const int64_t *values = p->samples[i].values;
        if (values[shown])
            return;
        for (size_t t = 0; t < p->n_sample_types; t++)
            if (values[t] &&
                (best < 0 || !strcmp(p->sample_types[t].unit, p->sample_types[shown].unit)))
                best = (int)t;
    }
    if (best >= 0)
        ht_complain(0, "every value of %s is 0; -i %s has others", p->sample_types[shown].type,
                    p->sample_types[best].type);
}

/* Past the stream of the report, which lets no control characters of names through. */
static void dim(FILE *out, bool on)
{
    fflush(out);
    fputs(on ? "\033[2m" : "\033[22m", stdout);
}

void ht_report_for_terminal(const struct ht_report_command *c, struct ht_report_args *a)
{
    struct ht_report_options *o = &a->report;
    if (!ht_terminal() || a->output || c->binary)
        return;
    if (c->words && !o->json) {
        if (!o->unit || !*o->unit || !strcmp(o->unit, "minimum"))
            o->unit = "auto";
        o->one_line = true;
        if (ht_terminal_colour())
            o->dim = dim;
    }
    ht_pager_start();
}

int ht_report_command_run(const struct ht_report_command *c, struct ht_profile *p,
                          const struct ht_report_args *a)
{
    struct ht_outfile o;
    bool to_stdout = !a->output || !*a->output || !strcmp(a->output, "-");
    if (c->binary && !a->report.json && to_stdout && isatty(STDOUT_FILENO)) {
        fprintf(stderr, "heaptap: %s: not to a terminal; name a file with -o FILE\n", c->name);
        return 1;
    }
    const char *path = to_stdout ? "-" : a->output;
    int err = to_stdout && c->words && !a->report.json ? ht_outfile_open_plain(&o)
                                                       : ht_outfile_open(&o, path);
    if (err) {
        fprintf(stderr, "heaptap: cannot write %s: %s\n", path, strerror(-err));
        return 1;
    }
    int report_err = c->run(o.f, p, a);
    const char *msg = a->report.msg;
    bool unwritten = report_err && ferror(o.f) && !(msg && *msg);
    err = ht_outfile_close(&o, report_err);
    if (report_err && !unwritten) {
        return ht_complain(report_err == -EINVAL ? 2 : 1, "%s: %s", c->name,
                           msg && *msg ? msg : strerror(-report_err));
    }
    if (err && err != -EPIPE) {
        fprintf(stderr, "heaptap: cannot write %s: %s\n", to_stdout ? "standard output" : path,
                strerror(-err));
        return 1;
    }
    return 0;
}
