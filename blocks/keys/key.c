/* Sealing keys: parses them, names them, keeps them in a list. */
#include "sealing_internal.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dowel_keys_clear(dowel_keys *keys) {
    if (keys->list) OPENSSL_cleanse(keys->list, keys->count * sizeof *keys->list);
    dowel_wipe(keys->passphrase);
    free(keys->list);
    *keys = (dowel_keys){0};
}

/* The id is a digest of the key, which does not reveal it. */
static int name_key(dowel_key *key, dowel_error *err) {
    static const char purpose[] = "dowel key id";
    unsigned char text[sizeof purpose + DOWEL_KEY_SIZE], digest[EVP_MAX_MD_SIZE];
    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, key->bytes, DOWEL_KEY_SIZE);
    int ok = EVP_Digest(text, sizeof text, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(text, sizeof text);
    if (!ok) return dowel_fail(err, DOWEL_E_INTERNAL, "cannot compute the id of a sealing key");
    for (size_t i = 0; i < (DOWEL_KEY_ID_SIZE - 1) / 2; i++) snprintf(key->id + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool decode_key(const char *word, size_t length, unsigned char bytes[DOWEL_KEY_SIZE]) {
    if (length == 2 * (size_t)DOWEL_KEY_SIZE) {
        for (size_t i = 0; i < DOWEL_KEY_SIZE; i++) {
            int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);
            if (high < 0 || low < 0) return false;
            bytes[i] = (unsigned char)(high << 4 | low);
        }
        return true;
    }
    char text[45];
    if (length != sizeof text - 1) return false;
    memcpy(text, word, length);
    text[length] = 0;
    void *data = NULL;
    size_t size = 0;
    bool good = !dowel_base64_decode(text, &data, &size) && size == DOWEL_KEY_SIZE;
    if (good) memcpy(bytes, data, DOWEL_KEY_SIZE);
    dowel_wipe_bytes(data, size);
    OPENSSL_cleanse(text, sizeof text);
    return good;
}

int dowel_key_random(dowel_key *key, dowel_error *err) {
    if (RAND_bytes(key->bytes, sizeof key->bytes) != 1)
        return dowel_fail(err, DOWEL_E_KEY, "cannot create a sealing key: no random numbers");
    return name_key(key, err);
}

int dowel_keys_insert(dowel_keys *keys, const dowel_key *key, bool front, dowel_error *err) {
    dowel_key *grown = malloc((keys->count + 1) * sizeof *grown);
    if (!grown) return dowel_no_memory(err);
    if (keys->count) memcpy(grown + (front ? 1 : 0), keys->list, keys->count * sizeof *grown);
    grown[front ? 0 : keys->count] = *key;
    /* Not realloc(), which could leave a copy of the keys behind. */
    dowel_wipe_bytes(keys->list, keys->count * sizeof *keys->list);
    keys->list = grown;
    keys->count++;
    return 0;
}

const dowel_key *dowel_keys_find(const dowel_keys *keys, const char *id) {
    for (size_t i = 0; i < keys->count; i++)
        if (!strcmp(keys->list[i].id, id)) return &keys->list[i];
    return NULL;
}

int dowel_keys_parse(const char *text, size_t size, const char *origin, dowel_keys *keys, dowel_error *err) {
    dowel_keys found = {0};
    int rc = 0;
    for (size_t i = 0; i < size && !rc;) {
        if (dowel_is_space((unsigned char)text[i]) || text[i] == ',') {
            i++;
            continue;
        }
        size_t start = i;
        while (i < size && !dowel_is_space((unsigned char)text[i]) && text[i] != ',') i++;
        dowel_key key;
        if (!decode_key(text + start, i - start, key.bytes)) {
            rc = dowel_fail(err, DOWEL_E_KEY, "%s: not a sealing key: expected 32 bytes in base64 or hexadecimal",
                            origin);
            dowel_error_hint(err, "create one with `openssl rand -base64 32`");
            break;
        }
        rc = name_key(&key, err);
        if (!rc) rc = dowel_keys_insert(&found, &key, false, err);
        OPENSSL_cleanse(&key, sizeof key);
    }
    if (!rc && !found.count) {
        rc = dowel_fail(err, DOWEL_E_KEY, "%s: contains no sealing key", origin);
        dowel_error_hint(err, "create one with `openssl rand -base64 32`");
    }
    if (rc)
        dowel_keys_clear(&found);
    else
        *keys = found;
    return rc;
}
