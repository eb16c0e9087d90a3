/* Bundles and templates: any JSON, and lists of blocks that refer to one another in any way, are restored whole, or refused with nothing saved. */
#include "passphrase_internal.h"

#include <dowel/dowel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dowel *d;

static void restore(const json_t *exported) {
    json_t *saved = NULL, *list = NULL;
    dowel_error err;
    (void)dowel_wrapped_check("dowel-bundle", exported, "fuzz", &err);
    /* Without a passphrase: what scrypt costs is not what is tested. */
    int rc = dowel_blocks_restore(d, exported, "fuzz", NULL, DOWEL_SAVE_NEW, &saved, &err);
    if (rc && (saved || !*err.message)) abort();
    if (dowel_block_list(d, NULL, &list, &err)) abort();
    if (rc ? json_array_size(list) != 0 : json_array_size(list) != json_array_size(saved)) abort();
    /* Those that others refer to come later. */
    for (size_t left = json_array_size(saved); left;) {
        size_t before = left;
        for (size_t i = json_array_size(saved); i--;) {
            const char *name = json_string_value(json_object_get(json_array_get(saved, i), "block"));
            if (name && !dowel_block_delete(d, name, false, &err)) {
                json_object_del(json_array_get(saved, i), "block");
                left--;
            }
        }
        if (left == before) abort();
    }
    json_decref(saved);
    json_decref(list);
}

/* Four bytes for each block: its type, its name, its document, and whom it refers to. */
static json_t *blocks_of(const uint8_t *data, size_t size) {
    static const char *const types[] = {"secret",     "aws-credentials", "s3-bucket", "lambda-function",
                                        "gcs-bucket", "gcp-credentials", "nothing",   ""},
                             *const names[] = {"a", "b", "c", "d", "e", "B", "../f", "b b"};
    json_t *list = json_array();
    for (; size >= 4; data += 4, size -= 4) {
        const char *type = types[data[0] % 8], *name = names[data[1] % 8];
        char target[40];
        snprintf(target, sizeof target, "%s/%s", types[data[3] % 8], names[data[3] / 8 % 8]);
        json_t *document = NULL;
        switch (data[2] % 8) {
        case 0: document = json_pack("{s:s}", "value", "v"); break;
        case 1: document = json_pack("{s:s,s:{s:s}}", "bucket", "b", "credentials", "$block", target); break;
        case 2: document = json_pack("{s:s,s:{s:s}}", "role_arn", "r", "source", "$block", target); break;
        case 3: document = json_pack("{s:s,s:s}", "access_key_id", "A", "secret_access_key", "s"); break;
        case 4: document = json_pack("{s:s,s:s}", "access_key_id", "A", "secret_access_key", "********"); break;
        case 5:
            document = json_pack("{s:s,s:{s:{s:s}}}", "bucket", "b", "credentials", "source", "$block", target);
            break;
        case 6: document = json_pack("{s:{s:s,s:i}}", "credentials", "$block", target, "more", 1); break;
        default: document = json_null();
        }
        json_t *block = json_pack("{s:s,s:s,s:o}", "type", type, "name", name, "document", document);
        if (data[2] & 8) json_object_set_new(block, "version", json_integer(data[2] / 16));
        json_array_append_new(list, block);
    }
    return json_pack("{s:s,s:i,s:o}", "format", "dowel-template", "version", 1, "blocks", list);
}

/* The envelope of a bundle, of which some numbers are too large, too small or none. */
static json_t *envelope_of(const uint8_t *data, size_t size) {
    static const json_int_t numbers[] = {131072, 8, 1, 0, -1, 3, 1 << 30, INT64_MAX, 1 << 20, 16};
    json_t *envelope =
        json_pack("{s:s,s:i,s:s}", "format", "dowel-bundle", "version", 1, "kdf", size > 5 ? "scrypt" : "other");
    static const char *const members[] = {"n", "r", "p"};
    for (size_t i = 0; i < 3 && i < size; i++)
        json_object_set_new(envelope, members[i],
                            json_integer(numbers[data[i] % (sizeof numbers / sizeof numbers[0])]));
    if (size > 4) {
        size_t salt = (size_t)data[3] % (size - 3);
        char *text = dowel_base64(data + 4, salt), *rest = dowel_base64(data + 4 + salt, size - 4 - salt);
        if (text) json_object_set_new(envelope, "salt", json_string(text));
        if (rest) json_object_set_new(envelope, "sealed", json_string(rest));
        free(text);
        free(rest);
    }
    return envelope;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dowel_error err;
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .no_history = true};
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    if (!d && dowel_open(&d, &options, &err)) abort();
    json_t *exported = NULL;
    if (!dowel_json_parse((const char *)data, size, "fuzz", &exported, &err)) restore(exported);
    json_decref(exported);
    exported = blocks_of(data, size < 64 ? size : 64);
    restore(exported);
    json_decref(exported);
    exported = envelope_of(data, size);
    restore(exported);
    json_decref(exported);
    return 0;
}
