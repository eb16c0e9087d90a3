/* block.check: proves a block. What it uses first, then itself; only its own failure is one where it can be asked. */
#include "types.h"

#include <dowel/registry.h>

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err);

/* A block that uses this one may work all the same: a server that speaks S3 has nobody to ask who somebody is. */
static json_t *unproved(const dowel_block *used, const dowel_error *why) {
    return json_pack("{s:s,s:s,s:s*}", "block", dowel_block_reference(used), "error", why->message, "fix",
                     *why->hint ? why->hint : NULL);
}

/* *doubt: the first failure of a block that this one uses, or 0 with `why` not filled. */
static int prove_used(dowel *d, dowel_block *block, json_t *report, int *doubt, dowel_error *why, dowel_error *err) {
    const dowel_table *table = dowel_block_type_of(block)->table;
    const char *data = dowel_block_data(block);
    json_t *uses = json_array();
    int rc = uses ? 0 : dowel_no_memory(err);
    for (const dowel_field *field = table->fields; field->name && !rc; field++) {
        if (field->kind != DOWEL_BLOCK) continue;
        dowel_block *used = *(dowel_block *const *)(const void *)(data + field->offset);
        json_t *found;
        if (!used) continue;
        dowel_error failure;
        int failed = prove(d, used, &found, &failure);
        if (failed && !*doubt) {
            *doubt = failed;
            *why = failure;
        }
        if (failed) found = unproved(used, &failure);
        if (json_array_append_new(uses, found)) rc = dowel_no_memory(err);
        if (!rc) rc = dowel_check(d, err);
    }
    if (!rc && json_array_size(uses)) json_object_set(report, "uses", uses);
    json_decref(uses);
    return rc;
}

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err) {
    const dowel_block_type *type = dowel_block_type_of(block);
    json_t *found = json_pack("{s:s}", "block", dowel_block_reference(block));
    if (!found) return dowel_no_memory(err);
    dowel_error why;
    int doubt = 0, rc = prove_used(d, block, found, &doubt, &why, err);
    bool can = type->size >= offsetof(dowel_block_type, check) + sizeof type->check && type->check;
    if (!rc && can) {
        rc = type->check(d, block, found, err);
        if (rc) dowel_error_prefix(err, "%s: ", dowel_block_reference(block));
    }
    if (doubt && (rc || !can)) { /* what is wrong below says more */
        rc = doubt;
        if (err) *err = why;
    }
    if (rc)
        json_decref(found);
    else
        *report = found;
    return rc;
}

static const dowel_field fields[] = {{DOWEL_AT(dowel_block_check_args, block), .kind = DOWEL_BLOCK,
                                      .flags = DOWEL_REQUIRED, .doc = "The block to prove.",
                                      .example = "gcs-bucket/landing"},
                                     {DOWEL_GIVEN_AT(dowel_block_check_args)},
                                     {0}};
static const dowel_table table = {"block.check", sizeof(dowel_block_check_args), fields, NULL};

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_block_check_args *args = data;
    return prove(d, args->block, result, err);
}

const dowel_task dowel_block_check_task = {
    .size = sizeof(dowel_task),
    .name = "block.check",
    .doc = "Proves a block: who its provider says it is, and what it may do.",
    .args = &table,
    .run = run,
    .example = "--block gcs-bucket/landing",
};
