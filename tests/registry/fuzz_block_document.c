/* Any JSON as the document of any block type: decoded, split into what is shown and what is sealed, joined, masked. */
#include "secrets.h"

#include <dowel/dowel.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_split(dowel *d, const dowel_block_type *type, const json_t *document) {
    json_t *shown, *secrets;
    dowel_error err;
    if (dowel_secrets_split(d, type, document, &shown, &secrets, &err)) return;
    json_t *joined = json_deep_copy(shown), *masked = json_deep_copy(shown);
    if (dowel_secrets_join(joined, secrets, &err) || dowel_secrets_present(joined)) abort();
    /* The same document again gives the same parts. */
    json_t *shown_again, *secrets_again;
    if (dowel_secrets_split(d, type, joined, &shown_again, &secrets_again, &err)) abort();
    if (!json_equal(shown, shown_again) || !json_equal(secrets, secrets_again)) abort();
    dowel_secrets_mask(masked, false);
    if (dowel_secrets_present(masked)) abort();
    json_t *parts[] = {shown, secrets, joined, masked, shown_again, secrets_again};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) json_decref(parts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dowel *d;
    dowel_error err;
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .no_history = true};
    if (!d && dowel_open(&d, &options, &err)) abort();
    if (!size) return 0;
    size_t types = 0;
    while (dowel_block_type_at(d, types)) types++;
    const dowel_block_type *type = dowel_block_type_at(d, data[0] % types);
    json_t *document = NULL;
    if (dowel_json_parse((const char *)data + 1, size - 1, "fuzz", &document, &err)) return 0;
    if (json_is_object(document)) {
        dowel_record *record;
        check_split(d, type, document);
        if (!dowel_record_decode(type->table, document, NULL, &record, &err)) {
            json_decref(dowel_fields_encode(type->table, dowel_record_data(record), DOWEL_SECRETS_SHOWN));
            dowel_record_free(record);
        }
    }
    json_decref(document);
    return 0;
}
