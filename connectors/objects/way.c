/* Chooses how to copy: within the provider, from a file, into a file, or through memory. */
#include "way.h"

#include "pipe.h"

#include <dowel/transfer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file before and after it was read. */
typedef struct state {
    int64_t size, modified;
} state;

static int note(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    *(state *)context = (state){object->size, object->modified};
    return 0;
}

static int look(dowel *d, const dowel_place *place, const char *name, state *seen, dowel_error *err) {
    return place->objects->stat(d, place->block, name, NULL, note, seen, err);
}

static int unchanged(dowel *d, const dowel_place *place, const char *name, const state *before, dowel_error *err) {
    state after = {-1, 0};
    int rc = look(d, place, name, &after, err);
    if (rc && rc != DOWEL_E_NOT_FOUND) return rc;
    if (after.size == before->size && after.modified == before->modified) return 0;
    dowel_fail(err, DOWEL_E_CONFLICT, "%s changed while it was copied", name);
    dowel_error_hint(err, "copy it again when no program writes to it");
    if (err) err->retryable = true;
    return DOWEL_E_CONFLICT;
}

/* The caller's options win over the metadata of the source. */
static dowel_object_put_options options_of(const dowel_way *way, const dowel_object *object) {
    return (dowel_object_put_options){.size = sizeof(dowel_object_put_options),
                                      .content_type = way->content_type  ? way->content_type
                                                      : way->from->files ? NULL
                                                                         : object->content_type,
                                      .content_encoding = object->content_encoding,
                                      .content_language = object->content_language,
                                      .content_disposition = object->content_disposition,
                                      .cache_control = way->cache_control ? way->cache_control : object->cache_control,
                                      .storage_class = way->storage_class,
                                      .metadata =
                                          way->metadata && way->metadata->name ? way->metadata : object->metadata,
                                      .modified = object->modified,
                                      .if_absent = way->if_absent,
                                      .named = way->named,
                                      .parts = way->parts};
}

enum { SMALL = 1 << 20 }; /* flushing a smaller file takes longer than writing it */

static int keep_time(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    if (object->own_time) *(int64_t *)context = object->modified;
    return 0;
}

static bool has_fetch(const dowel_objects *objects) {
    return objects->size >= offsetof(dowel_objects, fetch) + sizeof objects->fetch && objects->fetch;
}

/* The content, and the recorded time if the listing did not tell it. */
static int fetch(dowel *d, const dowel_way *way, const dowel_object *object, dowel_sink *sink, dowel_error *err) {
    const dowel_objects *from = way->from->objects;
    dowel_block *block = way->from->block;
    int64_t modified = 0;
    if (!object->time_untold) return from->get(d, block, object->name, object->version, &way->parts, sink, err);
    int rc = has_fetch(from)
                 ? from->fetch(d, block, object->name, object->version, &way->parts, sink, keep_time, &modified, err)
                 : from->stat(d, block, object->name, object->version, keep_time, &modified, err);
    if (!rc && !has_fetch(from)) rc = from->get(d, block, object->name, object->version, &way->parts, sink, err);
    if (!rc && modified) dowel_sink_set_time(sink, modified);
    return rc;
}

/* Into a file, which gets its name after its bytes were verified. */
static int into_file(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name, state *before,
                     dowel_sink **open, dowel_error *err) {
    const dowel_objects *from = way->from->objects;
    dowel_object_put_options options = options_of(way, object);
    bool file = from->source != NULL;
    dowel_sink *sink;
    int rc = file ? look(d, way->from, object->name, before, err) : 0;
    if (rc) return rc;
    if (file) options.modified = before->modified;
    rc = way->to->objects->sink(d, way->to->block, to_name, &options, &sink, err);
    if (rc) return rc;
    rc = fetch(d, way, object, sink, err);
    if (!file) before->size = dowel_sink_written(sink);
    if (!rc && file) rc = unchanged(d, way->from, object->name, before, err);
    if (!rc && open && before->size <= SMALL && object->size <= SMALL) {
        *open = sink;
        return 0;
    }
    if (!rc) rc = dowel_sink_commit(sink, err);
    dowel_sink_close(sink);
    return rc;
}

/* If the file changes meanwhile, the copy has the old time, so that the next sync sees the difference. */
static int from_file(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name, state *before,
                     dowel_error *err) {
    dowel_object_put_options options = options_of(way, object);
    dowel_source *source;
    int rc = way->from->objects->source(d, way->from->block, object->name, &source, note, before, err);
    if (rc) return rc;
    options.modified = before->modified;
    rc = way->to->objects->put(d, way->to->block, to_name, source, &options, NULL, NULL, err);
    dowel_source_close(source);
    return rc ? rc : unchanged(d, way->from, object->name, before, err);
}

/* Metadata that the destination cannot hold, one a line. */
typedef struct losses {
    char *lines;
    size_t size;
    bool no_memory;
} losses;

static void add_loss(losses *l, const char *part, const char *why) {
    size_t more = strlen(part) + strlen(why) + 4;
    char *lines = realloc(l->lines, l->size + more);
    if (!lines) {
        l->no_memory = true;
        return;
    }
    l->lines = lines;
    l->size += (size_t)snprintf(lines + l->size, more, "%s%s%s\n", part, *part ? ": " : "", why);
}

static void on_unheld(void *context, const char *part, const char *why) {
    add_loss(context, part, why);
}

/* From one cloud to another with all metadata, which a listing may not have told. */
typedef struct through {
    dowel *d;
    const dowel_way *way;
    const dowel_object *listed;
    const char *to_name;
} through;

static int copy_described(void *context, const dowel_object *object, dowel_error *err) {
    const through *t = context;
    dowel_object full = *object;
    /* Copy the version that was listed. */
    full.name = t->listed->name;
    full.version = t->listed->version ? t->listed->version : object->version;
    if (t->listed->modified && !object->own_time) full.modified = t->listed->modified;
    losses lost = {0};
    dowel_object_put_options options = options_of(t->way, &full);
    if (object->untold && t->way->whole)
        return dowel_fail(err, DOWEL_E_REFUSED, "%s: not moved: %s", full.name, object->untold);
    /* Metadata that the caller gives must be stored. */
    if (!t->way->whole && (!t->way->metadata || !t->way->metadata->name)) {
        options.unheld = on_unheld;
        options.unheld_context = &lost;
    }
    if (object->untold && !t->way->metadata) add_loss(&lost, "", object->untold);
    int rc = dowel_pipe_copy(t->d, t->way, &full, t->to_name, &options, err);
    if (!rc && lost.no_memory) rc = dowel_no_memory(err);
    char *name = !rc && lost.lines ? dowel_place_name(t->way->from, full.name) : NULL;
    if (name) dowel_report_incomplete(t->way->report, name, lost.lines);
    free(name);
    free(lost.lines);
    return rc;
}

static int through_memory(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name,
                          dowel_error *err) {
    through t = {d, way, object, to_name};
    if (object->described) return copy_described(&t, object, err);
    return way->from->objects->stat(d, way->from->block, object->name, object->version, copy_described, &t, err);
}

int dowel_way_copy(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name, int64_t *size,
                   dowel_sink **open, dowel_error *err) {
    const dowel_objects *from = way->from->objects, *to = way->to->objects;
    bool changes = way->content_type || way->cache_control || way->storage_class || way->metadata || way->if_absent;
    state seen = {object->size, object->modified};
    int rc = 0;
    bool within = from->copy && !changes && dowel_place_same_service(way->from, way->to);
    if (within) rc = from->copy(d, way->from->block, object->name, object->version, way->to->block, to_name, err);
    /* If neither caller may both read there and write here, each does its own part. */
    if (within && rc == DOWEL_E_PERMISSION && !dowel_place_same_caller(way->from, way->to)) within = false;
    if (within) {
        *size = seen.size;
        return rc;
    }
    if (to->sink) {
        rc = into_file(d, way, object, to_name, &seen, open, err);
        if (!from->source && object->size > 0) seen.size = object->size;
    } else if (from->source) {
        rc = from_file(d, way, object, to_name, &seen, err);
    } else {
        rc = through_memory(d, way, object, to_name, err);
    }
    *size = seen.size;
    return rc;
}

int dowel_way_from_stream(dowel *d, const dowel_way *way, const char *to_name, int64_t *size, dowel_error *err) {
    const dowel_object_put_options options = {.size = sizeof options,
                                              .content_type = way->content_type,
                                              .cache_control = way->cache_control,
                                              .storage_class = way->storage_class,
                                              .metadata = way->metadata,
                                              .if_absent = way->if_absent,
                                              .named = way->named,
                                              .parts = way->parts};
    dowel_source *source;
    state stored = {0, 0};
    int rc = dowel_input_open(d, way->from->stream, &source, err);
    if (rc) return rc;
    rc = way->to->objects->put(d, way->to->block, to_name, source, &options, note, &stored, err);
    dowel_input_close(d, way->from->stream, source, rc, err);
    *size = stored.size;
    return rc;
}

int dowel_way_to_stream(dowel *d, const dowel_way *way, const char *name, int64_t *size, dowel_error *err) {
    dowel_sink *sink;
    int rc = dowel_sink_file(way->to->stream, &sink, err);
    if (rc) return rc;
    rc = way->from->objects->get(d, way->from->block, name, NULL, &way->parts, sink, err);
    *size = dowel_sink_written(sink);
    if (!rc) rc = dowel_sink_commit(sink, err);
    dowel_sink_close(sink);
    /* Another attempt would write the same bytes again. */
    if (rc && *size && err) {
        err->retryable = false;
        err->permanent = true;
    }
    return rc;
}
