/* SPDX-License-Identifier: MIT */
/* How a function of the library is exported. */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_EXPORT_H
#define HEAPTAP_SRC_TARGET_HOOKS_EXPORT_H

/* Marks a definition that the program sees in place of another library's. */
#define EXPORT __attribute__((visibility("default")))

#endif
