/* AES-256-GCM around the secrets of one block.
 *
 * A sealed blob: format version (1 byte), length of the key id (1 byte), key id, nonce (12 bytes), ciphertext, tag (16 bytes).
 *
 * Format 2 authenticates what the blob belongs to, including the public document. Format 1 did not authenticate the document; it is only read.
 * The format number is authenticated too, so a blob of one format cannot pass for the other. */
#include "sealing_internal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 2
#define OLD_FORMAT 1
#define ID_LENGTH (DOWEL_KEY_ID_SIZE - 1)
#define HEADER (2 + ID_LENGTH)
#define LARGEST ((size_t)64 << 20)

#define BOUND_SIZE 320

/* SHA-256 of the public document as 64 hexadecimal digits: a fixed size for a document of any length. */
static bool document_digest(const char *document, char hex[65]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(document, strlen(document), digest, NULL, EVP_sha256(), NULL) != 1) return false;
    for (size_t i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* The additional authenticated data; 0: it does not fit. NULs separate the parts, which contain none. */
static size_t associated(const dowel_sealed_for *owner, int format, const char *key_id, char text[BOUND_SIZE]) {
    int size = snprintf(text, BOUND_SIZE, "dowel-sealed%c%d%c%s%c%s%c%lld%c%s", 0, format, 0, owner->type, 0,
                        owner->name, 0, (long long)owner->revision, 0, key_id);
    char digest[65];
    if (format != OLD_FORMAT && size > 0 && size < BOUND_SIZE) {
        if (!document_digest(owner->document ? owner->document : "", digest)) return 0;
        int more =
            snprintf(text + size, (size_t)(BOUND_SIZE - size), "%c%lld%c%s", 0, (long long)owner->version, 0, digest);
        size = more > 0 ? size + more : 0;
    }
    return size > 0 && size < BOUND_SIZE ? (size_t)size : 0;
}

bool dowel_gcm_seal(const unsigned char key[DOWEL_KEY_SIZE], const void *bound, size_t bound_size, const void *plain,
                    size_t size, unsigned char *out) {
    unsigned char *nonce = out, *text = nonce + DOWEL_GCM_NONCE;
    int length = 0, last = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool ok = cipher && RAND_bytes(nonce, DOWEL_GCM_NONCE) == 1 &&
              EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &length, bound, (int)bound_size) == 1 &&
              EVP_EncryptUpdate(cipher, text, &length, plain, (int)size) == 1 &&
              EVP_EncryptFinal_ex(cipher, text + length, &last) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, DOWEL_GCM_TAG, text + size) == 1 &&
              (size_t)length + (size_t)last == size;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

bool dowel_gcm_open(const unsigned char key[DOWEL_KEY_SIZE], const void *bound, size_t bound_size,
                    const unsigned char *in, size_t size, unsigned char *out) {
    const unsigned char *nonce = in, *text = nonce + DOWEL_GCM_NONCE;
    size_t text_size = size - DOWEL_GCM_NONCE - DOWEL_GCM_TAG;
    int length = 0, last = 0;
    unsigned char tag[DOWEL_GCM_TAG];
    memcpy(tag, text + text_size, DOWEL_GCM_TAG);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool ok = cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
              EVP_DecryptUpdate(cipher, NULL, &length, bound, (int)bound_size) == 1 &&
              EVP_DecryptUpdate(cipher, out, &length, text, (int)text_size) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, DOWEL_GCM_TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(cipher, out + length, &last) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (!ok) OPENSSL_cleanse(out, text_size);
    return ok;
}

int dowel_seal(const dowel_key *key, const dowel_sealed_for *owner, const void *plain, size_t size, void **sealed,
               size_t *sealed_size, dowel_error *err) {
    char bound[BOUND_SIZE];
    size_t bound_size = associated(owner, FORMAT, key->id, bound);
    if (!bound_size || size > LARGEST)
        return dowel_fail(err, DOWEL_E_INVALID, "block %s/%s: too large to seal", owner->type, owner->name);
    unsigned char *out = malloc(HEADER + DOWEL_GCM_NONCE + size + DOWEL_GCM_TAG);
    if (!out) return dowel_no_memory(err);
    out[0] = FORMAT;
    out[1] = ID_LENGTH;
    memcpy(out + 2, key->id, ID_LENGTH);
    if (!dowel_gcm_seal(key->bytes, bound, bound_size, plain, size, out + HEADER)) {
        free(out);
        return dowel_fail(err, DOWEL_E_INTERNAL, "block %s/%s: sealing failed", owner->type, owner->name);
    }
    *sealed = out;
    *sealed_size = HEADER + DOWEL_GCM_NONCE + size + DOWEL_GCM_TAG;
    return 0;
}

int dowel_sealed_key_id(const void *sealed, size_t sealed_size, char id[DOWEL_KEY_ID_SIZE], dowel_error *err) {
    const unsigned char *in = sealed;
    if (sealed_size < HEADER || (in[0] != FORMAT && in[0] != OLD_FORMAT) || in[1] != ID_LENGTH)
        return dowel_fail(err, DOWEL_E_CORRUPT, "sealed data is damaged: it has no valid header");
    memcpy(id, in + 2, ID_LENGTH);
    id[ID_LENGTH] = 0;
    return 0;
}

bool dowel_sealed_is_old(const void *sealed, size_t sealed_size) {
    return sealed_size && *(const unsigned char *)sealed == OLD_FORMAT;
}

static int damaged(const dowel_sealed_for *owner, const char *why, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CORRUPT, "block %s/%s: its sealed secrets are damaged (%s)", owner->type,
                        owner->name, why);
    dowel_error_hint(err, "nothing was changed; save the block again with its secrets, or restore the database");
    return rc;
}

/* Names the key in use, so that the user can see a mix-up. */
static int no_key(const dowel_keys *keys, const dowel_sealed_for *owner, const char *key_id, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_KEY, "block %s/%s was sealed with key %s; the key in use is %s", owner->type,
                        owner->name, key_id, keys->count ? keys->list[0].id : "none");
    dowel_error_hint(
        err, "provide the key that sealed it (`dowel key add`, DOWEL_KEY or DOWEL_KEY_FILE); nothing was changed");
    return rc;
}

int dowel_unseal(const dowel_keys *keys, const dowel_sealed_for *owner, const char *key_id, const void *sealed,
                 size_t sealed_size, void **plain, size_t *size, dowel_error *err) {
    const unsigned char *in = sealed;
    if (sealed_size < HEADER + DOWEL_GCM_NONCE + DOWEL_GCM_TAG) return damaged(owner, "too short", err);
    if (sealed_size > LARGEST) return damaged(owner, "too long", err);
    if (in[0] != FORMAT && in[0] != OLD_FORMAT) return damaged(owner, "unknown format", err);
    if (in[0] == OLD_FORMAT && !owner->old_accepted) return damaged(owner, "format 1 is not accepted any more", err);
    if (in[1] != ID_LENGTH || strlen(key_id) != ID_LENGTH || memcmp(in + 2, key_id, ID_LENGTH) != 0)
        return damaged(owner, "the key id differs from the recorded one", err);
    const dowel_key *key = dowel_keys_find(keys, key_id);
    if (!key) return no_key(keys, owner, key_id, err);

    char bound[BOUND_SIZE];
    size_t bound_size = associated(owner, in[0], key_id, bound);
    if (!bound_size) return damaged(owner, "the name is too long", err);
    size_t text_size = sealed_size - HEADER - DOWEL_GCM_NONCE - DOWEL_GCM_TAG;
    unsigned char *out = malloc(text_size + 1);
    if (!out) return dowel_no_memory(err);
    if (!dowel_gcm_open(key->bytes, bound, bound_size, in + HEADER, sealed_size - HEADER, out)) {
        free(out);
        return damaged(owner, "they, or the block's other fields, were changed outside of dowel", err);
    }
    out[text_size] = 0;
    *plain = out;
    *size = text_size;
    return 0;
}
