/* SPDX-License-Identifier: MIT */
/* diff: what changed between profiles, and what of it is more than chance. */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/report/load.h"
#include "cli/report/reports.h"
#include "cli/words.h"

static const char usage[] = "diff [OPTIONS] [PROGRAM] OLD NEW\n"
                            "       heaptap diff [OPTIONS] --base=OLD [--base=OLD...] NEW...";

static int diff(FILE *out, struct ht_profile *p, const struct ht_report_args *a)
{
    return ht_report_diff(out, p, &a->report, a->compared);
}

static const struct ht_report_command command = {"diff", diff, false, false, usage, false, true};

/* For profiles that do not record how they were sampled: the plain difference, largest growth
 * first. */
static int plain(struct ht_report_args *a, size_t first)
{
    int err = 0;
    char msg[512] = "";
    a->report.growth = true;
    struct ht_profile *p = ht_load_profile(a, first, &err, msg, sizeof(msg));
    if (!p)
        return ht_complain(1, "%s", msg);
    ht_report_for_terminal(&command, a);
    int status = ht_report_command_run(ht_report_command_find("top"), p, a);
    ht_profile_destroy(p);
    return status;
}

static int run(struct ht_report_args *a, size_t first)
{
    struct ht_compared c;
    int err = 0;
    char msg[512] = "";
    struct ht_profile *p = ht_load_compared(a, first, &c, &err, msg, sizeof(msg));
    if (!p && err == -ENODATA) {
        ht_complain(0, "no verdicts: %s", msg);
        return plain(a, first);
    }
    if (!p)
        return ht_complain(1, "%s", msg);
    a->compared = &c;
    ht_report_for_terminal(&command, a);
    int status = ht_report_command_run(&command, p, a);
    ht_profile_destroy(p);
    return status;
}

int ht_cmd_diff(int argc, char **argv)
{
    struct ht_report_args a;
    char msg[64];
    ht_report_args_init(&a);
    int status = ht_report_args_parse(&a, argc, argv, usage);
    bool bases = a.n_bases > 0;
    if (!status && !bases && a.n_sources == 3)
        ht_load_take_binary(&a, 0);
    if (status)
        status = status < 0 ? 2 : 0;
    else if (bases ? !a.n_sources : a.n_sources != 2)
        status =
            ht_complain(2, "two profiles are compared (usage: heaptap diff [OPTIONS] OLD NEW)");
    else if (!bases && ht_report_args_set(&a, "base", a.sources[0], msg, sizeof(msg)))
        status = ht_complain(1, "out of memory");
    else
        status = run(&a, bases ? 0 : 1);
    ht_report_args_finish(&a);
    return status;
}
