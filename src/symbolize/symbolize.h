/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses: fills the Function and Line of a profile's Locations from the binaries,
 * their separate debug files and JIT maps found on this machine.
 */
#ifndef HEAPTAP_SRC_SYMBOLIZE_SYMBOLIZE_H
#define HEAPTAP_SRC_SYMBOLIZE_SYMBOLIZE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct ht_profile;

/* How much of a C++, Rust or D name is shown. */
enum ht_demangle {
    HT_DEMANGLE_DEFAULT,   /* neither parameters nor template arguments: "ns::vec::push" */
    HT_DEMANGLE_TEMPLATES, /* template arguments kept, parameters dropped */
    HT_DEMANGLE_FULL,      /* all of it */
    HT_DEMANGLE_NONE,      /* the name of the symbol table */
};

struct ht_symbolize_options {
    enum ht_demangle demangle;
    bool lines_and_inlines; /* read DWARF too; else only symbol tables */
    bool no_cache;          /* neither read nor write the cache */
    bool force;             /* name also the mappings that have names already */
    pid_t pid;              /* the process the profile is of, 0 when unknown or gone */
    const char *root;       /* recorded paths are under it; NULL or "" for "/" */
    FILE *progress;         /* a progress line goes here when work takes long; NULL for none */
    const volatile sig_atomic_t
        *stop; /* set by a signal handler: not 0 ends the work soon; may be NULL */
};

/* demangle.c: reads "full", "templates", "default" or "none". 0 or -EINVAL. */
int ht_demangle_parse(const char *word, enum ht_demangle *mode);

/*
 * Names the Locations of every mapping that has no names yet, and sets its has_* flags.
 * What cannot be found keeps its address: that is no failure. msg gets one line (or "") saying
 * which binaries could not be used and why, the most important first. Returns 0, -ENOMEM, or -EINTR
 * after *stop: some Locations have names then and others have not.
 * o may be NULL: demangled by default, with lines and inlines.
 */
int ht_symbolize(struct ht_profile *p, const struct ht_symbolize_options *o, char *msg,
                 size_t msg_size);

/* demangle.c: demangles one name as the mode says. A new string to free; NULL only when out of
 * memory. */
char *ht_demangle(const char *name, enum ht_demangle mode);

#endif
