/* Encryption of secrets at rest: keys and sealing. */
#ifndef DOWEL_SEALING_H
#define DOWEL_SEALING_H

#include <dowel/runtime.h>

#define DOWEL_KEY_SIZE 32
#define DOWEL_KEY_ID_SIZE 17 /* 16 hexadecimal digits and the NUL */

typedef struct dowel_key {
    unsigned char bytes[DOWEL_KEY_SIZE];
    char id[DOWEL_KEY_ID_SIZE];
} dowel_key;

/* The first key seals; every key opens. */
typedef struct dowel_keys {
    size_t count;
    dowel_key *list;
    char *passphrase; /* of their file; NULL: the file is not protected */
} dowel_keys;

/* What a sealed blob belongs to. The seal authenticates it, so a blob that is moved to another block does not open. */
typedef struct dowel_sealed_for {
    const char *type;
    const char *name;
    int64_t revision;
    int64_t version;      /* of the block type, from the row */
    const char *document; /* the public document as canonical JSON; NULL: it has none */
    bool old_accepted;    /* dowel_unseal() also opens format 1, which does not authenticate version and document */
} dowel_sealed_for;

/* Parses keys in base64 or hexadecimal, separated by white space or commas. At least one, or KEY. `origin` is for messages. */
int dowel_keys_parse(const char *text, size_t size, const char *origin, dowel_keys *keys, dowel_error *err);
void dowel_keys_clear(dowel_keys *keys);

int dowel_key_random(dowel_key *key, dowel_error *err);
/* Adds a key at the front or at the end. Leaves no copy of a key in freed memory. */
int dowel_keys_insert(dowel_keys *keys, const dowel_key *key, bool front, dowel_error *err);
const dowel_key *dowel_keys_find(const dowel_keys *keys, const char *id);

/* AES-256-GCM with a random nonce. The sealed form is nonce, ciphertext, tag: `out` of dowel_gcm_seal() has room for
 * DOWEL_GCM_NONCE + size + DOWEL_GCM_TAG bytes, and `size` of dowel_gcm_open() counts all three. */
#define DOWEL_GCM_NONCE 12
#define DOWEL_GCM_TAG 16
bool dowel_gcm_seal(const unsigned char key[DOWEL_KEY_SIZE], const void *bound, size_t bound_size, const void *plain,
                    size_t size, unsigned char *out);
bool dowel_gcm_open(const unsigned char key[DOWEL_KEY_SIZE], const void *bound, size_t bound_size,
                    const unsigned char *in, size_t size, unsigned char *out);

/* *sealed is malloc'd. */
int dowel_seal(const dowel_key *key, const dowel_sealed_for *owner, const void *plain, size_t size, void **sealed,
               size_t *sealed_size, dowel_error *err);
/* `key_id`: the key according to the row; the blob must agree. *plain is followed by a NUL that *size does not count; free it with
 * dowel_wipe_bytes(). */
int dowel_unseal(const dowel_keys *keys, const dowel_sealed_for *owner, const char *key_id, const void *sealed,
                 size_t sealed_size, void **plain, size_t *size, dowel_error *err);

/* Whether a blob is in format 1. */
bool dowel_sealed_is_old(const void *sealed, size_t sealed_size);

/* The id of the key that a blob was sealed with. */
int dowel_sealed_key_id(const void *sealed, size_t sealed_size, char id[DOWEL_KEY_ID_SIZE], dowel_error *err);

#endif
