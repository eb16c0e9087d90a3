/* Removes many objects in the largest batches that the services accept, several batches at a time. */
#include "tree.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, WIDTH = 4 };

typedef struct removal {
    const dowel_place *place;
    int (*next)(void *context, char **name, dowel_error *err);
    void *context;
    size_t most; /* names in a batch */
    bool dry_run, ended;
    dowel_report *report;
    pthread_mutex_t lock;
} removal;

typedef struct entry {
    char *name;
    dowel_error *failed; /* NULL: removed */
} entry;

typedef struct batch {
    removal *all;
    size_t count;
    int told; /* code of the first failure of a single object */
    bool no_memory;
    entry entries[];
} batch;

static int fill(batch *b, dowel_error *err) {
    removal *all = b->all;
    int rc = 0;
    pthread_mutex_lock(&all->lock);
    while (!rc && !all->ended && b->count < all->most) {
        rc = all->next(all->context, &b->entries[b->count].name, err);
        if (!rc && !b->entries[b->count].name) all->ended = true;
        if (!rc && !all->ended) b->count++;
    }
    pthread_mutex_unlock(&all->lock);
    return rc;
}

static void on_failed(void *context, const char *name, const dowel_error *why) {
    batch *b = context;
    if (!b->told) b->told = why->code;
    for (size_t i = 0; i < b->count; i++) {
        entry *e = &b->entries[i];
        if (e->failed || strcmp(e->name, name)) continue;
        e->failed = malloc(sizeof *e->failed);
        if (e->failed) *e->failed = *why;
        b->no_memory |= !e->failed;
        return;
    }
}

static int send(dowel *d, batch *b, dowel_error *err) {
    const dowel_place *place = b->all->place;
    const char **names = malloc((b->count + 1) * sizeof *names);
    if (!names) return dowel_no_memory(err);
    for (size_t i = 0; i < b->count; i++) names[i] = b->entries[i].name;
    int rc = place->objects->remove(d, place->block, names, b->count, on_failed, b, err);
    free(names);
    if (b->no_memory) return dowel_no_memory(err);
    return rc && rc == b->told ? 0 : rc; /* failures of single objects are counted one by one */
}

/* Reports removed objects before failed ones: if the service refuses a few objects, the report must not conclude that it refuses all. */
static void report(const batch *b) {
    removal *all = b->all;
    for (int failed = 0; failed < 2; failed++)
        for (size_t i = 0; i < b->count; i++) {
            const entry *e = &b->entries[i];
            if ((e->failed != NULL) != failed) continue;
            char *shown = dowel_place_name(all->place, e->name);
            if (failed)
                dowel_report_failed(all->report, shown ? shown : e->name, e->failed);
            else
                dowel_report_removed(all->report, shown ? shown : e->name);
            free(shown);
        }
}

static int remove_batch(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    removal *all = context;
    batch *b = calloc(1, sizeof *b + all->most * sizeof *b->entries);
    if (!b) return dowel_no_memory(err);
    b->all = all;
    int rc = fill(b, err);
    bool any = b->count > 0;
    if (!rc && any && !all->dry_run) rc = send(d, b, err);
    if (!rc) report(b);
    if (!rc && b->told) dowel_report_refused(all->report); /* has no effect if an object was removed */
    if (!rc) rc = dowel_report_hopeless(all->report, err);
    for (size_t i = 0; i < b->count; i++) {
        free(b->entries[i].name);
        free(b->entries[i].failed);
    }
    free(b);
    return rc ? rc : !any;
}

int dowel_remove_batches(dowel *d, const dowel_place *place, int (*next)(void *context, char **name, dowel_error *err),
                         void *context, bool dry_run, dowel_report *report, dowel_error *err) {
    /* Files are removed and counted one by one, so that the counts are right after an interrupt. */
    removal all = {.place = place,
                   .next = next,
                   .context = context,
                   .most = place->objects->sink ? 1 : BATCH,
                   .dry_run = dry_run,
                   .report = report};
    pthread_mutex_init(&all.lock, NULL);
    int rc = dowel_parts_run(
        d, &(dowel_parts){.count = -1, .width = WIDTH, .total = -1, .part = remove_batch, .context = &all}, err);
    pthread_mutex_destroy(&all.lock);
    return rc;
}
