/* SPDX-License-Identifier: MIT */
/* Operators new and delete for programs without libstdc++ in the global scope. */
#ifndef HEAPTAP_SRC_TARGET_ALLOCATOR_OPERATORS_H
#define HEAPTAP_SRC_TARGET_ALLOCATOR_OPERATORS_H

/*
 * builtin.c: builds the operators that no library in the global scope defines. In a C program that
 * loads a C++ plugin there are none: libstdc++ is private to the plugin, while the plugin's calls
 * find this library's operators. Called once, during the look-up of the allocator.
 */
void ht_build_operators(void);

#endif
