/* SPDX-License-Identifier: MIT */
/*
 * From a region to a profile file. Without names the region is streamed as the library would have
 * done; with names its samples are, and the rest goes through the profile model. The file is
 * written under a temporary name and then renamed.
 */
#include "config.h"

#include "cli/process/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/process/owners_table.h"
#include "cli/source/ages.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "symbolize/symbolize.h"
#include "util/utf8.h"

void ht_dump_options_init(struct ht_dump_options *o, struct ht_word_option *words,
                          const char **output)
{
    *o = (struct ht_dump_options){0};
    const struct ht_word_option all[] = {
        {"output", 'o', .value = output},
        {"raw", .flag = &o->raw},
        {"fast", .flag = &o->fast},
        {"demangle", .value = &o->demangle},
        {"min-age", .value = &o->min_age},
        {"max-age", .value = &o->max_age},
        {"ages", .flag = &o->label_ages},
        {"quiet", 'q', .flag = &o->quiet},
        {NULL},
    };
    _Static_assert(sizeof all / sizeof *all <= HT_DUMP_OPTIONS_MAX, "room");
    memcpy(words, all, sizeof all);
}

int ht_dump_options_check(struct ht_dump_options *o, char *msg, size_t msg_size)
{
    enum ht_demangle mode;
    if (o->demangle && ht_demangle_parse(o->demangle, &mode)) {
        snprintf(msg, msg_size, "--demangle=%s: use default, templates, full or none", o->demangle);
        return -EINVAL;
    }
    return ht_ages_parse(&o->ages, o->min_age, o->max_age, o->label_ages, msg, msg_size);
}

void ht_dump_default_name(const struct ht_region *r, char *out, size_t size)
{
    char name[64];
    size_t n = 0;
    /* A region may be hostile, so a file name takes only plain characters of its texts. */
    snprintf(name, sizeof name, "%s", r->view.header->name);
    ht_plain_text(name, false);
    for (; name[n]; n++)
        if (strchr("/ ?", name[n]))
            name[n] = '_';
    snprintf(out, size, "heaptap.%s.%u.pb.gz", *name ? name : "process", r->view.header->pid);
}

/* Without names: streamed from the region. Returns the samples written or -errno. */
static int64_t write_raw(const struct ht_region *r, const struct ht_dump_options *o,
                         const char *path)
{
    void *data;
    size_t size;
    int64_t n = ht_region_raw(r, &o->ages, &data, &size);
    if (n < 0)
        return n;
    int err = ht_file_replace(path, data, size);
    free(data);
    return err ? err : n;
}

static struct ht_symbolize_options names_of(const struct ht_dump_options *o)
{
    struct ht_symbolize_options symbolize = {.lines_and_inlines = !o->fast};
    if (o->demangle)
        ht_demangle_parse(o->demangle, &symbolize.demangle);
    if (isatty(STDERR_FILENO) && !o->quiet)
        symbolize.progress = stderr;
    return symbolize;
}

/* Samples go by, and are in memory for no longer. */
static int64_t write_named(const struct ht_region *r, const char *word,
                           const struct ht_dump_options *o, const char *path, char *msg,
                           size_t msg_size, char *note, size_t note_size)
{
    const struct ht_symbolize_options symbolize = names_of(o);
    void *data;
    size_t size;
    int64_t n = ht_region_named(r, word, &o->ages, &symbolize, &data, &size, msg, msg_size, note,
                                note_size);
    if (n < 0)
        return n;
    int err = ht_file_replace(path, data, size);
    free(data);
    return err ? err : n;
}

/* *kept gets the profile, or NULL. */
static int64_t write_kept(const struct ht_region *r, const char *word,
                          const struct ht_dump_options *o, const char *path, char *msg,
                          size_t msg_size, char *note, size_t note_size, struct ht_profile **kept)
{
    int err;
    const struct ht_symbolize_options symbolize = names_of(o);
    struct ht_profile *p =
        ht_region_names(r, word, &o->ages, &symbolize, &err, msg, msg_size, note, note_size);
    if (!p)
        return err;
    int64_t n = (int64_t)p->n_samples;
    err = ht_profile_write_file(p, path);
    if (!err)
        *kept = p;
    else
        ht_profile_destroy(p);
    return err ? err : n;
}

/* Takes p. */
static void print_owners(struct ht_profile *p)
{
    char msg[256];
    if (ht_profile_remove_uninteresting(p, msg, sizeof msg))
        ht_profile_destroy(p);
    else
        ht_owners_table_print(p, ht_owners_table_type(p, false), "");
}

int ht_dump_save_region(const struct ht_region *r, const char *word,
                        const struct ht_dump_options *o, const char *output, char *msg,
                        size_t msg_size)
{
    char name[128], note[512];
    if (!output)
        ht_dump_default_name(r, name, sizeof name);
    const char *path = output ? output : name;
    struct ht_profile *kept = NULL;
    int64_t n;
    *msg = 0;
    if (o->raw) {
        ht_region_note(r, word, note, sizeof note);
        n = write_raw(r, o, path);
    } else if (o->owners && !o->quiet) {
        n = write_kept(r, word, o, path, msg, msg_size, note, sizeof note, &kept);
    } else {
        n = write_named(r, word, o, path, msg, msg_size, note, sizeof note);
    }
    if (n < 0) {
        if (!*msg)
            snprintf(msg, msg_size, "cannot write %s: %s", path, strerror((int)-n));
        return (int)n;
    }
    if (*note && !o->quiet)
        ht_complain(0, "%s", note);
    if (!o->quiet && (!output || strcmp(output, "-")))
        fprintf(stderr, "heaptap: wrote %s (%lld site%s)\n", path, (long long)n, n == 1 ? "" : "s");
    if (!n && r->alive && !o->quiet)
        fprintf(stderr, "heaptap: heaptap doctor %d says why\n", (int)r->pid);
    if (kept && n)
        print_owners(kept);
    else
        ht_profile_destroy(kept);
    return 0;
}

int ht_dump_save(const char *word, const struct ht_dump_options *o, const char *output, char *msg,
                 size_t msg_size)
{
    struct ht_region r;
    int err = ht_region_open_to_read(&r, word, msg, msg_size);
    if (err)
        return err;
    err = ht_dump_save_region(&r, word, o, output, msg, msg_size);
    ht_region_close(&r);
    return err;
}
