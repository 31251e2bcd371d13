/* SPDX-License-Identifier: MIT */
/* heaptap flame: the flame graph as one HTML file. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/report/load.h"
#include "cli/words.h"
#include "profile/profile.h"
#include "serve/flame.h"
#include "serve/outfile.h"

static const char usage[] = "flame [OPTIONS] SOURCE [-o FILE.html]";

/* The profile a report of these options would see. NULL after a complaint. */
static struct ht_profile *load(struct ht_report_args *a)
{
    char msg[512] = "";
    int err = 0;
    struct ht_profile *p = ht_load_profile(a, 0, &err, msg, sizeof msg);
    if (p && !ht_load_narrow(p, &a->report, msg, sizeof msg))
        return p;
    ht_complain(1, "%s", msg);
    ht_profile_destroy(p);
    return NULL;
}

static int write_flame(struct ht_report_args *a)
{
    const char *output = a->output ? a->output : "flame.html", *slash = strrchr(a->sources[0], '/'),
               *title = slash && slash[1] ? slash + 1 : a->sources[0];
    size_t n_bases = a->n_bases, n_sources = a->n_sources;
    const char **sources = a->sources;
    struct ht_profile *p, *before = NULL;
    struct ht_outfile out;
    int err;

    /* The base is passed on: the page subtracts in the browser, because it shows both sides. */
    a->n_bases = 0;
    p = load(a);
    if (p && n_bases) {
        a->sources = a->bases;
        a->n_sources = n_bases;
        before = load(a);
        a->sources = sources;
        a->n_sources = n_sources;
    }
    a->n_bases = n_bases;
    if (!p || (n_bases && !before)) {
        ht_profile_destroy(p);
        return 1;
    }
    err = ht_outfile_open(&out, output);
    if (!err)
        err = ht_outfile_close(
            &out, ht_flame_write(out.f, p, before, title, a->report.confidence, a->full));
    ht_profile_destroy(before);
    ht_profile_destroy(p);
    if (err)
        return ht_complain(1, "cannot write %s: %s", output, strerror(-err));
    if (strcmp(output, "-") != 0)
        fprintf(stderr, "heaptap: wrote %s\n", output);
    return 0;
}

int ht_cmd_flame(int argc, char **argv)
{
    struct ht_report_args a;
    ht_report_args_init(&a);
    int status = ht_report_args_parse(&a, argc, argv, usage);
    if (status)
        status = status < 0 ? 2 : 0;
    else if (!a.n_sources)
        status = ht_complain(2, "name a profile (usage: heaptap %s)", usage);
    else
        status = write_flame(&a);
    ht_report_args_finish(&a);
    return status;
}
