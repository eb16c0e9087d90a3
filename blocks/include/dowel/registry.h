/* dowel/registry.h: where blocks live. A reference is "type/name", such as "gcs-bucket/results".
 *
 * Where it is looked for: the variable DOWEL_BLOCK_TYPE__NAME (in capitals, _ for -), the file DOWEL_BLOCKS_DIR/TYPE/NAME.json, the
 * database. The first two hold the document as JSON, secrets as they are, and are only read: saving or deleting such a block is CONFLICT.
 *
 * Secrets of a saved block are sealed (AES-256-GCM) together with its other fields; they leave the registry only inside a loaded block. A block
 * that was changed in the database by anything else is CORRUPT. Where a block is referred to by a field, a name alone is enough if one block among the types
 * that the field accepts has it. All functions may be
 * called from any thread and from many processes at once. */
#ifndef DOWEL_REGISTRY_H
#define DOWEL_REGISTRY_H

#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptor of the registry and of the block type "secret". */
DOWEL_API extern const dowel_connector dowel_blocks_connector;

typedef enum dowel_save_mode {
    DOWEL_SAVE_NEW = 0,   /* EXISTS when the name is taken */
    DOWEL_SAVE_OVERWRITE, /* replaces, or creates */
} dowel_save_mode;

/* Validates the document against the type, checks that blocks it refers to exist and make no cycle, seals, stores. Relative
 * paths become absolute, from the working directory: the block means the same wherever it is used. `document` is borrowed. Nothing is changed on failure. *revision (may be NULL): 1 for a new block, one more with each overwrite. */
DOWEL_API int dowel_block_save(dowel *d, const char *reference, const json_t *document, dowel_save_mode mode,
                               int64_t *revision, dowel_error *err);
/* Several at once, all of them or none: `blocks` is an array of {"block": "type/name", "document": {...}}, what is referred to before what
 * refers to it. *saved (may be NULL) is an array of {block, revision}, a new reference. */
DOWEL_API int dowel_blocks_save(dowel *d, const json_t *blocks, dowel_save_mode mode, json_t **saved, dowel_error *err);
/* One from a filled-in struct of the type: `dowel_block_save_struct(d, "gcs-bucket/data", &b, sizeof b, ...)`. */
DOWEL_API int dowel_block_save_struct(dowel *d, const char *reference, const void *data, size_t size,
                                      dowel_save_mode mode, int64_t *revision, dowel_error *err);
/* Loads with everything it refers to. The caller ends it with dowel_block_free. */
DOWEL_API int dowel_block_load(dowel *d, const char *reference, dowel_block **block, dowel_error *err);
/* The stored block as JSON, after every member was found to be one that its type knows: type, name, revision, version, created, updated, source, document (secrets masked, or shown when
 * asked; DOWEL_SECRETS_MASKED needs no key). What is not from the database has no revision and no times. New reference. */
DOWEL_API int dowel_block_show(dowel *d, const char *reference, dowel_secrets secrets, json_t **shown,
                               dowel_error *err);
/* An array of {type, name, revision, updated, source}; `type` NULL: all. New reference. */
DOWEL_API int dowel_block_list(dowel *d, const char *type, json_t **blocks, dowel_error *err);
/* NOT_FOUND when there is none; CONFLICT when another block refers to it and `force` is false. */
DOWEL_API int dowel_block_delete(dowel *d, const char *reference, bool force, dowel_error *err);

/* ---- leaving and coming ---- */

/* Blocks for elsewhere, with all that they refer to, as one JSON object: with a passphrase a bundle that is sealed with it (scrypt,
 * AES-256-GCM), secrets and all; without (NULL) a template in the clear, secrets masked. `references` NULL or empty: every block. New
 * reference. */
DOWEL_API int dowel_blocks_export(dowel *d, const char *const *references, const char *passphrase, json_t **exported,
                                  dowel_error *err);
/* Saves the blocks of a bundle or of a template whose masks were filled in: all or none. `origin` is for messages. *saved as with
 * dowel_blocks_save. */
DOWEL_API int dowel_blocks_restore(dowel *d, const json_t *exported, const char *origin, const char *passphrase,
                                   dowel_save_mode mode, json_t **saved, dowel_error *err);

/* ---- sealing keys ----
 *
 * They come from DOWEL_KEY, from the file that DOWEL_KEY_FILE names, or from the key file of the config folder, which is made with the
 * first block of a registry (later only for a block with secrets). The first seals, all of them open. A handle notices when the file changes. */

/* An array of {id, use, blocks, handles}: "seals", "opens", or "missing" for keys that were sealed with and that are not there. `blocks` and
 * `handles` (what unfinished runs remember) count those of the database. `origin` (may be NULL) receives where they are from. New references. */
DOWEL_API int dowel_keys_show(dowel *d, json_t **keys, json_t **origin, dowel_error *err);
/* Adds a key (base64 or hexadecimal; NULL: a new one) to the key file, at its end: it opens. In a new key file it is the only key, which seals.
 * *id is a new reference. */
DOWEL_API int dowel_keys_add(dowel *d, const char *key, json_t **id, dowel_error *err);
/* Puts a new key, or the known one whose id is `to`, in front, and seals every block, and what runs remember, with it anew. May be interrupted at any moment and
 * run again, which finishes what was begun; meanwhile every block can be loaded. Keys that sealed before stay in the file. *report is
 * {key, made, blocks, handles}; a block that cannot be opened is left as it is, and named in the error when the others are done. */
DOWEL_API int dowel_keys_rotate(dowel *d, const char *to, json_t **report, dowel_error *err);
/* Protects the key file with a passphrase (scrypt), or no more (NULL). */
DOWEL_API int dowel_keys_protect(dowel *d, const char *passphrase, dowel_error *err);

/* Arguments of the task "block.check". */
typedef struct dowel_block_check_args {
    dowel_block *block;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_block_check_args;

/* Proves the blocks that this one uses, then the block itself, with its provider; nothing is left changed. *report is a new reference:
 * {"block", "uses": [reports], and what its type's check found: "identity", "permissions", "fix" ...}. Fails where the block cannot be
 * used at all; one that it uses and that could not be proved by itself has "error" in its report. */
static inline int dowel_block_check(dowel *d, dowel_block *block, json_t **report, dowel_error *err) {
    const dowel_block_check_args args = {block, NULL};
    return dowel_call(d, "block.check", &args, sizeof args, NULL, report, err);
}

#ifdef __cplusplus
}
#endif
#endif
