/* From a struct to JSON, by its table; masks and schemas. */
#include "fields_internal.h"

#include <dowel/stream.h>

#include <stdlib.h>
#include <string.h>

static json_t *encode_bytes(const dowel_bytes *bytes) {
    char *text = dowel_base64(bytes->data, bytes->size);
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

static json_t *encode_block(dowel_block *block, dowel_secrets secrets) {
    if (dowel_block_name(block)) return json_pack("{s:s}", "$block", dowel_block_reference(block));
    json_t *document = dowel_block_document(block, secrets);
    if (document && json_object_set_new(document, "$type", json_string(dowel_block_type_of(block)->name))) {
        json_decref(document);
        return NULL;
    }
    return document;
}

/* Text that is passed on byte for byte is kept as text: whoever writes the document may sort the members of objects. */
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
    case DOWEL_PATH: {
        /* A path that is not UTF-8 cannot be JSON; what it stands for is lost, but not the rest. */
        json_t *text = json_string(*(const char *const *)member);
        return text ? text : json_string("(not UTF-8)");
    }
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
    case DOWEL_LIST: {
        json_t *array = json_array();
        for (const char *const *item = *(const char *const *const *)member; *item; item++)
            json_array_append_new(array, json_string(*item));
        return array;
    }
    case DOWEL_MAP: {
        json_t *object = json_object();
        for (const dowel_pair *pair = *(const dowel_pair *const *)member; pair->name; pair++)
            json_object_set_new(object, pair->name, json_string(pair->value));
        return object;
    }
    case DOWEL_TABLE: return dowel_fields_encode(field->table, *(const void *const *)member, secrets);
    case DOWEL_TABLES: {
        json_t *array = json_array();
        for (const void *const *item = *(const void *const *const *)member; *item; item++)
            json_array_append_new(array, dowel_fields_encode(field->table, *item, secrets));
        return array;
    }
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
    json_t *object = json_object();
    if (!object) return NULL;
    const char *given = dowel_given_of(table, data);
    for (const dowel_field *field = table->fields; field->name; field++) {
        const void *member = (const char *)data + field->offset;
        if (dowel_field_c_only(field)) continue;
        if (dowel_member_is_zero(field, member) &&
            !(dowel_kind_has_zero(field->kind) && dowel_given(given, field->name)))
            continue;
        bool secret = dowel_field_is_secret(field, member);
        if (secret && secrets == DOWEL_SECRETS_OMITTED) continue;
        json_t *value =
            secret && secrets == DOWEL_SECRETS_MASKED ? json_string(DOWEL_MASK) : encode_member(field, member, secrets);
        if (!value || json_object_set_new(object, field->name, value)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *dowel_fields_mask(const dowel_table *table, const json_t *document) {
    json_t *masked = json_deep_copy(document);
    for (const dowel_field *field = table->fields; json_is_object(masked) && field->name; field++) {
        json_t *value = json_object_get(masked, field->name);
        if (!value || json_is_null(value)) continue;
        if (field->flags & DOWEL_SECRET) {
            json_object_set_new(masked, field->name, json_string(DOWEL_MASK));
        } else if (field->kind == DOWEL_TABLE) {
            json_object_set_new(masked, field->name, dowel_fields_mask(field->table, value));
        } else if (field->kind == DOWEL_TABLES) {
            for (size_t i = 0; i < json_array_size(value); i++)
                json_array_set_new(value, i, dowel_fields_mask(field->table, json_array_get(value, i)));
        }
    }
    return masked;
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
    case DOWEL_ENUM: {
        json_t *values = json_array();
        for (const char *const *v = field->values; *v; v++) json_array_append_new(values, json_string(*v));
        return json_pack("{s:o}", "enum", values);
    }
    default: return json_pack("{s:s}", "type", "string");
    }
}

json_t *dowel_fields_schema(const dowel_table *table) {
    json_t *properties = json_object(), *required = json_array();
    for (const dowel_field *field = table->fields; field->name; field++) {
        if (dowel_field_c_only(field)) continue;
        json_t *schema = kind_schema(field);
        if (field->doc) json_object_set_new(schema, "description", json_string(field->doc));
        if (field->flags & DOWEL_SECRET) json_object_set_new(schema, "writeOnly", json_true());
        if (field->fallback || field->kind == DOWEL_ENUM)
            json_object_set_new(schema, "default", json_string(field->fallback ? field->fallback : field->values[0]));
        if (field->example) json_object_set_new(schema, "examples", json_pack("[s]", field->example));
        if (field->flags & DOWEL_REQUIRED) json_array_append_new(required, json_string(field->name));
        json_object_set_new(properties, field->name, schema);
    }
    json_t *schema =
        json_pack("{s:s,s:s,s:s,s:o,s:b}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  table->name, "type", "object", "properties", properties, "additionalProperties", 0);
    if (schema && json_array_size(required)) json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}
