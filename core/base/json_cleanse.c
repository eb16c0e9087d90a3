/* Overwriting the texts of a document before it is freed. */
#include <dowel/json.h>

#include <openssl/crypto.h>

static void wipe(json_t *value) {
    const char *key;
    size_t i;
    json_t *member;
    /* Another holder still needs it. */
    if (!value || value->refcount > 1) return;
    json_object_foreach(value, key, member) wipe(member);
    json_array_foreach(value, i, member) wipe(member);
    if (json_is_string(value)) OPENSSL_cleanse((char *)json_string_value(value), json_string_length(value));
}

void dowel_json_cleanse(json_t *document) {
    wipe(document);
    json_decref(document);
}
