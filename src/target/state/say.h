/* SPDX-License-Identifier: MIT */
/* One line for people on standard error. Any thread; signal-safe; takes no lock. */
#ifndef HEAPTAP_SRC_TARGET_STATE_SAY_H
#define HEAPTAP_SRC_TARGET_STATE_SAY_H

/* Remembers which file descriptor 2 is; once at start. Before it nothing is said. */
void ht_say_start(void);

/* One line on standard error, unless descriptor 2 is no longer the one the process started with. */
void ht_say(const char *a, const char *b, const char *c);

#endif
