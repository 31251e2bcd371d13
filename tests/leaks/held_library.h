/* SPDX-License-Identifier: MIT */
/* Keeps a block in the library's own table. */
#ifndef HEAPTAP_TESTS_LEAKS_HELD_LIBRARY_H
#define HEAPTAP_TESTS_LEAKS_HELD_LIBRARY_H

__attribute__((visibility("default"))) void library_keep(void *p);

#endif
