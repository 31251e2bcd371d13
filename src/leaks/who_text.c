/* SPDX-License-Identifier: MIT */
/* Composes the text for a holder from its kind, name, thread and offsets. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "leaks/who.h"

const char *ht_who_kind_name(enum ht_who_kind kind)
{
    static const char *const names[HT_WHO_KINDS] = {
        [HT_WHO_BLOCK] = "block",        [HT_WHO_GLOBAL] = "global",
        [HT_WHO_MEMORY] = "memory",      [HT_WHO_THREAD_LOCAL] = "thread-local",
        [HT_WHO_KERNEL] = "kernel",      [HT_WHO_STACK] = "stack",
        [HT_WHO_CALL] = "call",          [HT_WHO_REGISTER] = "register",
        [HT_WHO_AMONG] = "among-blocks",
    };
    return names[kind];
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "", "+0x40", "+0x0..0x7ff8" */
static const char *range(const struct ht_who_holder *h, char out[48])
{
    if (h->low == h->high)
        snprintf(out, 48, h->low ? "+0x%" PRIx64 : "", h->low);
    else
        snprintf(out, 48, "+0x%" PRIx64 "..0x%" PRIx64, h->low, h->high);
    return out;
}

static void block_text(const struct ht_who *w, const struct ht_who_holder *h, char *out,
                       size_t size)
{
    char many[48] = "";
    if (h->least < h->most)
        snprintf(many, sizeof many, "%u to %u blocks", h->least, h->most);
    else if (h->most > 1)
        snprintf(many, sizeof many, "%u blocks", h->most);
    const char *what = *many ? many : "block";
    if (h->name != HT_WHO_NO_SAMPLE)
        snprintf(out, size, "%s of %s", what, w->owner[h->name].name);
    else if (h->low == h->high)
        snprintf(out, size, "%s without a sample (%" PRIu64 " bytes)", what, h->low);
    else
        snprintf(out, size, "%s without a sample (%" PRIu64 " to %" PRIu64 " bytes)", what, h->low,
                 h->high);
}

static void thread_text(const struct ht_who_place *p, const struct ht_who_holder *h, char *out,
                        size_t size)
{
    char thread[80] = "a thread", at[48];
    if (h->tid)
        snprintf(thread, sizeof thread, "thread %s", h->thread);
    else if (*p->thread)
        snprintf(thread, sizeof thread, "threads %s", p->thread);
    if (h->kind == HT_WHO_STACK && *p->name)
        snprintf(out, size, "%s, frame %s", thread, p->name);
    else if (h->kind == HT_WHO_STACK)
        snprintf(out, size, "%s, stack", thread);
    else if (h->kind == HT_WHO_CALL)
        snprintf(out, size, "%s, an argument of %s", thread, p->name);
    else if (h->kind == HT_WHO_REGISTER)
        snprintf(out, size, "%s, register %s", thread, p->name);
    else if (*p->name)
        snprintf(out, size, "%s, thread-local %s%s", thread, p->name, range(h, at));
    else
        snprintf(out, size, "%s, thread-local memory", thread);
}

const char *ht_who_text(const struct ht_who *w, const struct ht_who_holder *h, char *out,
                        size_t size)
{
    char at[48];
    if (h->kind == HT_WHO_BLOCK) {
        block_text(w, h, out, size);
        return out;
    }
    const struct ht_who_place *p = &w->place[h->name];
    if (h->kind == HT_WHO_GLOBAL && *p->name)
        snprintf(out, size, "global %s%s (%s)", p->name, range(h, at), base_name(p->object));
    else if (h->kind == HT_WHO_GLOBAL)
        snprintf(out, size, "data of %s%s", base_name(p->object), range(h, at));
    else if (h->kind == HT_WHO_MEMORY && !*p->name)
        snprintf(out, size, "memory that was mapped meanwhile");
    else if (h->kind == HT_WHO_MEMORY)
        snprintf(out, size, *p->name == '/' ? "memory of %s" : "mapping %s", p->name);
    else if (h->kind == HT_WHO_AMONG)
        snprintf(out, size, "memory among blocks");
    else if (h->kind == HT_WHO_KERNEL)
        snprintf(out, size, "the kernel (%s)", p->name);
    else
        thread_text(p, h, out, size);
    return out;
}
