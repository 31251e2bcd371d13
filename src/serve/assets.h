/* SPDX-License-Identifier: MIT */
/* The files of src/serve/assets, as the build put them into the program. */
#ifndef HEAPTAP_SRC_SERVE_ASSETS_H
#define HEAPTAP_SRC_SERVE_ASSETS_H

#include <stddef.h>

struct ht_asset {
    const char *name;
    const char *type; /* for Content-Type */
    const char *data; /* NUL-terminated too */
    size_t size;
};

extern const struct ht_asset ht_assets[]; /* ends with a NULL name */

/* The asset of that name, NULL when there is none. */
const struct ht_asset *ht_asset_find(const char *name);

#endif
