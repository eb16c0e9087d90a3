/* Seals of the registry's rows: what is sealed anew, and from when on older formats are refused. */
#ifndef DOWEL_RESEAL_H
#define DOWEL_RESEAL_H

#include "sealing_internal.h"

#include <dowel/database.h>

/* SQL: whether a seal is in the current format (its first two bytes in base64, whichever way LIKE treats case). */
#define DOWEL_SEAL_IS_CURRENT "sealed LIKE 'Ah%'"
/* SQL, for a row of `blocks`: 1 when all rows of its key, or all rows for one without a seal, are in the current format. dowel_schema says so, and
 * so does any other row in the current format: deleting from dowel_schema does not bring the older formats back. */
#define DOWEL_SEAL_MUST_BE_CURRENT                                                                                     \
    "CASE WHEN EXISTS (SELECT 1 FROM dowel_schema WHERE component = CASE WHEN blocks.sealed IS NULL THEN 'seals "      \
    "none' "                                                                                                           \
    "ELSE 'seals ' || COALESCE(blocks.key_id, '') END) THEN 1 WHEN EXISTS (SELECT 1 FROM blocks AS other WHERE "       \
    "other." DOWEL_SEAL_IS_CURRENT " AND (blocks.sealed IS NULL OR other.key_id = blocks.key_id)) THEN 1 ELSE 0 END"

/* Whether this machine has no key of the registry's: none at all, or only the one that dowel made here by itself, such as for a run's upload, and
 * that never sealed a block of this registry. A key that DOWEL_KEY or DOWEL_KEY_FILE names is meant for the registry.
 * `db` NULL: borrowed. */
int dowel_registry_is_foreign(dowel *d, dowel_db *db, bool *foreign, dowel_error *err);
/* The key that sealed the block that was saved last; "": no block has a seal. */
int dowel_registry_key(dowel *d, dowel_db *db, char key_id[DOWEL_KEY_ID_SIZE], dowel_error *err);

/* Everything else here runs inside a write transaction. */

/* Seals one row anew with `key`, whatever it was sealed with; a row without a seal gets one. Fails only where the database does: a row
 * that does not open stays as it is, and *why says why (its code is 0 otherwise). `old_accepted` as in dowel_sealed_for. *sealed may be
 * NULL: whether the row was written. */
int dowel_reseal_row(dowel *d, dowel_db *db, const char *type, const char *name, const dowel_key *key,
                     bool old_accepted, bool *sealed, dowel_error *why, dowel_error *err);

/* Whether every row must have a seal: one without was changed outside of dowel. */
int dowel_registry_is_sealed(dowel_db *db, bool *sealed, dowel_error *err);

/* Once for each key: seals the rows of the first format anew with the key that sealed them, and those without a seal with the first key.
 * From then on, the registry accepts neither under these keys. */
int dowel_registry_reseal(dowel *d, dowel_db *db, const dowel_keys *keys, dowel_error *err);

#endif
