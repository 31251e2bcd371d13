/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_STATE_SETTINGS_H
#define HEAPTAP_SRC_TARGET_STATE_SETTINGS_H

/* Reads the environment and what the process is, into ht_config and ht_process. A value that cannot
 * be used is said in one line and the default taken. */
void ht_settings_read(void);

#endif
