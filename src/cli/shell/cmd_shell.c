/* SPDX-License-Identifier: MIT */
/* heaptap shell: loads once, then answers line after line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/report/load.h"
#include "cli/report/reports.h"
#include "cli/shell/shell.h"
#include "cli/words.h"
#include "report/report.h"

static const char usage[] = "shell [OPTIONS] SOURCE...";

static void greet(const struct ht_shell *s)
{
    struct ht_profile *p = ht_profile_copy(s->profile);
    if (p)
        ht_report_heading(stdout, p, &s->args.report);
    ht_profile_destroy(p);
    fflush(stdout);
    ht_report_hint(s->profile, &s->args);
    puts("Type help for the words, o for the options, quit to leave.");
}

static int converse(struct ht_shell *s)
{
    char *line;
    bool more = true;
    ht_shell_input_start(s);
    if (isatty(STDIN_FILENO))
        greet(s);
    while (more && (line = ht_shell_input())) {
        more = ht_shell_line(s, line);
        fflush(stdout);
        free(line);
    }
    ht_shell_input_stop();
    /* For a script the exit status tells of a failure. */
    return s->failed && !isatty(STDIN_FILENO) ? 1 : 0;
}

int ht_cmd_shell(int argc, char **argv)
{
    struct ht_shell s = {0};
    char msg[512] = "";
    int err = 0;
    ht_report_args_init(&s.args);
    s.args.compact = true; /* for traces and raw; no other report shows the difference */
    int status = ht_report_args_parse(&s.args, argc, argv, usage);
    if (status) {
        status = status < 0 ? 2 : 0;
    } else if (!s.args.n_sources) {
        status = ht_complain(2, "name a profile (usage: heaptap %s)", usage);
    } else if (!(s.profile = ht_load_profile(&s.args, 0, &err, msg, sizeof(msg)))) {
        status = ht_complain(1, "%s", msg);
    } else {
        s.args.report.compact_labels = true;
        status = converse(&s);
    }
    for (size_t i = 0; i < s.n_strings; i++)
        free(s.strings[i]);
    free(s.strings);
    ht_profile_destroy(s.profile);
    ht_report_args_finish(&s.args);
    return status;
}
