/* Handles of a run without a record: kept in memory, so that later attempts find the remote work of earlier ones. */
#include "run.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

bool dowel_run_is_recorded(const dowel_run *run) {
    return !run->unrecorded && !run->scope.core->options.no_history;
}

/* A handle may grant access. */
static void cleanse(const json_t *handle) {
    if (handle) OPENSSL_cleanse((char *)json_string_value(handle), json_string_length(handle));
}

int dowel_run_keep_handle(dowel_run *run, const char *name, const char *value, dowel_error *err) {
    dowel_core *core = run->scope.core;
    pthread_mutex_lock(&core->lock);
    if (!run->handles) run->handles = json_object();
    cleanse(json_object_get(run->handles, name));
    int failed = json_object_set_new(run->handles, name, value ? json_string(value) : NULL);
    pthread_mutex_unlock(&core->lock);
    return failed ? dowel_no_memory(err) : 0;
}

int dowel_run_handle(dowel_run *run, const char *name, char **value, dowel_error *err) {
    dowel_core *core = run->scope.core;
    pthread_mutex_lock(&core->lock);
    const char *kept = json_string_value(json_object_get(run->handles, name));
    *value = kept ? strdup(kept) : NULL;
    bool failed = kept && !*value;
    pthread_mutex_unlock(&core->lock);
    return failed ? dowel_no_memory(err) : 0;
}

void dowel_run_drop_handle(dowel_run *run, const char *name) {
    dowel_core *core = run->scope.core;
    pthread_mutex_lock(&core->lock);
    cleanse(json_object_get(run->handles, name));
    json_object_del(run->handles, name);
    pthread_mutex_unlock(&core->lock);
}

void dowel_run_drop_handles(dowel_run *run) {
    const char *name;
    json_t *handle;
    json_object_foreach(run->handles, name, handle) cleanse(handle);
    json_decref(run->handles);
    run->handles = NULL;
}
