/* SPDX-License-Identifier: MIT */
/* heaptap threads --json. */
#include "config.h"

#include "cli/process/threads_json.h"

#include <errno.h>
#include <inttypes.h>

#include "profile/profile.h"
#include "remote/remote.h"
#include "report/json.h"
#include "util/jansson.h"

static json_t *address(uint64_t a)
{
    char text[32];
    snprintf(text, sizeof text, "0x%" PRIx64, a);
    return json_string(text);
}

static json_t *frame(const struct ht_location *l, const struct ht_line *line)
{
    json_t *f = json_object();
    json_object_set_new(f, "address", address(l->address));
    if (l->mapping && *l->mapping->file)
        json_object_set_new(f, "object", ht_json_text(l->mapping->file));
    if (line) {
        json_object_set_new(f, "function", ht_json_text(line->function->name));
        if (*line->function->filename)
            json_object_set_new(f, "file", ht_json_text(line->function->filename));
        if (line->line)
            json_object_set_new(f, "line", json_integer(line->line));
    }
    return f;
}

static json_t *stack(const struct ht_sample *s)
{
    json_t *frames = json_array();
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct ht_location *l = s->locations[i];
        for (size_t k = 0; k < l->n_lines; k++)
            json_array_append_new(frames, frame(l, &l->lines[k]));
        if (!l->n_lines)
            json_array_append_new(frames, frame(l, NULL));
    }
    return frames;
}

static json_t *thread(const struct ht_remote_thread *t, const struct ht_sample *s)
{
    json_t *o = json_object();
    const char *call = t->call >= 0 ? ht_syscall_name(t->call) : NULL;
    json_object_set_new(o, "tid", json_integer(t->tid));
    json_object_set_new(o, "name", ht_json_text(t->name));
    json_object_set_new(o, "state", json_string(ht_thread_state(t)));
    if (call)
        json_object_set_new(o, "syscall", json_string(call));
    else if (t->call >= 0)
        json_object_set_new(o, "syscall_number", json_integer(t->call));
    if (*t->wchan)
        json_object_set_new(o, "wchan", ht_json_text(t->wchan));
    if (t->idle_ns >= 0)
        json_object_set_new(o, "idle_seconds", json_real((double)t->idle_ns / 1e9));
    if (t->lock)
        json_object_set_new(o, "lock", address(t->lock));
    if (t->owner)
        json_object_set_new(o, "owner", json_integer(t->owner));
    if (t->joins)
        json_object_set_new(o, "joins", json_integer(t->joins));
    json_object_set_new(o, "deadlock", json_boolean(t->deadlock));
    json_object_set_new(o, "truncated", json_boolean(t->truncated));
    json_object_set_new(o, "guessed", json_boolean(t->guessed));
    json_object_set_new(o, "stack", stack(s));
    return o;
}

int ht_threads_json(FILE *out, const struct ht_remote *r, const struct ht_remote_threads *t,
                    const struct ht_profile *each)
{
    json_t *root = json_object(), *list = json_array();
    json_object_set_new(root, "pid", json_integer(r->pid));
    json_object_set_new(root, "program", ht_json_text(r->program));
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(list, thread(&t->thread[i], &each->samples[i]));
    json_object_set_new(root, "threads", list);
    return ht_json_write(out, root);
}
