/* A block as the registry keeps it, and how it becomes a block in memory. */
#ifndef DOWEL_STORED_H
#define DOWEL_STORED_H

#include "readonly.h"
#include "sealing_internal.h"
#include "secrets.h"

#include <dowel/database.h>
#include <dowel/registry.h>

#define DOWEL_NAME_SIZE 64

typedef struct dowel_stored {
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    int64_t revision, version, created, updated;
    json_t *document; /* placeholders where secrets are */
    void *sealed;     /* NULL: no secrets */
    size_t sealed_size;
    char key_id[DOWEL_KEY_ID_SIZE];
    char *bound; /* the public document as its seal binds it */
    bool
        seal_known; /* every row under this key was sealed in the current format once; without a key: every row has a seal */
    bool readonly; /* from a source in front of the database: no revision, no times, secrets as they are */
    char origin[DOWEL_ORIGIN_SIZE]; /* "database", or which variable or file */
} dowel_stored;

/* A connection with the registry's tables in place; given back with dowel_database_release. */
int dowel_registry_database(dowel *d, dowel_db **db, dowel_error *err);

/* "type/name" into a known type and a well-formed name. */
int dowel_reference_parse(dowel *d, const char *reference, const dowel_block_type **type, char name[DOWEL_NAME_SIZE],
                          dowel_error *err);

/* What a field's reference names: as it is with a type; a name alone is that of the one block among `types` (as in a field's .blocks) that has
 * it. `db` as in dowel_stored_read. */
#define DOWEL_REFERENCE_SIZE (2 * DOWEL_NAME_SIZE)
int dowel_reference_complete(dowel *d, dowel_db *db, const char *reference, const char *types,
                             char full[DOWEL_REFERENCE_SIZE], dowel_error *err);

/* From the first source that has it. `db` NULL: borrowed, where it is needed. 0, or NOT_FOUND with a suggestion. dowel_stored_clear ends
 * what succeeded. */
int dowel_stored_read(dowel *d, dowel_db *db, const dowel_block_type *type, const char *name, dowel_stored *stored,
                      dowel_error *err);
/* Checks that nobody changed the block outside of dowel, and puts the secrets into the document. `may_write`: no transaction is open, so that
 * what is in the first format can be sealed anew. */
int dowel_stored_open(dowel *d, dowel_stored *stored, bool may_write, dowel_error *err);
/* Masks the secrets of a document that was not opened, or leaves them out. */
int dowel_stored_mask(dowel *d, dowel_stored *stored, bool omit, dowel_error *err);
void dowel_stored_clear(dowel_stored *stored);

/* Where a chain of references stands: each block on the way to the one being loaded is a frame, so that a cycle is seen. */
typedef struct dowel_loading {
    dowel *d;
    dowel_db *db; /* NULL: borrowed for each block */
    const struct dowel_loading *parent;
    const char *reference; /* NULL: no named block (arguments of a task, an inline block) */
    int depth;
} dowel_loading;

/* Loads what `reference` names, below `at`; `types` as in a field's .blocks, NULL for any. */
int dowel_load_below(const dowel_loading *at, const char *reference, const char *types, dowel_block **block,
                     dowel_error *err);
/* A resolver for the references inside of the block that `at` stands for; `at` must outlive it. */
dowel_resolver dowel_resolver_below(const dowel_loading *at);
/* Sets the handle's resolver. */
void dowel_resolver_install(dowel *d);

#endif
