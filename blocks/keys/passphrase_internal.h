/* Encryption with a passphrase: scrypt (RFC 7914) derives the key for AES-256-GCM. */
#ifndef DOWEL_PASSPHRASE_H
#define DOWEL_PASSPHRASE_H

#include "sealing_internal.h"

/* *envelope is a JSON object, a new reference: {"format", "version", "kdf", "n", "r", "p", "salt", "sealed"}. All of it is authenticated. */
int dowel_wrap(const char *format, const char *passphrase, const void *plain, size_t size, json_t **envelope,
               dowel_error *err);
/* *plain is followed by a NUL that *size does not count; free it with dowel_wipe_bytes(). `origin` is for messages.
 * CORRUPT: not an envelope of this format. KEY: the passphrase is wrong or the envelope was changed; the two look the same. */
int dowel_unwrap(const char *format, const json_t *envelope, const char *origin, const char *passphrase, void **plain,
                 size_t *size, dowel_error *err);
/* Checks the form of an envelope without decrypting it: 0 or CORRUPT. */
int dowel_wrapped_check(const char *format, const json_t *envelope, const char *origin, dowel_error *err);

#endif
