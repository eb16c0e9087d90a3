/* Providers push what they list and a merge pulls it; a bounded queue between them keeps memory flat. */
#include "listing.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024 };

struct dowel_listing {
    dowel *d;
    const dowel_place *place;
    dowel_filter *filter;
    char *prefix; /* of the names to list */
    bool ordered, may_be_absent;
    const dowel_folder_id *apart;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    dowel_item *items[ROOM];
    size_t first, count;
    bool ended, stop, any;
    int rc;
    dowel_error error;
    char *last; /* name, where order matters */
};

static char *add(char **at, const char *text) {
    if (!text) return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static size_t size_of(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

dowel_item *dowel_item_of(const dowel_object *object, size_t prefix) {
    dowel_item *item = malloc(sizeof *item + size_of(object->name) + size_of(object->version) + size_of(object->etag) +
                              size_of(object->content_type) + size_of(object->storage_class) + size_of(object->odd) +
                              size_of(object->content_encoding) + size_of(object->content_language) +
                              size_of(object->content_disposition) + size_of(object->cache_control));
    if (!item) return NULL;
    char *at = item->text;
    item->object = *object;
    item->object.name = add(&at, object->name);
    item->object.version = add(&at, object->version);
    item->object.etag = add(&at, object->etag);
    item->object.content_type = add(&at, object->content_type);
    item->object.storage_class = add(&at, object->storage_class);
    item->object.odd = add(&at, object->odd);
    item->object.content_encoding = add(&at, object->content_encoding);
    item->object.content_language = add(&at, object->content_language);
    item->object.content_disposition = add(&at, object->content_disposition);
    item->object.cache_control = add(&at, object->cache_control);
    item->object.metadata = NULL;
    item->object.untold = NULL;
    if (object->metadata || object->untold) item->object.described = false;
    item->name = item->object.name + prefix;
    return item;
}

static int check_order(dowel_listing *l, const char *name, dowel_error *err) {
    if (l->last && strcmp(l->last, name) >= 0) {
        dowel_fail(err, DOWEL_E_PROTOCOL, "%.60s lists %.200s after %.200s, which is not byte order", l->place->shown,
                   name, l->last);
        dowel_error_hint(err, "only places that list in byte order can be compared; copy instead");
        return DOWEL_E_PROTOCOL;
    }
    free(l->last);
    l->last = strdup(name);
    return l->last ? 0 : dowel_no_memory(err);
}

static int visit(void *context, const dowel_object *object, dowel_error *err) {
    dowel_listing *l = context;
    size_t prefix = strlen(l->place->path);
    bool below = !strncmp(object->name, l->place->path, prefix);
    /* A server that ignores the prefix must not make sync or rm touch other names. */
    if (!below && !object->odd)
        return dowel_fail(err, DOWEL_E_PROTOCOL, "%.60s lists %.200s, which is not below %.200s", l->place->shown,
                          object->name, l->place->path);
    if (!below) prefix = 0;
    if (object->is_prefix) return 0;
    int rc = l->ordered && !object->odd_code ? check_order(l, object->name, err) : 0;
    if (rc) return rc;
    if (!object->odd_code && l->filter && !dowel_filter_fits_place(l->filter, object->name + prefix)) return 0;
    pthread_mutex_lock(&l->lock);
    l->any = true;
    pthread_mutex_unlock(&l->lock);
    /* The relative name of the folder's own object is "". */
    if (!object->odd_code && l->filter && !dowel_filter_wants(l->filter, object->name + prefix)) return 0;
    dowel_item *item = dowel_item_of(object, prefix);
    if (!item) return dowel_no_memory(err);
    pthread_mutex_lock(&l->lock);
    while (l->count == ROOM && !l->stop) pthread_cond_wait(&l->changed, &l->lock);
    bool stop = l->stop;
    if (!stop) {
        l->items[(l->first + l->count++) % ROOM] = item;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    if (stop) free(item);
    return stop;
}

static void *run(void *context) {
    dowel_listing *l = context;
    dowel_error error;
    memset(&error, 0, sizeof error);
    const dowel_objects_query query = {.size = sizeof query,
                                       .prefix = *l->prefix ? l->prefix : NULL,
                                       .delimiter = l->filter && l->filter->shallow ? "/" : NULL,
                                       .apart = l->apart};
    int rc = l->place->objects->list(l->d, l->place->block, &query, visit, l, &error);
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    l->rc = rc < 0 && !(rc == DOWEL_E_NOT_FOUND && l->may_be_absent) ? rc : 0;
    l->error = error;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

int dowel_listing_start(dowel *d, const dowel_place *place, const dowel_listing_options *options,
                        dowel_listing **listing, dowel_error *err) {
    dowel_listing *l = calloc(1, sizeof *l);
    char *literal = l && options->filter && place->pattern ? dowel_glob_prefix(place->pattern) : NULL;
    char *prefix = l ? dowel_place_join(place, literal ? literal : "") : NULL;
    free(literal);
    if (!prefix) {
        free(l);
        return dowel_no_memory(err);
    }
    *l = (dowel_listing){.d = d,
                         .place = place,
                         .filter = options->filter,
                         .prefix = prefix,
                         .ordered = options->ordered,
                         .may_be_absent = options->may_be_absent,
                         .apart = options->apart};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    sigset_t all, before; /* the program's own threads handle signals */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!why) {
        *listing = l;
        return 0;
    }
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->prefix);
    free(l);
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "cannot start a thread: %s", strerror(why));
}

int dowel_listing_next(dowel_listing *l, dowel_item **item, dowel_error *err) {
    pthread_mutex_lock(&l->lock);
    while (!l->count && !l->ended) pthread_cond_wait(&l->changed, &l->lock);
    *item = NULL;
    int rc = 0;
    if (l->count) {
        *item = l->items[l->first];
        l->first = (l->first + 1) % ROOM;
        l->count--;
        pthread_cond_broadcast(&l->changed);
    } else {
        rc = l->rc;
        if (rc && err) *err = l->error;
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

bool dowel_listing_found_any(const dowel_listing *l) {
    return l->any;
}

void dowel_listing_close(dowel_listing *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    for (; l->count; l->count--, l->first = (l->first + 1) % ROOM) free(l->items[l->first]);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->last);
    free(l->prefix);
    free(l);
}
