/* SPDX-License-Identifier: MIT */
/* Checks of a process's region: is there one, of which layout, and what is in it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/doctor/doctor.h"
#include "cli/process/figures.h"
#include "region/view.h"

/* The library is there and made no region. */
static void explain_none(struct ht_doctor *d)
{
    struct ht_finding *f;
    rlim_t as = ht_subject_limit(d, RLIMIT_AS);
    if (!strcmp(ht_subject_variable(d, "HEAPTAP_CHILDREN"), "0")) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "it is a child and HEAPTAP_CHILDREN=0");
        ht_why(f, "which profiles the program that was started, alone");
        ht_remedy(f, "start it without --no-children");
    } else if (d->parents_region) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE,
                     "none yet: it is a fork's child without a sample");
        ht_why(f, "it makes its region at its first sample");
        ht_remedy(f, "wait, or start its parent with a smaller --rate");
    } else if (as != RLIM_INFINITY) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "none: the library found no memory for it");
        ht_why(f, "its address space is limited to %llu kB (ulimit -v)",
               (unsigned long long)as / 1024);
        ht_remedy(f, "start it with a larger limit");
    } else {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "none yet");
        ht_why(
            f,
            "a fork's child makes it at its first sample; else the library said at start why not");
        ht_remedy(f, "wait, and look at what the program wrote on standard error");
    }
}

static void say_private(struct ht_doctor *d)
{
    const struct ht_region_header *h = d->region.view.header;
    char size[24];
    rlim_t file = ht_subject_limit(d, RLIMIT_FSIZE);
    struct ht_finding *f =
        ht_found(&d->findings, HT_LEVEL_NOTE, "%s is in the process's own memory",
                 atomic_load(&h->private_from) > HT_HEADER_SIZE ? "its later part" : "it");
    ht_figure_bytes((double)file, size, sizeof size);
    if (d->secure)
        ht_why(f, "for the process has more rights than who started it; only root reads it, and it "
                  "goes with the process");
    else if (d->status.seccomp && atomic_load(&h->private_from) > HT_HEADER_SIZE)
        ht_why(f, "for it entered a sandbox, where no file may grow, and goes with the process");
    else if (file != RLIM_INFINITY && file < h->size)
        ht_why(f, "for its files may have %s at most (ulimit -f), and goes with the process", size);
    else
        ht_why(f, "for there was no room or no right for a file (see shared memory), and goes with "
                  "the process");
    ht_remedy(f, "heaptap dump %d while it runs", (int)d->pid);
}

void ht_check_region(struct ht_doctor *d)
{
    char msg[600];
    struct ht_finding *f;
    if (!*d->library && !d->has_region)
        return;
    int err = d->has_region ? 0 : ht_region_open_pid(&d->region, d->pid, msg, sizeof msg);
    if (err) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s", msg);
        if (err == -EPROTO)
            ht_why(f, "its library is of another version than this command (layout %u)",
                   HT_LAYOUT_VERSION);
        else
            ht_why(f, "so nothing can be read from outside");
        if (err == -EPROTO && *d->library)
            ht_remedy(f, "use the heaptap that belongs to %s", d->library);
        else
            ht_remedy(f, "as root: heaptap doctor %d", (int)d->pid);
        return;
    }
    d->has_region = true;
    if (d->region.fresh)
        explain_none(d);
    else if (atomic_load(&d->region.view.header->private_from))
        say_private(d);
    else
        ht_found(&d->findings, HT_LEVEL_OK, "%s, layout %u", d->region.path,
                 d->region.view.header->version);
}

static double age_of(const struct ht_region_header *h)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age = (double)now.tv_sec - (double)h->start_wall_ns / 1e9;
    return age > 0 && h->start_wall_ns ? age : 0;
}

/*
 * No sample yet. At a rate of R bytes, a process that has allocated B bytes has no sample with
 * probability exp(-B/R); for B = 3 R that is one in twenty.
 */
static void say_none(struct ht_doctor *d, uint64_t rate)
{
    char every[24], at_most[24], age[24], held[24];
    ht_figure_bytes((double)rate, every, sizeof every);
    ht_figure_bytes(3 * (double)rate, at_most, sizeof at_most);
    ht_figure_age(age_of(d->region.view.header), age, sizeof age);
    ht_figure_bytes((double)d->status.anonymous, held, sizeof held);
    struct ht_finding *f;
    if (rate == 1)
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "none in %s, at every allocation", age);
    else
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "none in %s, at one every %s", age, every);
    if (rate == 1)
        ht_why(f, "it has allocated nothing through malloc; it has %s of memory in all", held);
    else
        ht_why(f,
               "with 95 %% confidence it has allocated less than %s through malloc; it has %s of "
               "memory in all",
               at_most, held);
    if (rate > 1)
        ht_remedy(f, "start it with --rate=%s", rate > 4096 ? "4k or --exact" : "1");
    else
        ht_remedy(f, "see allocator");
}

static void say_losses(struct ht_doctor *d)
{
    static const char *const why[HT_LOSS_COUNT] = {
        "its tables could not grow", "signal handlers allocated inside malloc",
        "a table was busy for too long", "blocks were freed past heaptap",
        "frees could not be taken down"};
    const struct ht_region_header *h = d->region.view.header;
    for (int i = 0; i < HT_LOSS_COUNT; i++) {
        uint64_t n = atomic_load(&h->losses[i]);
        if (!n)
            continue;
        struct ht_finding *f =
            ht_found(&d->findings, HT_LEVEL_NOTE, "%llu lost", (unsigned long long)n);
        ht_why(f, "for %s", why[i]);
        ht_remedy(f, "%s",
                  i == HT_LOSS_FULL ? "see limits, or a larger --rate"
                                    : "the profile's comments count them");
    }
    uint64_t other = atomic_load(&h->labels_other);
    if (other) {
        struct ht_finding *f =
            ht_found(&d->findings, HT_LEVEL_NOTE, "%llu have \"other\" for labels",
                     (unsigned long long)other);
        ht_why(f, "a region has room for %u sets of labels", HT_LABEL_SETS - 1);
        ht_remedy(f, "ask for keys with fewer values: --labels");
    }
}

void ht_check_samples(struct ht_doctor *d)
{
    if (!d->has_region || d->region.fresh)
        return;
    const struct ht_region_header *h = d->region.view.header;
    uint64_t n = ht_region_samples(&d->region.view), rate = atomic_load(&h->rate);
    char every[24];
    struct ht_finding *f;
    ht_figure_bytes((double)rate, every, sizeof every);
    bool dormant = !n && !strcmp(ht_subject_variable(d, "HEAPTAP_START"), "0");
    if (!rate || dormant) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "sampling is off (%llu so far)",
                     (unsigned long long)n);
        ht_why(f, "--start=off or HEAPTAP_START=0, or the program called heaptap_stop()");
        ht_remedy(f, "the program starts it by heaptap_start()");
    } else if (!n) {
        say_none(d, rate);
    } else if (rate == 1) {
        ht_found(&d->findings, HT_LEVEL_OK, "%llu, every allocation", (unsigned long long)n);
    } else {
        ht_found(&d->findings, HT_LEVEL_OK, "%llu, one every %s", (unsigned long long)n, every);
    }
    say_losses(d);
}
