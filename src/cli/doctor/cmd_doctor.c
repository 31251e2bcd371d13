/* SPDX-License-Identifier: MIT */
/* heaptap doctor: can this be profiled here, and if there is no profile, why. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/doctor/doctor.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "snapshot/region.h"
#include "util/jansson.h"

static const char usage[] = "usage: heaptap doctor [--json] [PID | NAME | -- PROGRAM [ARG]...]\n\n"
                            "Says whether a process, a program that would be started from here, or "
                            "without an argument any\n"
                            "program on this machine can be profiled, and what stands in the way: "
                            "a line for each check, with\n"
                            "the reason and what to do. Exit status: 0 it can, 1 it cannot, 2 the "
                            "arguments cannot be used.\n\n" HT_PROCESS_HELP "\n"
                            "  --json   one JSON object (docs/json.md)\n";

static void name_subject(struct ht_doctor *d)
{
    if (d->pid)
        snprintf(d->subject, sizeof d->subject, "process %d", (int)d->pid);
    else if (d->argv)
        snprintf(d->subject, sizeof d->subject, "%s", d->argv[0]);
    else
        snprintf(d->subject, sizeof d->subject, "this machine: a program");
}

static int say_one(const struct ht_finding *f)
{
    return ht_complain(1, "%s%s%s%s%s", f->what, *f->why ? ", " : "", f->why,
                       *f->remedy ? "; " : "", f->remedy);
}

static int diagnose(struct ht_doctor *d, bool json)
{
    const struct ht_check *c = d->pid    ? ht_process_checks
                               : d->argv ? ht_program_checks
                                         : ht_machine_checks;
    name_subject(d);
    if (!d->pid && ht_subject_open(d))
        return ht_complain(1, "cannot open the root directory");
    for (; c->name && !d->stop; c++) {
        d->findings.check = c->name;
        c->run(d);
    }
    int status = ht_has_obstacle(&d->findings), failed = 0;
    if (json)
        failed = ht_findings_print_json(&d->findings, d->subject);
    else if (d->stop)
        say_one(&d->findings.at[d->findings.n - 1]);
    else
        ht_findings_print(&d->findings, d->subject);
    return failed ? 1 : status;
}

/* Words before "--" are doctor's, words after it the program's. */
static int split(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--"))
            return i;
    return argc;
}

/* -1, or the exit status after a line. */
static int find_process(struct ht_doctor *d, const char *word)
{
    char buf[HT_PROCESS_WORD], msg[512];
    const char *found = word;
    int err = ht_process_word(&found, buf, true, false, msg, sizeof msg);
    if (err && err != -ENOENT)
        return ht_complain(2, "%s", msg);
    if (err || !ht_region_is_pid(found, &d->pid))
        return ht_complain(2,
                           "%s is no PID and no process's name (heaptap doctor -- %s asks about a "
                           "program)",
                           word, word);
    return -1;
}

int ht_cmd_doctor(int argc, char **argv)
{
    bool json = false;
    const struct ht_word_option options[] = {{"json", .flag = &json}, {NULL}};
    struct ht_words rest = {0};
    int own = split(argc, argv);
    struct ht_doctor *d = calloc(1, sizeof *d);
    if (!d)
        return ht_complain(1, "out of memory");
    d->root = -1;
    if (own < argc)
        d->argv = argv + own + 1;
    int status = ht_words_read(own, argv, options, usage, &rest);
    if (status < 0 && (rest.n > 1 || (rest.n && d->argv)))
        status =
            ht_complain(2, "doctor takes one PID, or -- and a program (heaptap doctor --help)");
    else if (status < 0 && d->argv && !d->argv[0])
        status = ht_complain(2, "doctor -- needs a program");
    else if (status < 0 && rest.n)
        status = find_process(d, rest.word[0]);
    if (status < 0 && json && !HT_JANSSON)
        status = ht_complain(1, "%s", HT_JSON_MISSING);
    if (status < 0)
        status = diagnose(d, json);
    ht_words_finish(&rest);
    ht_subject_close(d);
    free(d);
    return status;
}
