/* SPDX-License-Identifier: MIT */
/*
 * What is sent of a process that makes its region, or becomes another program, between being listed and being read: each byte that
 * it allocated once. The list and the regions are made up here; the profile is always the same, of 100 bytes.
 * Seen failing: a program whose first sample came in between was sent twice.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/check.h"
#include "cli/push/item.h"
#include "cli/push/rounds.h"
#include "profile/profile.h"
#include "snapshot/copy.h"
#include "snapshot/list.h"
#include "snapshot/region.h"

/* clang-format off */
static const unsigned char profile[] = {
    0x0a, 4, 8, 1, 16, 2,                                                        /* sample_type: 1, 2 */
    0x12, 6, 10, 1, 1, 18, 1, 100,                                               /* sample: at location 1, 100 */
    0x22, 5, 8, 1, 0x18, 0x80, 0x20,                                             /* location 1: address 0x1000 */
    0x32, 0, 0x32, 11, 'a', 'l', 'l', 'o', 'c', '_', 's', 'p', 'a', 'c', 'e', /* strings */
    0x32, 5, 'b', 'y', 't', 'e', 's'};
/* clang-format on */

static int failures;
/* When the process that is listed, and the one that is read, began; opened_at 0: it has no region. */
static uint64_t listed_at, opened_at;
static int64_t sent;
static struct ht_region_header header;

static void ht_check_failed(const char *file, int line, const char *claim, const char *condition)
{
    fprintf(stderr, "%s:%d: %s: does not hold (%s); %lld bytes sent\n", file, line, claim,
            condition, (long long)sent);
    failures++;
}

int ht_list(struct ht_listed **list, size_t *n)
{
    *n = listed_at != 0;
    *list = calloc(1, sizeof **list);
    **list = (struct ht_listed){.pid = 7, .alive = true, .start_wall_ns = listed_at, .name = "p"};
    return 0;
}

size_t ht_list_clean(struct ht_listed *list, size_t n)
{
    return 0;
}

int ht_region_open_to_read(struct ht_region *r, const char *word, char *msg, size_t msg_size)
{
    header.start_wall_ns = opened_at;
    *r = (struct ht_region){.fresh = !opened_at, .alive = true, .pid = 7};
    r->view.header = &header;
    return 0;
}

int ht_region_open_fd(struct ht_region *r, int fd, const char *path, uint32_t kinds, char *msg,
                      size_t size)
{
    return ht_region_open_to_read(r, path, msg, size);
}

int ht_region_file_of(pid_t pid)
{
    return -1;
}

void ht_region_close(struct ht_region *r)
{
}

int64_t ht_region_raw(const struct ht_region *r, const struct ht_region_ages *ages, void **data,
                      size_t *size)
{
    CHECK(!r->fresh, "of a process without a region nothing is read");
    *data = malloc(*size = sizeof profile);
    memcpy(*data, profile, sizeof profile);
    return 1;
}

void ht_queue_add(struct ht_queue *q, void *data, size_t size)
{
    struct ht_push_item item;
    char msg[200];
    int err;
    CHECK(!ht_push_item_decode(data, size, &item), "an item is whole");
    struct ht_profile *p =
        ht_profile_decode(item.profile, item.profile_size, &err, msg, sizeof msg);
    for (size_t i = 0; CHECK(p, "its profile can be read") && i < p->n_samples; i++)
        sent += p->samples[i].values[0];
    ht_profile_destroy(p);
    free(item.text);
    free(data);
}

static void no_names(void *ctx, struct ht_profile *p, pid_t pid)
{
}

static bool go_on(void *ctx)
{
    return false;
}

static void go_round(struct ht_rounds *r, uint64_t listed, uint64_t opened)
{
    struct ht_rounds_counts counts;
    listed_at = listed;
    opened_at = opened;
    ht_rounds_go(r, go_on, NULL, &counts);
}

int main(void)
{
    static const struct ht_words none;
    const struct ht_rounds_options o = {.labels = &none, .names = no_names};
    const uint64_t later = UINT64_MAX / 2; /* than the rounds began */
    struct ht_rounds *r = ht_rounds_create(&o);
    go_round(r, later, 0);
    CHECK(!sent, "of a program without a sample nothing is sent");
    go_round(r, later, later + 1); /* its first sample comes just then */
    go_round(r, later + 1, later + 1);
    CHECK(sent == 100, "what it allocated is sent once");
    go_round(r, later + 1, later + 2); /* it executes another just then */
    go_round(r, later + 2, later + 2);
    CHECK(sent == 200, "so is what the next program allocated");
    go_round(r, 0, 0);
    ht_rounds_destroy(r);
    return failures != 0;
}
