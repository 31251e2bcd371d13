/* SPDX-License-Identifier: MIT */
/* The table of heaptap ps that people read; the short one is for scripts. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_PS_TABLE_H
#define HEAPTAP_SRC_CLI_PROCESS_PS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot/list.h"

/* "alive", "stopped", "dead" (its profile is not written), "dumped" (dead, and written),
 * "unreadable", "sandboxed". */
const char *ht_ps_state(const struct ht_listed *e);

/* Seconds since its region was made; 0: not known. */
double ht_ps_age(const struct ht_listed *e);

/* As text: "-" for what is not known of it, as of a region that cannot be read. */
void ht_ps_age_text(const struct ht_listed *e, char *out, size_t size);
void ht_ps_rate_text(const struct ht_listed *e, char *out, size_t size);
void ht_ps_inuse_text(const struct ht_listed *e, char *out, size_t size);
void ht_ps_samples_text(const struct ht_listed *e, char *out, size_t size);

/* Where its profile is, or will be, or what is wrong with its region. May be out, of HT_PS_PATH
 * bytes. */
enum { HT_PS_PATH = 1100 };
const char *ht_ps_goes_to(const struct ht_listed *e, char *out, size_t size);

/* False for a process that has ended and left no region. */
bool ht_ps_is_there(const struct ht_listed *e);

/* The name of a user, or the number. Returns out. */
const char *ht_ps_user(uid_t uid, char *out, size_t size);

/* The long table on standard output: living processes, a line, the dead ones. all: those of other
 * versions too. columns: of the terminal: columns for which it has no room are left out, and rows
 * are cut; 0: nothing is. */
void ht_ps_print_long(const struct ht_listed *list, size_t n, bool all, int columns);

#endif
