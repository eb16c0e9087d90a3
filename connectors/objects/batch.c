/* Removing many: batches as large as the services take, several at a time. */
#include "tree.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, WIDTH = 4 };

typedef struct removal {
    const dowel_place *place;
    int (*next)(void *context, char **name, dowel_error *err);
    void *context;
    bool dry_run, ended;
    dowel_report *report;
    pthread_mutex_t lock;
} removal;

typedef struct batch {
    removal *all;
    char *names[BATCH];
    bool failed[BATCH];
    size_t count;
} batch;

static int fill(batch *b, dowel_error *err) {
    removal *all = b->all;
    int rc = 0;
    pthread_mutex_lock(&all->lock);
    while (!rc && !all->ended && b->count < BATCH) {
        rc = all->next(all->context, &b->names[b->count], err);
        if (!rc && !b->names[b->count]) all->ended = true;
        if (!rc && !all->ended) b->count++;
    }
    pthread_mutex_unlock(&all->lock);
    return rc;
}

static void on_failed(void *context, const char *name, const dowel_error *why) {
    batch *b = context;
    char *shown = dowel_place_name(b->all->place, name);
    for (size_t i = 0; i < b->count; i++) b->failed[i] |= !strcmp(b->names[i], name);
    dowel_report_failed(b->all->report, shown ? shown : name, why);
    free(shown);
}

static int remove_batch(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    removal *all = context;
    batch *b = calloc(1, sizeof *b);
    if (!b) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    b->all = all;
    int rc = fill(b, err);
    bool any = b->count > 0, told = false;
    if (!rc && any && !all->dry_run) {
        dowel_error why;
        rc = all->place->objects->remove(d, all->place->block, (const char *const *)b->names, b->count, on_failed, b,
                                         &why);
        for (size_t i = 0; i < b->count; i++) told |= b->failed[i];
        if (rc && told)
            rc = dowel_report_hopeless(all->report, err); /* else they are counted one by one */
        else if (rc && err)
            *err = why;
    }
    for (size_t i = 0; i < b->count; i++) {
        char *shown = rc || b->failed[i] ? NULL : dowel_place_name(all->place, b->names[i]);
        if (shown) dowel_report_removed(all->report, shown);
        free(shown);
        free(b->names[i]);
    }
    free(b);
    return rc ? rc : !any;
}

int dowel_remove_batches(dowel *d, const dowel_place *place, int (*next)(void *context, char **name, dowel_error *err),
                         void *context, bool dry_run, dowel_report *report, dowel_error *err) {
    removal all = {.place = place, .next = next, .context = context, .dry_run = dry_run, .report = report};
    pthread_mutex_init(&all.lock, NULL);
    int rc = dowel_parts_run(
        d, &(dowel_parts){.count = -1, .width = WIDTH, .total = -1, .part = remove_batch, .context = &all}, err);
    pthread_mutex_destroy(&all.lock);
    return rc;
}
