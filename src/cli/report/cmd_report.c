/* SPDX-License-Identifier: MIT */
/* top, tree, peek, list, folded, dot, svg and png: load, then one report. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/report/load.h"
#include "cli/report/reports.h"
#include "cli/web/serving.h"
#include "cli/words.h"

static int unusable(const char *usage, const char *why)
{
    fprintf(stderr, "heaptap: %s (usage: heaptap %s)\n", why, usage);
    return 2;
}

/* -http=ADDR: pprof's way to ask for the web page. */
static int serve(struct ht_profile *p, const struct ht_report_args *a, size_t first)
{
    const struct ht_named_profile named = {a->sources[first], p};
    struct ht_serving s = {.listen = a->http};
    char msg[512] = "";
    int status = ht_load_narrow(p, &a->report, msg, sizeof(msg))
                     ? ht_complain(1, "%s", msg)
                     : ht_serving_profiles(&s, &named, 1, false);
    ht_serving_finish(&s);
    return status;
}

static int run(const struct ht_report_command *c, struct ht_report_args *a, size_t first)
{
    int err = 0;
    char msg[512] = "";
    a->compact = c->compact;
    struct ht_profile *p = ht_load_profile(a, first, &err, msg, sizeof(msg));
    if (!p) {
        return ht_complain(1, "%s", msg);
    }
    if (!a->http)
        ht_report_hint(p, a);
    if (!a->http)
        ht_report_for_terminal(c, a);
    int status = a->http ? serve(p, a, first) : ht_report_command_run(c, p, a);
    ht_profile_destroy(p);
    return status;
}

int ht_cmd_report(int argc, char **argv)
{
    const struct ht_report_command *c = ht_report_command_find(argv[0]);
    struct ht_report_args a;
    ht_report_args_init(&a);
    int status = ht_report_args_parse(&a, argc, argv, c->usage);
    if (status) {
        status = status < 0 ? 2 : 0;
    } else {
        size_t first = c->takes_regex ? 1 : 0;
        if (a.n_sources <= first) {
            status = unusable(c->usage, c->takes_regex && !a.n_sources
                                            ? "a regular expression and a profile are needed"
                                            : "name a profile");
        } else {
            if (c->takes_regex)
                a.report.symbol = a.sources[0];
            status = run(c, &a, first);
        }
    }
    ht_report_args_finish(&a);
    return status;
}
