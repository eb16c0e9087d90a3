/* block.check: proves a block. What it uses first, then itself. */
#include "types.h"

#include <dowel/registry.h>

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err);

static int prove_used(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    const dowel_table *table = dowel_block_type_of(block)->table;
    const char *data = dowel_block_data(block);
    json_t *uses = json_array();
    int rc = uses ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    for (const dowel_field *field = table->fields; field->name && !rc; field++) {
        if (field->kind != DOWEL_BLOCK) continue;
        dowel_block *used = *(dowel_block *const *)(const void *)(data + field->offset);
        json_t *found;
        if (!used) continue;
        rc = prove(d, used, &found, err);
        if (!rc) json_array_append_new(uses, found);
    }
    if (!rc && json_array_size(uses)) json_object_set(report, "uses", uses);
    json_decref(uses);
    return rc;
}

static int prove(dowel *d, dowel_block *block, json_t **report, dowel_error *err) {
    const dowel_block_type *type = dowel_block_type_of(block);
    json_t *found = json_pack("{s:s}", "block", dowel_block_reference(block));
    if (!found) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = prove_used(d, block, found, err);
    bool can = type->size >= offsetof(dowel_block_type, check) + sizeof type->check && type->check;
    if (!rc && can) {
        rc = type->check(d, block, found, err);
        if (rc) dowel_error_prefix(err, "%s: ", dowel_block_reference(block));
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
