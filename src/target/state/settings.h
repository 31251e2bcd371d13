/* SPDX-License-Identifier: MIT */
/* The settings that the environment has for this process. */
#ifndef HEAPTAP_SRC_TARGET_STATE_SETTINGS_H
#define HEAPTAP_SRC_TARGET_STATE_SETTINGS_H

/* Reads the environment into ht_config, and into ht_process what the process may change later. For
 * a value that cannot be used it prints a line and takes the default. */
void ht_settings_read(char *const *argv);

/* The rest of ht_process, from /proc. Before a region is made; by one thread at a time. */
void ht_settings_name_process(void);

#endif
