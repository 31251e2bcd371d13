/* SPDX-License-Identifier: MIT */
/* svg and png: graphviz lays dot's output out. */
#include "config.h"

#include "report/graphviz.h"

#include <errno.h>

#include "report/report.h"
#include "util/beside.h"

static int fail(const struct ht_report_options *o, int err, const char *line)
{
    if (o->msg && o->msg_size)
        snprintf(o->msg, o->msg_size, "%s", line);
    return err;
}

int ht_graphviz_run(FILE *graph, FILE *out, const char *format, unsigned seconds)
{
    char option[16], dot[] = "dot", *argv[] = {dot, option, NULL};
    snprintf(option, sizeof(option), "-T%s", format);
    return ht_run_beside(argv, graph, out, seconds);
}

int ht_report_graphviz(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                       const char *format)
{
    if (o->json)
        return ht_report_dot(out, p, o);
    FILE *graph = tmpfile();
    if (!graph)
        return fail(o, -errno, "cannot make a temporary file (is $TMPDIR writable?)");
    int err = ht_report_dot(graph, p, o);
    if (!err) {
        err = ht_graphviz_run(graph, out, format, 0);
        if (err == -ENOENT)
            fail(o, err,
                 "graphviz is not installed: no program 'dot' (apt-get install graphviz, or "
                 "use the dot, folded or flame report)");
        else if (err && !ferror(out)) /* a full disk is no failure of dot's */
            fail(o, err, "graphviz's dot failed on the graph");
    }
    fclose(graph);
    return err;
}
