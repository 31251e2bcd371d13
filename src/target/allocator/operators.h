/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_ALLOCATOR_OPERATORS_H
#define HEAPTAP_SRC_TARGET_ALLOCATOR_OPERATORS_H

/*
 * Fills in operators that no library in the global scope has. A C program that
 * loads a C++ plugin has none: its libstdc++ is private to the plugin, while the plugin's calls
 * find ours. Called once while looking up.
 */
void ht_build_operators(void);

#endif
