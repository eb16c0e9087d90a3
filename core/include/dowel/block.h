/* dowel/block.h: what a block is. Where blocks are kept is dowel/registry.h.
 *
 * A block is a named, typed configuration in memory: its type's struct, decoded and immutable. Blocks are reference counted;
 * every function here may be called from any thread. */
#ifndef DOWEL_BLOCK_H
#define DOWEL_BLOCK_H

#include <dowel/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel dowel; /* dowel/runtime.h */

/* What a block that can keep bytes offers: results of tasks are persisted through it. Keys are relative paths with `/`. */
typedef struct dowel_storage {
    int (*put)(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err);
    /* *data is malloc'd (never NULL on success) and the caller's. */
    int (*get)(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err);
} dowel_storage;

/* One block type. Static and constant: a connector points to it for ever. */
typedef struct dowel_block_type {
    size_t size;      /* sizeof(dowel_block_type) */
    const char *name; /* "local-file-system": [a-z0-9-], 1-63 */
    const char *doc;  /* one sentence */
    const dowel_table *table;
    int version;                  /* of the document's shape; starts at 1 */
    const dowel_storage *storage; /* NULL: cannot keep bytes */
    /* Proves a block: asks the provider who it is and what it may do, and changes nothing that lasts. Adds what it found to `report`, an object:
     * names as the provider says them, "permissions" as an object of booleans. Fails when the block cannot be used at all. NULL: nothing to ask. */
    int (*check)(dowel *d, dowel_block *block, json_t *report, dowel_error *err);
    const struct dowel_objects *objects; /* dowel/objects.h; NULL: holds no objects */
    /* Refuses a block that could never work before it is saved, such as one whose key file holds no usable key. May read files, sends nothing. NULL:
     * nothing to look at. */
    int (*check_save)(dowel *d, dowel_block *block, dowel_error *err);
} dowel_block_type;

/* Makes a block from a document. `name` NULL: an anonymous (inline) block. The caller ends it with dowel_block_free. */
DOWEL_API int dowel_block_new(const dowel_block_type *type, const char *name, const json_t *document,
                              const dowel_resolver *resolver, dowel_block **block, dowel_error *err);

/* The same from a filled-in struct of the type's table. */
DOWEL_API int dowel_block_from(const dowel_block_type *type, const char *name, const void *data, size_t size,
                               dowel_block **block, dowel_error *err);

DOWEL_API dowel_block *dowel_block_retain(dowel_block *block);
DOWEL_API void dowel_block_free(dowel_block *block);

DOWEL_API const dowel_block_type *dowel_block_type_of(const dowel_block *block);
/* "type/name", or "type (inline)" for an anonymous block: what messages call it. Borrowed. */
DOWEL_API const char *dowel_block_reference(const dowel_block *block);
/* The name alone; NULL for an anonymous block. Borrowed. */
DOWEL_API const char *dowel_block_name(const dowel_block *block);
/* The struct of the block's type. Borrowed; lives as long as the block. */
DOWEL_API const void *dowel_block_data(const dowel_block *block);
/* The struct when the block is of `type`, else NULL. */
DOWEL_API const void *dowel_block_data_as(const dowel_block *block, const dowel_block_type *type);
/* The document; nested blocks as references. New reference. */
DOWEL_API json_t *dowel_block_document(const dowel_block *block, dowel_secrets secrets);

/* Makes every relative path in a document of the table absolute, in place: DOWEL_PATH fields, places (DOWEL_PLACE) that are paths, @file in
 * DOWEL_BLOCK_TEXT, also in nested tables and inline blocks. They start from `folder`; NULL: none is changed. *relative
 * (may be NULL): whether there was one. `d` knows the types of blocks. */
DOWEL_API int dowel_fields_anchor(dowel *d, const dowel_table *table, json_t *document, const char *folder,
                                  bool *relative, dowel_error *err);
/* Whether a place is a path on this machine, and not a URL, a saved block's or `-`. */
DOWEL_API bool dowel_place_is_path(dowel *d, const char *place);

/* Something computed from the block that should live as long as it (a token cache). Created at most once per block and key,
 * whichever thread asks first; `make` may fail by returning NULL. `key` is compared by address. */
DOWEL_API void *dowel_block_attach(dowel_block *block, const void *key, void *(*make)(dowel_block *block),
                                   void (*end)(void *value));

#ifdef __cplusplus
}
#endif
#endif
