/* SPDX-License-Identifier: MIT */
/* Looks an asset up by its name, in the table that embed.py made. */
#include "config.h"

#include "serve/assets.h"

#include <string.h>

const struct ht_asset *ht_asset_find(const char *name)
{
    for (const struct ht_asset *a = ht_assets; a->name; a++)
        if (!strcmp(a->name, name))
            return a;
    return NULL;
}
