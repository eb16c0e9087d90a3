/* Fills the members that a call does not give from the saved defaults (dowel_field.setting). */
#include "decoding.h"

#include <stdlib.h>
#include <string.h>

static bool is_absent(const decoding *at, const dowel_field *field, const void *data, const json_t *said) {
    const json_t *value = said ? json_object_get(said, field->name) : NULL;
    return field->setting && (!value || json_is_null(value)) &&
           dowel_member_is_zero(field, (const char *)data + field->offset) &&
           !dowel_given(dowel_given_of(at->table, data), field->name);
}

static int preset_of(const decoding *at, const char *setting, char **text) {
    *text = NULL;
    return at->resolver->preset(at->resolver->context, setting, text, at->err);
}

static int set_block(const decoding *at, const dowel_field *field, const char *text, void *member) {
    dowel_block *block = NULL;
    int rc = at->resolver->by_name(at->resolver->context, text, field->blocks, &block, at->err);
    if (rc) return rc;
    if (dowel_arena_defer(at->arena, dowel_fields_end_block, block)) return dowel_no_memory(at->err);
    *(dowel_block **)member = block;
    return 0;
}

static int fill(const decoding *at, const dowel_field *field, void *member) {
    char *text;
    int rc = preset_of(at, field->setting, &text);
    if (!rc && text && field->kind == DOWEL_BLOCK) {
        rc = set_block(at, field, text, member);
    } else if (!rc && text) {
        *(const char **)member = dowel_arena_text(at->arena, text, strlen(text));
        if (!*(const char **)member) rc = dowel_no_memory(at->err);
    }
    if (rc)
        dowel_error_prefix(at->err, "%s: field \"%s%s\": the default %s: ", at->root, at->path, field->name,
                           field->setting);
    free(text);
    return rc;
}

/* The credentials of a struct, or of a block in it; *setting is the default that they could come from. */
static const dowel_block *credentials_of(const dowel_table *table, const void *data, bool deeper,
                                         const char **setting) {
    const dowel_block *found = NULL;
    for (const dowel_field *field = table->fields; !found && field->name; field++) {
        if (field->kind != DOWEL_BLOCK) continue;
        const dowel_block *block = *(dowel_block *const *)(const void *)((const char *)data + field->offset);
        if (block && field->setting) {
            *setting = field->setting;
            found = block;
        } else if (block && deeper) {
            found = credentials_of(dowel_block_type_of(block)->table, dowel_block_data(block), false, setting);
        }
    }
    return found;
}

/* Whether the call names credentials that are not the default ones: the default project and region are not theirs. */
static int uses_others(const decoding *at, const void *data, bool *others) {
    const char *setting = NULL;
    const dowel_block *block = credentials_of(at->table, data, true, &setting);
    char *text = NULL;
    *others = false;
    if (!block) return 0;
    int rc = preset_of(at, setting, &text);
    *others = !rc && (!text || strcmp(text, dowel_block_reference(block)) != 0);
    free(text);
    return rc;
}

int dowel_fields_fill(const decoding *at, void *data, const json_t *said) {
    if (!at->resolver || !at->resolver->preset) return 0;
    bool others = false, asked = false;
    int rc = 0;
    /* Credentials first. */
    for (const dowel_field *field = at->table->fields; !rc && field->name; field++)
        if (field->kind == DOWEL_BLOCK && is_absent(at, field, data, said))
            rc = fill(at, field, (char *)data + field->offset);
    for (const dowel_field *field = at->table->fields; !rc && field->name; field++) {
        if (field->kind != DOWEL_STRING || !is_absent(at, field, data, said)) continue;
        if (!asked) rc = uses_others(at, data, &others);
        asked = true;
        if (!rc && !others) rc = fill(at, field, (char *)data + field->offset);
    }
    return rc;
}
