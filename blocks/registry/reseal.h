/* Sealing rows of the registry again: with another key, or in the current format. */
#ifndef DOWEL_RESEAL_H
#define DOWEL_RESEAL_H

#include "sealing_internal.h"

#include <dowel/database.h>

/* SQL: whether a seal is in the current format. Compares its first two bytes in base64, so it holds whether LIKE ignores case or not. */
#define DOWEL_SEAL_IS_CURRENT "sealed LIKE 'Ah%'"
/* SQL, for a row of `blocks`: 1 if all rows of its key (for a row without a seal: all rows) must be in the current format. dowel_schema records
 * that, and any other row in the current format implies it, so that deleting from dowel_schema does not make the older formats acceptable again. */
#define DOWEL_SEAL_MUST_BE_CURRENT                                                                                     \
    "CASE WHEN EXISTS (SELECT 1 FROM dowel_schema WHERE component = CASE WHEN blocks.sealed IS NULL THEN 'seals "      \
    "none' "                                                                                                           \
    "ELSE 'seals ' || COALESCE(blocks.key_id, '') END) THEN 1 WHEN EXISTS (SELECT 1 FROM blocks AS other WHERE "       \
    "other." DOWEL_SEAL_IS_CURRENT " AND (blocks.sealed IS NULL OR other.key_id = blocks.key_id)) THEN 1 ELSE 0 END"

/* Whether this machine has no key of the registry: no key at all, or only a key file that dowel created here (such as for a run's upload) and that
 * never sealed a block of this registry. A key from DOWEL_KEY or DOWEL_KEY_FILE counts as a key of the registry. `db` NULL: borrowed. */
int dowel_registry_is_foreign(dowel *d, dowel_db *db, bool *foreign, dowel_error *err);
/* The key of the last saved block with a seal; "": no block has a seal. `db` NULL: borrowed. */
int dowel_registry_key(dowel *d, dowel_db *db, char key_id[DOWEL_KEY_ID_SIZE], dowel_error *err);

/* The functions below run inside a write transaction. */

/* Seals a row with `key`, whatever its seal was; a row without a seal gets one. A row that cannot be opened is left unchanged: the function
 * succeeds, and *why has the error (otherwise its code is 0). `old_accepted` as in dowel_sealed_for. *sealed (may be NULL): whether the row was
 * written. */
int dowel_reseal_row(dowel *d, dowel_db *db, const char *type, const char *name, const dowel_key *key,
                     bool old_accepted, bool *sealed, dowel_error *why, dowel_error *err);

/* Whether every row must have a seal. Then a row without one was changed outside of dowel. */
int dowel_registry_is_sealed(dowel_db *db, bool *sealed, dowel_error *err);

/* Once for each key: seals rows in format 1 again with their own key, and rows without a seal with the first key. From then on, both are
 * refused under these keys. */
int dowel_registry_reseal(dowel *d, dowel_db *db, const dowel_keys *keys, dowel_error *err);

#endif
