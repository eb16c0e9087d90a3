/* dowel/block.h: blocks in memory. dowel/registry.h stores them.
 *
 * A block is a named, typed configuration: its type's struct, decoded and immutable. Blocks are reference counted; all functions here
 * are thread-safe. */
#ifndef DOWEL_BLOCK_H
#define DOWEL_BLOCK_H

#include <dowel/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel dowel; /* dowel/runtime.h */

/* Offered by block types that can store bytes: results of tasks are persisted through it. Keys are relative paths with `/`. */
typedef struct dowel_storage {
    int (*put)(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err);
    /* The caller frees *data, which is never NULL on success. */
    int (*get)(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err);
} dowel_storage;

/* A block type. Static and constant: connectors keep pointers to it. */
typedef struct dowel_block_type {
    size_t size;      /* sizeof(dowel_block_type) */
    const char *name; /* "local-file-system": [a-z0-9-], 1-63 */
    const char *doc;  /* one sentence */
    const dowel_table *table;
    int version;                  /* of the document's shape; starts at 1 */
    const dowel_storage *storage; /* NULL: cannot store bytes */
    /* Checks a block with the provider: identity and permissions. Changes nothing permanently. Adds the findings to `report`, an object: names
     * as the provider spells them, "permissions" as an object of booleans. Fails if the block is unusable. NULL: nothing to check. */
    int (*check)(dowel *d, dowel_block *block, json_t *report, dowel_error *err);
    const struct dowel_objects *objects; /* dowel/objects.h; NULL: holds no objects */
    /* Called before a block is saved: refuses one that can never work, such as one whose key file holds no usable key. May read files, sends
     * nothing. NULL: nothing to check. */
    int (*check_save)(dowel *d, dowel_block *block, dowel_error *err);
} dowel_block_type;

/* Makes a block from a document. `name` NULL: an anonymous (inline) block. The caller releases it with dowel_block_free(). */
DOWEL_API int dowel_block_new(const dowel_block_type *type, const char *name, const json_t *document,
                              const dowel_resolver *resolver, dowel_block **block, dowel_error *err);

/* The same from a struct of the type's table; `size` is the sizeof of the caller's struct. */
DOWEL_API int dowel_block_from(const dowel_block_type *type, const char *name, const void *data, size_t size,
                               dowel_block **block, dowel_error *err);

DOWEL_API dowel_block *dowel_block_retain(dowel_block *block);
DOWEL_API void dowel_block_free(dowel_block *block);

DOWEL_API const dowel_block_type *dowel_block_type_of(const dowel_block *block);
/* What messages call the block: "type/name", or "type (inline)" if it is anonymous. Borrowed. */
DOWEL_API const char *dowel_block_reference(const dowel_block *block);
/* The name alone; NULL: the block is anonymous. Borrowed. */
DOWEL_API const char *dowel_block_name(const dowel_block *block);
/* The struct of the block's type. Borrowed; lives as long as the block. */
DOWEL_API const void *dowel_block_data(const dowel_block *block);
/* The same if the block is of `type`, else NULL. `block` may be NULL. */
DOWEL_API const void *dowel_block_data_as(const dowel_block *block, const dowel_block_type *type);
/* The block's document, with nested blocks as references. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_block_document(const dowel_block *block, dowel_secrets secrets);

/* Makes the relative paths in a document of the table absolute, in place: DOWEL_PATH fields, places (DOWEL_PLACE) that are paths, @file in
 * DOWEL_BLOCK_TEXT, also in nested tables and inline blocks. They are relative to `folder`; NULL: the document is not changed. *relative
 * (may be NULL): whether there was a relative path. `d` knows the block types. */
DOWEL_API int dowel_fields_anchor(dowel *d, const dowel_table *table, json_t *document, const char *folder,
                                  bool *relative, dowel_error *err);
/* Whether a place is a path on this machine, as opposed to a URL, TYPE/NAME:path of a saved block, or `-`. */
DOWEL_API bool dowel_place_is_path(dowel *d, const char *place);
/* The length of NAME in a place NAME:path, which is in the saved block of that name; 0: the place has another form. */
DOWEL_API size_t dowel_place_block_name(const char *place);

/* A value that is computed from the block and lives as long as it does, such as a token cache. The first call for a key (compared by address)
 * calls `make`, with a lock held; later calls return the same value. NULL: `make` returned NULL, or out of memory. */
DOWEL_API void *dowel_block_attach(dowel_block *block, const void *key, void *(*make)(dowel_block *block),
                                   void (*end)(void *value));

#ifdef __cplusplus
}
#endif
#endif
