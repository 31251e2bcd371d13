/* SPDX-License-Identifier: MIT */
/* An ELF file mapped as the loader would map it, but neither relocated nor run. */
#ifndef HEAPTAP_TESTS_UNWIND_IMAGE_H
#define HEAPTAP_TESTS_UNWIND_IMAGE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct image {
    const char *path;
    uint64_t start, end, bias;
    uint64_t hdr;              /* of .eh_frame_hdr, mapped */
    const int32_t (*table)[2]; /* its sorted table: function and FDE, relative to hdr */
    uint64_t n_functions;
    struct {
        uint64_t start, end;
    } text[8];
    unsigned n_text;
    int fd;
    Elf *elf;
    Dwarf_CFI *cfi;
};

bool image_open(struct image *m, const char *path);
void image_close(struct image *m);

/* Whether the code in [start, end) may hold the last byte of a call: errs on the side of yes. */
bool image_calls(const struct image *m, uint64_t start, uint64_t end);

#endif
