/* Secret handles of runs (upload sessions) are kept sealed with the registry's keys. */
#include "keyring.h"

#include "types.h"

#include <dowel/stream.h>

#include <stdlib.h>
#include <string.h>

static int seal(dowel *d, const char *owner, const char *plain, char **sealed, dowel_error *err) {
    const dowel_keys *keys;
    const dowel_sealed_for bound = {"run", owner, 1};
    void *blob = NULL;
    size_t size = 0;
    int rc = dowel_keys_get(d, true, &keys, err);
    if (!rc) rc = dowel_seal(&keys->list[0], &bound, plain, strlen(plain), &blob, &size, err);
    if (!rc && !(*sealed = dowel_base64(blob, size))) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    free(blob);
    return rc;
}

static int open_sealed(dowel *d, const char *owner, const char *sealed, char **plain, dowel_error *err) {
    const dowel_sealed_for bound = {"run", owner, 1};
    void *blob = NULL, *text = NULL;
    size_t size = 0, length = 0;
    char id[DOWEL_KEY_ID_SIZE];
    int rc = dowel_base64_decode(sealed, &blob, &size);
    if (!rc) rc = dowel_sealed_key_id(blob, size, id, err);
    if (!rc) rc = dowel_open_sealed(d, &bound, id, blob, size, &text, &length, err);
    if (!rc) *plain = text;
    free(blob);
    return rc;
}

const dowel_sealer dowel_handle_sealer = {seal, open_sealed};
