/* SPDX-License-Identifier: MIT */
/* An ELF note by which readers know the library and its layout's version, without running it. */
#include "config.h"

#include <elf.h>

#include "region/layout.h"
#include "region/note.h"

__attribute__((section(HT_NOTE_SECTION), aligned(4), used)) static const struct {
    Elf64_Nhdr head;
    char owner[sizeof HT_NOTE_OWNER];
    struct ht_note note;
} note = {
    {sizeof HT_NOTE_OWNER, sizeof(struct ht_note), HT_NOTE_TYPE},
    HT_NOTE_OWNER,
    {HT_LAYOUT_VERSION, HT_VERSION},
};
