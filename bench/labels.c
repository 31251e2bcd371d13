// SPDX-License-Identifier: MIT
// labels WAY 1 PAIRS: so many times malloc(100) and free, with no label, within one of heaptap_label, in a scope of its own each time, or with
// labels that custom-labels publishes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heaptap/heaptap.h"

struct text {
    size_t size;
    const char *at;
};
__attribute__((visibility("default"))) __thread struct {
    const struct text (*storage)[2];
    size_t count, capacity;
} * custom_labels_current_set;
__attribute__((visibility("default"))) const uint32_t custom_labels_abi_version = 1;

static void pair(void)
{
    void *p = malloc(100);
    __asm__ volatile("" : "+r"(p)::"memory");
    free(p);
}

int main(int argc, char **argv)
{
    static const struct text labels[][2] = {{{5, "route"}, {6, "/index"}},
                                            {{6, "tenant"}, {4, "acme"}}};
    static __typeof__(*custom_labels_current_set) set = {labels, 2, 2};
    const char *way = argc > 1 ? argv[1] : "";
    const long n = argc > 3 ? atol(argv[3]) : 0;
    if (!strcmp(way, "published"))
        custom_labels_current_set = &set;
    const int before = strcmp(way, "within") ? -1 : heaptap_call_label("route", "/index");
    for (long i = 0; i < n; i++) {
        if (!strcmp(way, "scoped")) {
            HEAPTAP_LABEL("route", "/index");
            pair();
        } else {
            pair();
        }
    }
    heaptap_call_label_end(before);
    return 0;
}
