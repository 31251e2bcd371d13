/* SPDX-License-Identifier: MIT */
/*
 * POST /api/layout: where the nodes and edges of the page's call graph go. The page sends sizes,
 * ends and weights, all of them numbers, and no name: nothing of a profile reaches dot, nor comes
 * back as markup. 204 where there is no graphviz.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/graphviz.h"
#include "serve/http.h"

enum {
    MAX_NODES = 1000,
    MAX_EDGES = 4000,
    MAX_PIXELS = 4000,
    MAX_WEIGHT = 100,
    MAX_LETTERS = 40,
    SECONDS = 20
};

#define PIXELS_PER_INCH 72.0

/* The next number of the body, in [0, most]. False at anything else. */
static bool number(char **at, long most, long *n)
{
    char *end;
    errno = 0;
    *n = strtol(*at, &end, 10);
    bool ok = end != *at && !errno && *n >= 0 && *n <= most;
    *at = end;
    return ok;
}

/* "NODES EDGES", then of each node "WIDTH HEIGHT", of each edge "FROM TO WEIGHT LETTERS": room for
 * so many letters is kept beside it. 0 or -EINVAL. */
static int put_graph(FILE *out, char *at)
{
    long nodes, edges, a, b, weight, letters;
    if (!number(&at, MAX_NODES, &nodes) || !number(&at, MAX_EDGES, &edges))
        return -EINVAL;
    fputs("digraph {\nnode [shape=box fixedsize=true label=\"\"]\nedge [arrowhead=none "
          "fontsize=11]\n",
          out);
    for (long i = 0; i < nodes; i++) {
        if (!number(&at, MAX_PIXELS, &a) || !number(&at, MAX_PIXELS, &b))
            return -EINVAL;
        fprintf(out, "%ld [width=%.4f height=%.4f]\n", i, (double)a / PIXELS_PER_INCH,
                (double)b / PIXELS_PER_INCH);
    }
    for (long i = 0; i < edges; i++) {
        if (!number(&at, nodes - 1, &a) || !number(&at, nodes - 1, &b) ||
            !number(&at, MAX_WEIGHT, &weight) || !number(&at, MAX_LETTERS, &letters))
            return -EINVAL;
        fprintf(out, "%ld -> %ld [weight=%ld", a, b, weight);
        if (letters)
            fprintf(out, " label=\"%0*d\"", (int)letters, 0);
        fputs("]\n", out);
    }
    fputs("}\n", out);
    return at[strspn(at, " \n")] ? -EINVAL : 0;
}

enum MHD_Result ht_post_layout(const struct ht_request *r)
{
    if (!r->body)
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "a layout is of a graph, as POST");
    struct ht_body b;
    if (ht_body_open(&b))
        return MHD_NO;
    FILE *graph = tmpfile();
    int err = !graph                            ? -errno
              : strlen(r->body) != r->body_size ? -EINVAL
                                                : put_graph(graph, r->body);
    if (!err)
        err = ht_graphviz_run(graph, b.out, "plain", SECONDS);
    if (graph)
        fclose(graph);
    if (err != -EINVAL && err != -ENOENT)
        return ht_body_answer(r, &b, err, "text/plain; charset=utf-8", NULL);
    fclose(b.out);
    if (err == -ENOENT)
        return ht_answer(r, MHD_HTTP_NO_CONTENT, "text/plain; charset=utf-8", NULL, b.data, 0);
    free(b.data);
    return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "not a graph of at most %d nodes and %d edges",
                           MAX_NODES, MAX_EDGES);
}
