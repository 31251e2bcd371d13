/* SPDX-License-Identifier: MIT */
/* heaptap recover: the profile of a process that died without writing one. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/save.h"
#include "cli/source/ages.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "snapshot/directory.h"
#include "snapshot/list.h"
#include "snapshot/region.h"

static const char usage[] =
    "usage: heaptap recover [OPTIONS] [PID, NAME or REGION] [-o FILE]\n\n"
    "Writes the profile of a dead process that did not write it, up to its last sample, prints "
    "its\n"
    "largest owners, and removes the region it left. Without an argument: of all processes that\n"
    "left one and have samples. NAME is the program's name, or newest:NAME where several have "
    "it.\n\n"
    "  -o, --output=FILE   the profile to write (default heaptap.NAME.PID.pb.gz, here; with a\n"
    "                      number when there is one)\n"
    "  --keep              leave the region where it is\n"
    "  --raw               addresses only, no names\n"
    "  --fast              names from symbol tables only\n"
    "  --demangle=MODE     default, templates, full or none\n" HT_AGES_HELP
    "  -q, --quiet         say nothing but errors\n\n"
    "Regions are kept for 7 days after a command first found their process dead, 1GB of them at "
    "most.\n";

/* The region is removed once the profile is written, so no existing file may be overwritten: it
 * may be another process's with the same pid (the first process of every container is 1), or an
 * older one. */
static const char *unused_name(const struct ht_region *r, char *out, size_t size)
{
    char name[128];
    ht_dump_default_name(r, name, sizeof name);
    snprintf(out, size, "%s", name);
    int stem = (int)(strlen(name) - strlen(".pb.gz"));
    for (unsigned n = 1; n && !access(out, F_OK); n++)
        snprintf(out, size, "%.*s.%u.pb.gz", stem, name, n);
    return out;
}

static int recover_one(const char *word, const struct ht_dump_options *o, const char *output,
                       bool keep)
{
    struct ht_region r;
    char msg[512], path[sizeof r.path], unused[160];
    if (ht_region_open_to_read(&r, word, msg, sizeof msg))
        return ht_complain(1, "%s", msg);
    if (r.alive) {
        pid_t pid = r.pid;
        ht_region_close(&r);
        return ht_complain(1, "process %d is alive: heaptap dump %d writes its profile", (int)pid,
                           (int)pid);
    }
    snprintf(path, sizeof path, "%s", r.path);
    if (!output && !keep)
        output = unused_name(&r, unused, sizeof unused);
    int err = ht_dump_save_region(&r, word, o, output, msg, sizeof msg);
    ht_region_close(&r);
    if (err)
        return ht_complain(1, "%s", msg);
    /* A region under another name is the user's own copy, and stays. */
    const char *base = strrchr(path, '/');
    struct ht_region_name name;
    if (!keep && ht_region_name_parse(base ? base + 1 : path, &name) &&
        (err = ht_list_remove(path)))
        ht_complain(0, "the region %s stays: %s", path,
                    err == -EBUSY   ? "a process has it mapped"
                    : err == -EPERM ? "it is another user's"
                                    : strerror(-err));
    return 0;
}

static int recover_all(const struct ht_dump_options *o, const char *output, bool keep)
{
    struct ht_listed *list;
    size_t n, done = 0;
    int status = 0, err = ht_list(&list, &n);
    if (err)
        return ht_complain(1, "cannot list the regions: %s", strerror(-err));
    ht_list_clean(list, n);
    for (size_t i = 0; i < n; i++) {
        const struct ht_listed *e = &list[i];
        if (e->alive || e->dumped || !*e->path || *e->damage)
            continue;
        if (!e->samples) { /* there is no sample in it */
            if (e->removable && !keep)
                ht_list_remove(e->path);
            continue;
        }
        if (output && done)
            status = ht_complain(1, "more than one process left a profile: name one with -o "
                                    "(heaptap ps lists them)");
        bool theirs = e->uid != geteuid(); /* root removes another user's only when it is named */
        if (status || (status = recover_one(e->path, o, output, keep || theirs)))
            break;
        if (theirs && !keep && !o->quiet)
            ht_complain(0, "the region %s stays: it is another user's", e->path);
        done++;
    }
    if (!status && !done && !o->quiet)
        fprintf(stderr, "heaptap: no process has left a profile that is not written yet\n");
    free(list);
    return status;
}

int ht_cmd_recover(int argc, char **argv)
{
    struct ht_dump_options o;
    const char *output = NULL;
    bool keep = false;
    struct ht_words rest = {0};
    struct ht_word_option options[HT_DUMP_OPTIONS_MAX];
    char msg[512], found[HT_DEAD_WORD];
    const char *word = NULL;
    ht_dump_options_init(&o, options, &output);
    o.owners = true;
    for (size_t i = 0;; i++)
        if (!options[i].name) {
            options[i] = (struct ht_word_option){"keep", .flag = &keep};
            options[i + 1] = (struct ht_word_option){NULL};
            break;
        }
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n > 1)
        status = ht_complain(2, "recover takes one PID, name or region, or none for all");
    if (status < 0 && ht_dump_options_check(&o, msg, sizeof msg))
        status = ht_complain(2, "%s", msg);
    if (status < 0 && rest.n && (word = rest.word[0], ht_dead_word(&word, found, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0)
        status = rest.n ? recover_one(word, &o, output, keep) : recover_all(&o, output, keep);
    ht_words_finish(&rest);
    return status;
}
