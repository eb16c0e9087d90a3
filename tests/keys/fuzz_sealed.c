/* Any bytes as a sealed blob: never anything but an error, except what was really sealed. */
#include "sealing_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    dowel_keys keys;
    dowel_error err;
    if (dowel_keys_parse(text, sizeof text - 1, "fuzz", &keys, &err)) abort();
    dowel_sealed_for owner = {"node", "a", 1, 1, "{}", size & 1};
    void *plain = NULL, *sealed = NULL;
    size_t plain_size = 0, sealed_size = 0;
    if (!dowel_unseal(&keys, &owner, keys.list->id, data, size, &plain, &plain_size, &err)) abort();
    /* What the first two bytes flip in a good blob must be seen. */
    if (size >= 3 && data[2]) {
        if (dowel_seal(keys.list, &owner, data, size, &sealed, &sealed_size, &err)) abort();
        if (dowel_unseal(&keys, &owner, keys.list->id, sealed, sealed_size, &plain, &plain_size, &err)) abort();
        if (plain_size != size || memcmp(plain, data, size) != 0) abort();
        free(plain);
        ((uint8_t *)sealed)[(size_t)(data[0] << 8 | data[1]) % sealed_size] ^= data[2];
        if (!dowel_unseal(&keys, &owner, keys.list->id, sealed, sealed_size, &plain, &plain_size, &err)) abort();
        free(sealed);
    }
    dowel_keys_clear(&keys);
    dowel_keys parsed = {0};
    if (!dowel_keys_parse((const char *)data, size, "fuzz", &parsed, &err)) dowel_keys_clear(&parsed);
    return 0;
}
