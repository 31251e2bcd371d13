/* SPDX-License-Identifier: MIT */
/* resolve FILE: reads addresses of the file from standard input, sorted, in hex, and prints what
 * the symboliser knows of them in the form of addr2line -aif. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbolize/module.h"

int main(int argc, char **argv)
{
    struct ht_sym_module m;
    struct ht_find what = {.file = argc > 1 ? argv[1] : "", .build_id = argc > 2 ? argv[2] : ""};
    if (ht_sym_module_open(&m, &what, true)) {
        fprintf(stderr, "resolve: %s: %s\n", what.file,
                m.found.replaced ? "is another build" : "not found");
        return 1;
    }
    struct ht_addr *addrs = NULL;
    size_t n = 0;
    uint64_t v;
    while (scanf("%" SCNx64, &v) == 1) {
        addrs = reallocarray(addrs, n + 1, sizeof *addrs);
        if (!addrs)
            return 1;
        addrs[n++] = (struct ht_addr){.vaddr = v};
    }
    if (ht_sym_module_resolve(&m, addrs, n, true, NULL, NULL))
        return 1;
    for (size_t i = 0; i < n; i++) {
        printf("0x%016" PRIx64 "\n", addrs[i].vaddr);
        if (!addrs[i].n_frames)
            printf("??\n??:0\n");
        for (uint32_t k = 0; k < addrs[i].n_frames; k++) {
            const struct ht_sym_frame *f = &addrs[i].frames[k];
            printf("%s\n%s:%" PRIu32 "\n", f->name ? f->name : "??", f->file ? f->file : "??",
                   f->line);
        }
    }
    free(addrs);
    ht_sym_module_finish(&m);
    return 0;
}
