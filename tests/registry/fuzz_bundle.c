/* Any JSON as a bundle or template: restored into a registry whole, or refused with nothing saved. */
#include "passphrase.h"

#include <dowel/dowel.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dowel *d;
    dowel_error err;
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .no_history = true};
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    if (!d && dowel_open(&d, &options, &err)) abort();
    json_t *exported = NULL, *saved = NULL, *list = NULL;
    if (dowel_json_parse((const char *)data, size, "fuzz", &exported, &err)) return 0;
    (void)dowel_wrapped_check("dowel-bundle", exported, "fuzz", &err);
    /* Without a passphrase: what scrypt costs is not what is tested. */
    int rc = dowel_blocks_restore(d, exported, "fuzz", NULL, DOWEL_SAVE_NEW, &saved, &err);
    json_decref(exported);
    if (dowel_block_list(d, NULL, &list, &err)) abort();
    if (rc ? json_array_size(list) != 0 : json_array_size(list) != json_array_size(saved)) abort();
    for (size_t i = json_array_size(saved); i--;)
        if (dowel_block_delete(d, json_string_value(json_object_get(json_array_get(saved, i), "block")), true, &err))
            abort();
    json_decref(saved);
    json_decref(list);
    return 0;
}
