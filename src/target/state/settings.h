/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_STATE_SETTINGS_H
#define HEAPTAP_SRC_TARGET_STATE_SETTINGS_H

/* Reads the environment and the identity of the process into ht_config and ht_process. For a
 * value that cannot be used it prints a line and takes the default. */
void ht_settings_read(void);

#endif
