/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_EXPORT_H
#define HEAPTAP_SRC_TARGET_HOOKS_EXPORT_H

/* On a definition that the program is to see in place of, or besides, another library's. */
#define EXPORT __attribute__((visibility("default")))

#endif
