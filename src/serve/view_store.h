/* SPDX-License-Identifier: MIT */
/*
 * Saved views of the page in a file of the user's. A line is "NAME STATE", both percent-encoded as
 * in an address, so that no text of a line can be anything else. A file that has other lines, or
 * more of them, is refused and left as it is.
 */
#ifndef HEAPTAP_SRC_SERVE_VIEW_STORE_H
#define HEAPTAP_SRC_SERVE_VIEW_STORE_H

#include <stddef.h>

enum { HT_VIEWS_MAX = 50, HT_VIEW_NAME_MAX = 600, HT_VIEW_STATE_MAX = 4000 };

/* The lines of the file, to free; "" where there is none yet. 0, -EINVAL when it holds something
 * else, or another -errno. */
int ht_views_read(const char *path, char **lines);

/*
 * Adds a view ("NAME STATE"), in place of one with that name, or removes one ("NAME"). The file is
 * replaced whole; its directory is made. *lines as above. 0; -EBADMSG: no such line can be;
 * -EDQUOT: there are HT_VIEWS_MAX; -EBUSY: others edit it all the time; or as ht_views_read. Any
 * thread, and several processes at once.
 */
int ht_views_edit(const char *path, const char *line, char **lines);

#endif
