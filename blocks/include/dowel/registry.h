/* dowel/registry.h: saves, loads, lists and deletes named blocks.
 *
 * A reference is "type/name", such as "gcs-bucket/results". A name has 1 to 63 of the characters a-z, 0-9 and -.
 *
 * A block is looked up in this order; the first match is used:
 *
 *  1. the environment variable DOWEL_BLOCK_TYPE__NAME, in capitals, with _ for - (DOWEL_BLOCK_GCS_BUCKET__RESULTS)
 *  2. the file DOWEL_BLOCKS_DIR/TYPE/NAME.json
 *  3. the database (DOWEL_DATABASE_URL)
 *
 * The variable and the file hold the block's fields as a JSON object, with secrets in the clear. They are read-only: saving or deleting
 * such a block fails with CONFLICT.
 *
 * The database stores secrets encrypted (AES-256-GCM). The encryption also authenticates the block's other fields: if anything but
 * dowel changes a saved block, loading it fails with CORRUPT.
 *
 * A field that refers to a block also takes a name without a type, if exactly one block of the types that the field accepts has that name.
 *
 * Any thread may call these functions, and many processes may use one registry at once. They return 0 or a negative dowel_code. An output
 * is set only on success. */
#ifndef DOWEL_REGISTRY_H
#define DOWEL_REGISTRY_H

#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The connector that provides the registry, the block type "secret" and the task "block.check". dowel_open() includes it. */
DOWEL_API extern const dowel_connector dowel_blocks_connector;

typedef enum dowel_save_mode {
    DOWEL_SAVE_NEW = 0,   /* fails with EXISTS if a block has this name */
    DOWEL_SAVE_OVERWRITE, /* creates the block or replaces it */
} dowel_save_mode;

/* Saves a block. `document` is a JSON object with the type's fields; the caller keeps it. Before anything is written, the document is checked
 * against the type, and every block that it refers to must exist and not refer back to this one. Relative paths are saved as absolute ones,
 * starting from the working directory. On failure nothing is changed.
 *
 * *revision (may be NULL): 1 for a new block, one more after each overwrite.
 * INVALID: the reference or the document is wrong. EXISTS: see dowel_save_mode. CONFLICT: the block is read-only. KEY: there is no usable
 * sealing key. */
DOWEL_API int dowel_block_save(dowel *d, const char *reference, const json_t *document, dowel_save_mode mode,
                               int64_t *revision, dowel_error *err);
/* Saves several blocks in one transaction: all of them or none. `blocks` is an array of {"block": "type/name", "document": {...}}. A block
 * must come after the blocks that it refers to. *saved (may be NULL): a new array of {"block", "revision"}. */
DOWEL_API int dowel_blocks_save(dowel *d, const json_t *blocks, dowel_save_mode mode, json_t **saved, dowel_error *err);
/* Saves a block from the struct of its type; `size` is the size of that struct:
 * dowel_block_save_struct(d, "gcs-bucket/data", &bucket, sizeof bucket, DOWEL_SAVE_NEW, NULL, &err). */
DOWEL_API int dowel_block_save_struct(dowel *d, const char *reference, const void *data, size_t size,
                                      dowel_save_mode mode, int64_t *revision, dowel_error *err);

/* Loads a block and every block that it refers to. The caller releases it with dowel_block_free().
 * NOT_FOUND: there is no such block; the message suggests the nearest name. KEY: the key that sealed it is missing. CORRUPT: something other
 * than dowel changed it. */
DOWEL_API int dowel_block_load(dowel *d, const char *reference, dowel_block **block, dowel_error *err);
/* Returns a block as JSON: {"type", "name", "revision", "version", "created", "updated", "source", "document"}, a new reference.
 * "version" is the version of the block type that wrote the document. A read-only block has no revision and no times. DOWEL_SECRETS_MASKED
 * and DOWEL_SECRETS_OMITTED need no key. Release a result with DOWEL_SECRETS_SHOWN with dowel_json_cleanse(). INVALID: the document has a
 * member that the type does not know; it might be a misspelt secret, so nothing is shown. */
DOWEL_API int dowel_block_show(dowel *d, const char *reference, dowel_secrets secrets, json_t **shown,
                               dowel_error *err);
/* Lists blocks, sorted by type and name: a new array of {"type", "name", "revision", "updated", "source"}, without "revision" and "updated" for
 * read-only blocks. `type` NULL: all types. */
DOWEL_API int dowel_block_list(dowel *d, const char *type, json_t **blocks, dowel_error *err);
/* Deletes a block. NOT_FOUND: there is no such block. CONFLICT: it is read-only, or another block refers to it and `force` is false. */
DOWEL_API int dowel_block_delete(dowel *d, const char *reference, bool force, dowel_error *err);
/* Gives a block another name, and every block that refers to it the new reference, in one transaction. EXISTS if the new name is taken.
 * *rewritten (may be NULL) is an array of the references of the blocks that refer to it; a new reference. Programs and runs of the history that name the
 * block keep the old name. */
DOWEL_API int dowel_block_rename(dowel *d, const char *from, const char *to, json_t **rewritten, dowel_error *err);

/* ---- defaults ----
 *
 * Values for fields that a call does not give (dowel_field.setting). A variable (DOWEL_PROJECT for project, or one of the cloud's own tools) overrides
 * the saved value. They are saved as the block config/defaults. */

/* `value` NULL: removes the default. Blocks must exist. "region" is gcp-region or aws-region, as the value looks. */
DOWEL_API int dowel_default_set(dowel *d, const char *name, const char *value, dowel_error *err);
/* An array of {name, value (null: none), source ("variable NAME", "registry", "default"), doc}; `name` NULL: all. New reference. */
DOWEL_API int dowel_defaults_show(dowel *d, const char *name, json_t **list, dowel_error *err);
/* Adds the defaults of the fields that a document for the table does not have. *filled is an object of those that were added; a new reference. */
DOWEL_API int dowel_defaults_fill(dowel *d, const dowel_table *table, json_t *document, json_t **filled,
                                  dowel_error *err);

/* ---- bundles and templates ---- */

/* Exports blocks and every block that they refer to, as one JSON object. With a passphrase it is a bundle: secrets included, encrypted
 * (scrypt, AES-256-GCM). With `passphrase` NULL it is a template: readable, secrets masked. `references` ends with NULL; NULL or empty: all
 * blocks. *exported is a new reference. */
DOWEL_API int dowel_blocks_export(dowel *d, const char *const *references, const char *passphrase, json_t **exported,
                                  dowel_error *err);
/* Saves the blocks of a bundle, or of a template after its masks were replaced by secrets: all of them or none. `origin` names the input in
 * error messages. `passphrase` may be NULL for a template. *saved: as in dowel_blocks_save().
 * KEY: the passphrase is wrong or missing. INVALID or CORRUPT: `exported` is not a bundle or template. */
DOWEL_API int dowel_blocks_restore(dowel *d, const json_t *exported, const char *origin, const char *passphrase,
                                   dowel_save_mode mode, json_t **saved, dowel_error *err);

/* ---- sealing keys ----
 *
 * Keys are 32 bytes as base64 or hexadecimal. They are read from the variable DOWEL_KEY, the file DOWEL_KEY_FILE, or the file
 * ~/.config/dowel/key ($XDG_CONFIG_HOME/dowel/key), which the first save in a new registry creates. White space or commas separate keys. The
 * first key encrypts; every key decrypts. A handle rereads a key file that has changed. */

/* Lists the keys: a new array of {"id", "use", "blocks", "handles"}. "use" is "seals" (the first key), "opens" (the others) or "missing" (a
 * key that encrypted something in the database but is not available). "blocks" and "handles" count what the key encrypted in the database;
 * handles are the secret state of unfinished runs. *origin (may be NULL): "DOWEL_KEY" or the path of the key file, a new reference. */
DOWEL_API int dowel_keys_show(dowel *d, json_t **keys, json_t **origin, dowel_error *err);
/* Adds a key to the end of the key file, so that it decrypts. `key` NULL: a new random key. If there is no key file, one is created with this
 * key alone, which then also encrypts. *id: the key's id, a new reference.
 * EXISTS: the file has this key. INVALID: the keys come from DOWEL_KEY, or `key` holds more than one. KEY: `key` is not a key. */
DOWEL_API int dowel_keys_add(dowel *d, const char *key, json_t **id, dowel_error *err);
/* Makes a key the first one and encrypts every block and every handle of a run with it. `to`: the id of a key in the file; NULL: a new key, or
 * the first one if an earlier rotation did not finish. Old keys stay in the file. Blocks can be loaded and saved during a rotation. It may be
 * interrupted at any time; another call completes it.
 *
 * *report: {"key", "made", "blocks", "handles"}, a new reference. A block that cannot be decrypted is left unchanged; the call continues with
 * the others and then fails with an error that names the first such block. */
DOWEL_API int dowel_keys_rotate(dowel *d, const char *to, json_t **report, dowel_error *err);
/* Encrypts the key file with a passphrase (scrypt, AES-256-GCM). `passphrase` NULL: removes the encryption. */
DOWEL_API int dowel_keys_protect(dowel *d, const char *passphrase, dowel_error *err);

/* ---- checks ---- */

/* Arguments of the task "block.check". */
typedef struct dowel_block_check_args {
    dowel_block *block;
    const char *given; /* names members that are 0 on purpose (dowel/fields.h) */
} dowel_block_check_args;

/* Asks the provider whether a block works: first for each block that it uses, then for the block itself. Nothing is changed.
 *
 * *report is a new reference: {"block", "uses": [reports]} and what the check of the block's type found, such as "identity", "permissions" and
 * "fix". A used block whose check failed has "error" in its report. Fails only if the block itself cannot be used. */
static inline int dowel_block_check(dowel *d, dowel_block *block, json_t **report, dowel_error *err) {
    const dowel_block_check_args args = {block, NULL};
    return dowel_call(d, "block.check", &args, sizeof args, NULL, report, err);
}

#ifdef __cplusplus
}
#endif
#endif
