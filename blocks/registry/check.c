/* Task block.check: checks the blocks that a block uses, then the block itself. If its type has a check, only that decides. */
#include "types.h"

#include <dowel/registry.h>

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err);

/* The block may still work: an S3-compatible server need not have an API that tells who the caller is. */
static json_t *unproved(const dowel_block *used, const dowel_error *why) {
    dowel_builder b = dowel_build(json_object());
    json_t *report = NULL;
    dowel_build_text(&b, "block", dowel_block_reference(used));
    dowel_build_json(&b, "error", dowel_json_text(why->message));
    if (*why->hint) dowel_build_json(&b, "fix", dowel_json_text(why->hint));
    (void)dowel_build_end(&b, &report, NULL);
    return report;
}

static bool has_check(const dowel_block *block) {
    const dowel_block_type *type = dowel_block_type_of(block);
    return type->size >= offsetof(dowel_block_type, check) + sizeof type->check && type->check;
}

/* The address of a server of one's own, such as MinIO: the cloud that the credentials' type belongs to does not know them. */
static bool has_own_endpoint(const dowel_block *block) {
    const char *data = dowel_block_data(block);
    for (const dowel_field *field = dowel_block_type_of(block)->table->fields; field->name; field++)
        if (field->flags & DOWEL_ADDRESS && *(const char *const *)(const void *)(data + field->offset)) return true;
    return false;
}

/* *doubt: the code of the first failure of a used block, with its error in *why; 0: none failed. */
static int prove_used(dowel *d, dowel_block *block, json_t *report, int *doubt, dowel_error *why, dowel_error *err) {
    bool elsewhere = has_check(block) && has_own_endpoint(block);
    const dowel_table *table = dowel_block_type_of(block)->table;
    const char *data = dowel_block_data(block);
    dowel_builder uses = dowel_build(json_array());
    int rc = 0;
    for (const dowel_field *field = table->fields; field->name && !rc; field++) {
        if (field->kind != DOWEL_BLOCK) continue;
        dowel_block *used = *(dowel_block *const *)(const void *)(data + field->offset);
        json_t *found;
        if (!used || (elsewhere && !has_own_endpoint(used))) continue;
        dowel_error failure;
        int failed = prove(d, used, &found, &failure);
        if (failed && !*doubt) {
            *doubt = failed;
            *why = failure;
        }
        if (failed) found = unproved(used, &failure);
        dowel_build_item(&uses, found);
        rc = dowel_check(d, err);
    }
    json_t *list = NULL;
    int built = dowel_build_end(&uses, &list, rc ? NULL : err);
    if (!rc) rc = built;
    if (!rc && json_array_size(list) && json_object_set(report, "uses", list)) rc = dowel_no_memory(err);
    json_decref(list);
    return rc;
}

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err) {
    const dowel_block_type *type = dowel_block_type_of(block);
    json_t *found = json_pack("{s:s}", "block", dowel_block_reference(block));
    if (!found) return dowel_no_memory(err);
    dowel_error why;
    bool can = has_check(block);
    int doubt = 0, rc = prove_used(d, block, found, &doubt, &why, err);
    if (!rc && can) {
        rc = type->check(d, block, found, err);
        if (rc) dowel_error_prefix(err, "%s: ", dowel_block_reference(block));
    }
    if (doubt && (rc || !can)) { /* the error of the used block says more */
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
                                      .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .doc = "Block to check.",
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
    .doc = "Checks a block with its provider: identity and permissions.",
    .args = &table,
    .run = run,
    .example = "--block gcs-bucket/landing",
};
