/* Filling JSON values: the first failure is remembered and reported at the end. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <string.h>

static void fail(dowel_builder *b, int code, const char *member) {
    if (b->failed) return;
    b->failed = code;
    b->member = member;
}

dowel_builder dowel_build(json_t *value) {
    return (dowel_builder){.value = value, .failed = value ? 0 : DOWEL_E_NO_MEMORY};
}

void dowel_build_text(dowel_builder *b, const char *name, const char *text) {
    if (!text) return;
    if (dowel_is_utf8(text, strlen(text)))
        dowel_build_json(b, name, json_string(text));
    else
        fail(b, DOWEL_E_INVALID, name);
}

void dowel_build_int(dowel_builder *b, const char *name, json_int_t number) {
    dowel_build_json(b, name, json_integer(number));
}

void dowel_build_bool(dowel_builder *b, const char *name, bool value) {
    dowel_build_json(b, name, json_boolean(value));
}

void dowel_build_json(dowel_builder *b, const char *name, json_t *value) {
    if (b->failed)
        json_decref(value);
    else if (json_object_set_new(b->value, name, value))
        fail(b, DOWEL_E_NO_MEMORY, name);
}

void dowel_build_item(dowel_builder *b, json_t *value) {
    if (b->failed)
        json_decref(value);
    else if (json_array_append_new(b->value, value))
        fail(b, DOWEL_E_NO_MEMORY, NULL);
}

int dowel_build_end(dowel_builder *b, json_t **value, dowel_error *err) {
    int rc = b->failed;
    if (rc == DOWEL_E_INVALID)
        (void)dowel_fail(err, rc, "\"%s\" is not UTF-8", b->member);
    else if (rc)
        (void)dowel_no_memory(err);
    if (value) *value = rc ? NULL : b->value;
    if (rc)
        dowel_json_cleanse(b->value);
    else if (!value)
        json_decref(b->value);
    *b = (dowel_builder){.value = NULL, .failed = DOWEL_E_INTERNAL};
    return rc;
}

json_t *dowel_json_text(const char *text) {
    if (!text) return json_null();
    return json_string(dowel_is_utf8(text, strlen(text)) ? text : "(not UTF-8)");
}
