/* From a struct to JSON, by its table; masks and schemas. */
#include "fields_internal.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <stdlib.h>
#include <string.h>

static json_t *encode_bytes(const dowel_bytes *bytes) {
    char *text = dowel_base64(bytes->data, bytes->size);
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

static json_t *built(dowel_builder *b) {
    json_t *value;
    return dowel_build_end(b, &value, NULL) ? NULL : value;
}

static json_t *encode_list(const char *const *list) {
    dowel_builder b = dowel_build(json_array());
    for (; *list; list++) dowel_build_item(&b, dowel_json_text(*list));
    return built(&b);
}

static json_t *encode_map(const dowel_pair *pair) {
    dowel_builder b = dowel_build(json_object());
    for (; pair->name; pair++)
        if (dowel_is_utf8(pair->name, strlen(pair->name)))
            dowel_build_json(&b, pair->name, dowel_json_text(pair->value ? pair->value : ""));
        else
            dowel_build_text(&b, "(not UTF-8)", "(not UTF-8)");
    return built(&b);
}

static json_t *encode_tables(const dowel_table *table, const void *const *items, dowel_secrets secrets) {
    dowel_builder b = dowel_build(json_array());
    for (; *items; items++) dowel_build_item(&b, dowel_fields_encode(table, *items, secrets));
    return built(&b);
}

static json_t *encode_block(dowel_block *block, dowel_secrets secrets) {
    if (dowel_block_name(block)) return json_pack("{s:s}", "$block", dowel_block_reference(block));
    dowel_builder b = dowel_build(dowel_block_document(block, secrets));
    dowel_build_text(&b, "$type", dowel_block_type_of(block)->name);
    return built(&b);
}

/* JSON that is passed on byte for byte is kept as text, because members may be sorted when the document is written. */
static json_t *encode_json(const dowel_field *field, const json_t *value) {
    bool plain = (json_is_object(value) || json_is_array(value)) && field->flags & DOWEL_VERBATIM;
    if (!plain) return field->flags & DOWEL_VERBATIM ? dowel_json_wrap(value, false) : json_deep_copy(value);
    char *text = dowel_json_dump(value, 0);
    json_t *verbatim = text ? dowel_json_verbatim(text, strlen(text)) : NULL, *wrapped = NULL;
    if (verbatim) wrapped = dowel_json_wrap(verbatim, false);
    json_decref(verbatim);
    free(text);
    return wrapped;
}

static json_t *encode_member(const dowel_field *field, const void *member, dowel_secrets secrets) {
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: return dowel_json_text(*(const char *const *)member); /* the name of a file may be anything */
    case DOWEL_BOOL: return json_boolean(*(const bool *)member);
    case DOWEL_INT:
    case DOWEL_SIZE: return json_integer(*(const int64_t *)member);
    case DOWEL_FLOAT:
    case DOWEL_DURATION: return json_real(*(const double *)member);
    case DOWEL_TIME: {
        char text[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(*(const int64_t *)member, text);
        return json_string(text);
    }
    case DOWEL_ENUM: return json_string(field->values[*(const int *)member]);
    case DOWEL_BYTES: return encode_bytes(member);
    case DOWEL_LIST: return encode_list(*(const char *const *const *)member);
    case DOWEL_MAP: return encode_map(*(const dowel_pair *const *)member);
    case DOWEL_TABLE: return dowel_fields_encode(field->table, *(const void *const *)member, secrets);
    case DOWEL_TABLES: return encode_tables(field->table, *(const void *const *const *)member, secrets);
    case DOWEL_JSON: return encode_json(field, *(json_t *const *)member);
    case DOWEL_BLOCK: return encode_block(*(dowel_block *const *)member, secrets);
    default: return NULL;
    }
}

bool dowel_field_is_secret(const dowel_field *field, const void *member) {
    return field->flags & DOWEL_SECRET ||
           (field->flags & DOWEL_BLOCK_TEXT && field->kind == DOWEL_STRING && **(const char *const *)member == '{');
}

json_t *dowel_fields_encode(const dowel_table *table, const void *data, dowel_secrets secrets) {
    dowel_builder b = dowel_build(json_object());
    const char *given = dowel_given_of(table, data);
    for (const dowel_field *field = table->fields; field->name; field++) {
        const void *member = (const char *)data + field->offset;
        if (dowel_field_c_only(field)) continue;
        if (dowel_member_is_zero(field, member) &&
            !(dowel_kind_has_zero(field->kind) && dowel_given(given, field->name)))
            continue;
        bool secret = dowel_field_is_secret(field, member);
        if (secret && secrets == DOWEL_SECRETS_OMITTED) continue;
        dowel_build_json(&b, field->name,
                         secret && secrets == DOWEL_SECRETS_MASKED ? json_string(DOWEL_MASK)
                                                                   : encode_member(field, member, secrets));
    }
    return built(&b);
}

static json_t *mask_all(const dowel_table *table, const json_t *items) {
    dowel_builder b = dowel_build(json_array());
    for (size_t i = 0; i < json_array_size(items); i++)
        dowel_build_item(&b, dowel_fields_mask(table, json_array_get(items, i)));
    return built(&b);
}

json_t *dowel_fields_mask(const dowel_table *table, const json_t *document) {
    dowel_builder b = dowel_build(json_deep_copy(document));
    for (const dowel_field *field = table->fields; json_is_object(document) && field->name; field++) {
        const json_t *value = json_object_get(document, field->name);
        if (!value || json_is_null(value)) continue;
        if (field->flags & DOWEL_SECRET)
            dowel_build_text(&b, field->name, DOWEL_MASK);
        else if (field->kind == DOWEL_TABLE)
            dowel_build_json(&b, field->name, dowel_fields_mask(field->table, value));
        else if (field->kind == DOWEL_TABLES && json_is_array(value))
            dowel_build_json(&b, field->name, mask_all(field->table, value));
    }
    return built(&b);
}

/* The part of the schema that the kind alone decides. */
static json_t *kind_schema(const dowel_field *field) {
    switch (field->kind) {
    case DOWEL_BOOL: return json_pack("{s:s}", "type", "boolean");
    case DOWEL_INT: return json_pack("{s:s}", "type", "integer");
    case DOWEL_FLOAT: return json_pack("{s:s}", "type", "number");
    case DOWEL_DURATION: return json_pack("{s:[s,s]}", "type", "number", "string");
    case DOWEL_SIZE: return json_pack("{s:[s,s]}", "type", "integer", "string");
    case DOWEL_TIME: return json_pack("{s:s,s:s}", "type", "string", "format", "date-time");
    case DOWEL_BYTES: return json_pack("{s:s,s:s}", "type", "string", "contentEncoding", "base64");
    case DOWEL_LIST: return json_pack("{s:s,s:{s:s}}", "type", "array", "items", "type", "string");
    case DOWEL_MAP: return json_pack("{s:s,s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    case DOWEL_TABLE: return dowel_fields_schema(field->table);
    case DOWEL_TABLES: return json_pack("{s:s,s:o}", "type", "array", "items", dowel_fields_schema(field->table));
    case DOWEL_JSON: return json_object();
    case DOWEL_BLOCK:
        return json_pack("{s:[s,s],s:s}", "type", "string", "object", "x-dowel-block",
                         field->blocks ? field->blocks : "");
    case DOWEL_ENUM: return json_pack("{s:o}", "enum", encode_list(field->values));
    default: return json_pack("{s:s}", "type", "string");
    }
}

static json_t *field_schema(const dowel_field *field) {
    dowel_builder b = dowel_build(kind_schema(field));
    dowel_build_text(&b, "description", field->doc);
    if (field->flags & DOWEL_SECRET) dowel_build_bool(&b, "writeOnly", true);
    if (field->fallback || field->kind == DOWEL_ENUM)
        dowel_build_text(&b, "default", field->fallback ? field->fallback : field->values[0]);
    if (field->example) dowel_build_json(&b, "examples", json_pack("[s]", field->example));
    return built(&b);
}

json_t *dowel_fields_schema(const dowel_table *table) {
    dowel_builder properties = dowel_build(json_object()), required = dowel_build(json_array()),
                  b = dowel_build(json_object());
    for (const dowel_field *field = table->fields; field->name; field++) {
        if (dowel_field_c_only(field)) continue;
        dowel_build_json(&properties, field->name, field_schema(field));
        if (field->flags & DOWEL_REQUIRED) dowel_build_item(&required, json_string(field->name));
    }
    dowel_build_text(&b, "$schema", "https://json-schema.org/draft/2020-12/schema");
    dowel_build_text(&b, "title", table->name);
    dowel_build_text(&b, "type", "object");
    dowel_build_json(&b, "properties", built(&properties));
    dowel_build_bool(&b, "additionalProperties", false);
    json_t *names = built(&required);
    if (names && !json_array_size(names))
        json_decref(names);
    else
        dowel_build_json(&b, "required", names);
    return built(&b);
}
