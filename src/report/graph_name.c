/* SPDX-License-Identifier: MIT */
/* A node's name as each kind of report writes it. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/graph.h"
#include "report/paths.h"

char *ht_info_name(const struct ht_graph_node_info *i, const char *sep)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    const char *before = "";
    if (i->address) {
        fprintf(f, "%016" PRIx64, i->address);
        before = sep;
    }
    if (*i->name) {
        fprintf(f, "%s%s", before, i->name);
        before = sep;
    }
    if (i->line) {
        fprintf(f, "%s%s:%" PRId64, before, i->file, i->line);
    } else if (*i->file) {
        fprintf(f, "%s%s", before, i->file);
    } else if (*i->name) {
        /* The name alone is enough. */
    } else if (*i->objfile) {
        char *base = ht_path_base(i->objfile);
        fprintf(f, "%s[%s]", before, base ? base : "");
        free(base);
    } else {
        fprintf(f, "%s<unknown>", before);
    }
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

const char *ht_graph_node_name(struct ht_graph *g, struct ht_graph_node *n)
{
    if (!n->printable) {
        char *name = ht_info_name(&n->info, " ");
        n->printable = name ? ht_profile_str(g->p, name) : NULL;
        free(name);
        if (!n->printable) {
            g->err = -ENOMEM;
            n->printable = "";
        }
    }
    return n->printable;
}

enum ht_inlining ht_graph_node_inlining(const struct ht_graph_node *n)
{
    bool inlined = false, called = false;
    for (const struct ht_edge *e = n->in; e; e = e->next_in)
        if (!e->dead) {
            inlined |= e->is_inline;
            called |= !e->is_inline;
        }
    if (!inlined)
        return HT_NEVER_INLINED;
    return called ? HT_INLINED_SOMEWHERE : HT_INLINED_EVERYWHERE;
}
