/* SPDX-License-Identifier: MIT */
/* top, tree, peek, list, folded, dot, svg and png: load, then one report. */
#include "config.h"

#include <stdio.h>
#include <string.h>

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

struct served_report {
    struct ht_report_args *a;
    size_t first;
};

static struct ht_profile *load_narrowed(void *ctx, size_t i)
{
    const struct served_report *page = ctx;
    char msg[512] = "";
    int err = 0;
    struct ht_profile *p = ht_load_profile(page->a, page->first, &err, msg, sizeof(msg));
    if (p && ht_load_narrow(p, &page->a->report, msg, sizeof(msg))) {
        ht_profile_destroy(p);
        p = NULL;
    }
    if (!p)
        ht_complain(1, "%s", *msg ? msg : strerror(-err));
    return p;
}

/* -http=ADDR: pprof's way to ask for the web page. */
static int serve(struct ht_report_args *a, size_t first)
{
    ht_load_take_binary(a, first); /* before the page has the source's name */
    struct served_report page = {a, first};
    const struct ht_serving_load l = {load_narrowed, &page, a->sources + first, 1, false};
    struct ht_serving s = {.listen = a->http, .keep_views = true};
    int status = ht_serving_read(&s, &l);
    ht_serving_finish(&s);
    return status;
}

static int run(const struct ht_report_command *c, struct ht_report_args *a, size_t first)
{
    int err = 0;
    char msg[512] = "";
    a->compact = c->compact;
    if (a->http)
        return serve(a, first);
    struct ht_profile *p = ht_load_profile(a, first, &err, msg, sizeof(msg));
    if (!p)
        return ht_complain(1, "%s", msg);
    ht_report_hint(p, a);
    ht_report_for_terminal(c, a);
    int status = ht_report_command_run(c, p, a);
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
