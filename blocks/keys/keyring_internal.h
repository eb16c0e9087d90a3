/* The sealing keys of a handle: where they come from, and how a key file changes while other processes read it. */
#ifndef DOWEL_KEYRING_H
#define DOWEL_KEYRING_H

#include "sealing_internal.h"

#include <limits.h>

/* DOWEL_KEY, DOWEL_KEY_FILE or the key file in the configuration folder. */
typedef struct dowel_key_source {
    const char *variable; /* the text of DOWEL_KEY; NULL: a file */
    bool named;           /* DOWEL_KEY_FILE is set */
    char path[PATH_MAX];
} dowel_key_source;
int dowel_key_source_find(dowel_key_source *source, dowel_error *err);

/* Returns the handle's keys, at least one; borrowed, and valid until the handle is closed. `seal`: for sealing, so a changed key file is read
 * again, and if there is no key at all, a key file is created. Any thread. */
int dowel_keys_get(dowel *d, bool seal, const dowel_keys **keys, dowel_error *err);
/* Whether no key is configured and no key file exists. A key file that cannot be read counts as existing. */
bool dowel_keys_absent(void);
/* dowel_unseal() with the handle's keys. Reads a changed key file again if it needs a key that it does not know. */
int dowel_open_sealed(dowel *d, const dowel_sealed_for *owner, const char *key_id, const void *sealed,
                      size_t sealed_size, void **plain, size_t *size, dowel_error *err);

/* ---- handles.c: secret handles of runs ---- */

/* Seals and opens the secret handles of runs (upload sessions). */
extern const dowel_sealer dowel_handle_sealer;

/* Counts the handles by key: adds {"KEY-ID": COUNT} to the object. */
int dowel_handles_count(dowel *d, json_t *counts, dowel_error *err);
/* Seals all of them with `key`. Handles that cannot be opened are logged and left unchanged. */
int dowel_handles_rotate(dowel *d, const dowel_key *key, json_int_t *sealed, dowel_error *err);

/* ---- key_file.c ---- */

/* `known` (may be NULL): a passphrase to try before asking for one. */
int dowel_key_file_read(dowel *d, const char *path, const char *known, dowel_keys *keys, dowel_error *err);
/* Creates a key file with this key, or for NULL with a new one. If another process creates it first, its file stays. */
int dowel_key_file_make(const char *path, const dowel_key *first, dowel_error *err);
/* Replaces the content of the file, encrypted if keys->passphrase is set. */
int dowel_key_file_write(const char *path, const dowel_keys *keys, dowel_error *err);
/* Locks the key file for a change; close(*lock) unlocks it. */
int dowel_key_file_lock(const char *path, int *lock, dowel_error *err);

#endif
