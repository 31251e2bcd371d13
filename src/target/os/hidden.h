/* SPDX-License-Identifier: MIT */
/* HT_HIDDEN, of a variable that the library has for itself: one instruction reads it, wherever it
 * is defined. -fvisibility says nothing of what is only declared. */
#ifndef HEAPTAP_SRC_TARGET_OS_HIDDEN_H
#define HEAPTAP_SRC_TARGET_OS_HIDDEN_H

#define HT_HIDDEN __attribute__((visibility("hidden")))

#endif
