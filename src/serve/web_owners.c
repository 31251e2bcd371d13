/* SPDX-License-Identifier: MIT */
/* Asks the owners' rooms for lines of stacks. Only heaps have owners. */
#include "config.h"

#include "serve/web_owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "owners/wrappers.h"

int ht_web_owners_begin(struct ht_web_owners *o, struct ht_profile *p)
{
    char msg[256];
    int err = 0;
    *o = (struct ht_web_owners){.p = p};
    o->list = ht_wrappers_create(NULL, &err, msg, sizeof msg);
    if (o->list)
        err = ht_owner_stacks_init(&o->stacks, p);
    if (!err)
        err = ht_owner_stacks_behaviour(&o->stacks, p, o->list);
    o->kind = err ? NULL : malloc(o->stacks.n_functions + 1);
    if (!err && !o->kind)
        err = -ENOMEM;
    if (!err)
        memset(o->kind, -1, o->stacks.n_functions + 1);
    return err;
}

void ht_web_owners_finish(struct ht_web_owners *o)
{
    ht_owner_stacks_finish(&o->stacks);
    ht_wrappers_destroy(o->list);
    free(o->kind);
}

size_t ht_web_owner_line(const struct ht_web_owners *o, const struct ht_sample *s)
{
    return ht_owner_line(&o->stacks, o->p, (size_t)(s - o->p->samples));
}

enum ht_web_kind ht_web_kind_of(struct ht_web_owners *o, const struct ht_location *l, size_t line)
{
    uint32_t f = ht_owner_stacks_function(&o->stacks, l, line);
    if (o->kind[f] < 0)
        o->kind[f] = ht_wrappers_is_start(o->stacks.functions[f].name)   ? HT_WEB_START
                     : ht_owner_stacks_leave_out(&o->stacks, f, o->list) ? HT_WEB_WRAPPER
                                                                         : HT_WEB_CODE;
    return (enum ht_web_kind)o->kind[f];
}
