/* The sealing keys of a handle: where they are kept, how the file of them changes while others read it. */
#ifndef DOWEL_KEYRING_H
#define DOWEL_KEYRING_H

#include "sealing_internal.h"

#include <limits.h>

/* DOWEL_KEY, DOWEL_KEY_FILE or the key file of the config folder. */
typedef struct dowel_key_source {
    const char *variable; /* the text of DOWEL_KEY; NULL: a file */
    bool named;           /* by DOWEL_KEY_FILE */
    char path[PATH_MAX];
} dowel_key_source;
int dowel_key_source_find(dowel_key_source *source, dowel_error *err);

/* The handle's keys: read once, and again when their file has changed and a key is missing or one is needed to seal. `seal`: for
 * sealing; a key file is made where there is no key at all. Borrowed as long as the handle lives. */
int dowel_keys_get(dowel *d, bool seal, const dowel_keys **keys, dowel_error *err);
/* Whether no key is configured and none was made yet, as opposed to one that cannot be read. */
bool dowel_keys_absent(void);
/* dowel_unseal with the handle's keys. */
int dowel_open_sealed(dowel *d, const dowel_sealed_for *owner, const char *key_id, const void *sealed,
                      size_t sealed_size, void **plain, size_t *size, dowel_error *err);

/* ---- handles.c: what runs remember ---- */

/* Seals the secret handles of runs. */
extern const dowel_sealer dowel_handle_sealer;

/* Adds, under their keys' ids, how many there are. */
int dowel_handles_count(dowel *d, json_t *counts, dowel_error *err);
/* Seals them anew with this key; those that do not open are named in the log and left. */
int dowel_handles_rotate(dowel *d, const dowel_key *key, json_int_t *sealed, dowel_error *err);

/* ---- key_file.c ---- */

/* `known`: a passphrase to try before anybody is asked; may be NULL. */
int dowel_key_file_read(dowel *d, const char *path, const char *known, dowel_keys *keys, dowel_error *err);
/* A file with this key, or with a new one for NULL, unless another process is faster. */
int dowel_key_file_make(const char *path, const dowel_key *first, dowel_error *err);
/* Puts the keys into the place of what is there, under keys->passphrase where there is one. */
int dowel_key_file_write(const char *path, const dowel_keys *keys, dowel_error *err);
/* Who changes a key file holds this meanwhile; close(*lock) ends it. */
int dowel_key_file_lock(const char *path, int *lock, dowel_error *err);

#endif
