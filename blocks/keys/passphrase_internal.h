/* Bytes under a passphrase: the key comes from it by scrypt (RFC 7914), AES-256-GCM seals with it. */
#ifndef DOWEL_PASSPHRASE_H
#define DOWEL_PASSPHRASE_H

#include "sealing_internal.h"

/* A JSON object: {"format", "version", "kdf", "n", "r", "p", "salt", "sealed"}, all of it bound to what is sealed. New reference. */
int dowel_wrap(const char *format, const char *passphrase, const void *plain, size_t size, json_t **envelope,
               dowel_error *err);
/* *plain is malloc'd and followed by a NUL that does not count; cleanse it before free(). CORRUPT: no such envelope; KEY: not the
 * passphrase, or changed since (the two cannot be told apart). `origin` is for messages. */
int dowel_unwrap(const char *format, const json_t *envelope, const char *origin, const char *passphrase, void **plain,
                 size_t *size, dowel_error *err);
/* Whether it is one at all, without opening it: 0 or CORRUPT. */
int dowel_wrapped_check(const char *format, const json_t *envelope, const char *origin, dowel_error *err);

#endif
