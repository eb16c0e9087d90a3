/* A stored block, and loading it into memory. */
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
    json_t *document; /* with placeholders for secrets */
    void *sealed;     /* NULL: no seal */
    size_t sealed_size;
    char key_id[DOWEL_KEY_ID_SIZE];
    char *bound; /* the text of the public document, which the seal authenticates */
    bool
        seal_known; /* older formats of this row's key are refused; for a row without a seal: every row must have one */
    bool readonly;  /* from a variable or a file: no revision, no times, secrets in the clear */
    char origin[DOWEL_ORIGIN_SIZE]; /* "database", "variable NAME" or "file PATH" */
} dowel_stored;

/* Borrows a connection and creates the registry's tables. Return it with dowel_database_release(). */
int dowel_registry_database(dowel *d, dowel_db **db, dowel_error *err);

/* Splits "type/name". INVALID or NOT_FOUND: the form is wrong or the type is unknown. */
int dowel_reference_parse(dowel *d, const char *reference, const dowel_block_type **type, char name[DOWEL_NAME_SIZE],
                          dowel_error *err);

/* Completes a reference of a field: "type/name" is copied; a name alone must belong to exactly one block of `types` (as in a field's
 * .blocks). `db` as in dowel_stored_read(). */
#define DOWEL_REFERENCE_SIZE (2 * DOWEL_NAME_SIZE)
int dowel_reference_complete(dowel *d, dowel_db *db, const char *reference, const char *types,
                             char full[DOWEL_REFERENCE_SIZE], dowel_error *err);

/* Reads a block from the first source that has it. `db` NULL: a connection is borrowed if necessary. NOT_FOUND suggests a name. After success,
 * call dowel_stored_clear(). */
int dowel_stored_read(dowel *d, dowel_db *db, const dowel_block_type *type, const char *name, dowel_stored *stored,
                      dowel_error *err);
/* Checks the seal and puts the secrets into the document. `may_write`: no transaction is open, so rows in format 1 can be sealed again. */
int dowel_stored_open(dowel *d, dowel_stored *stored, bool may_write, dowel_error *err);
/* Masks the secrets of a document that was not opened, or removes them. Needs no key. */
int dowel_stored_mask(dowel *d, dowel_stored *stored, bool omit, dowel_error *err);
void dowel_stored_clear(dowel_stored *stored);

/* A chain of references: one frame for each block that is being loaded, to detect cycles. */
typedef struct dowel_loading {
    dowel *d;
    dowel_db *db; /* NULL: borrowed for each block */
    const struct dowel_loading *parent;
    const char *reference; /* NULL: not a named block (arguments of a task, an inline block) */
    int depth;
    bool
        call; /* in the arguments of a call, which saved defaults complete; a saved block means the same whatever they are */
} dowel_loading;

/* Loads a block that the frame `at` refers to. `types` as in a field's .blocks; NULL: any type. */
int dowel_load_below(const dowel_loading *at, const char *reference, const char *types, dowel_block **block,
                     dowel_error *err);
/* A resolver for the references in the block of frame `at`, which must outlive it. */
dowel_resolver dowel_resolver_below(const dowel_loading *at);
/* Sets the handle's resolver. */
void dowel_resolver_install(dowel *d);

#endif
