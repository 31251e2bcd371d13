/* SPDX-License-Identifier: MIT */
/* The library's ELF note, from which its layout version can be read without loading it. */
#ifndef HEAPTAP_SRC_REGION_NOTE_H
#define HEAPTAP_SRC_REGION_NOTE_H

#include <stdint.h>

#define HT_NOTE_SECTION ".note.heaptap"
#define HT_NOTE_OWNER   "heaptap" /* eight bytes with its NUL */
#define HT_NOTE_TYPE    1u

struct ht_note {
    uint32_t layout; /* HT_LAYOUT_VERSION */
    char version[28];
};

#endif
