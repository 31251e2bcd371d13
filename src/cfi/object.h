/* SPDX-License-Identifier: MIT */
/* A mapped ELF object, as the unwind tables are read from it. */
#ifndef HEAPTAP_SRC_CFI_OBJECT_H
#define HEAPTAP_SRC_CFI_OBJECT_H

#include <stdint.h>

struct ht_object {
    uint64_t start, end;
    uint64_t link_map;     /* the loader's; 0 outside the target */
    uint64_t eh_frame_hdr; /* 0: it has none */
};

#endif
