/* Seals of the registry's rows: what is sealed anew, and from when on older formats are refused. */
#ifndef DOWEL_RESEAL_H
#define DOWEL_RESEAL_H

#include "sealing.h"

#include <dowel/database.h>

/* SQL: the component in dowel_schema that says that the rows like this one are all in the current format. */
#define DOWEL_SEALS_OF_ROW "CASE WHEN sealed IS NULL THEN 'seals none' ELSE 'seals ' || COALESCE(key_id, '') END"

/* Whether one of these keys has ever sealed a block of the registry. Outside of a transaction too. */
int dowel_registry_knows(dowel *d, const dowel_keys *keys, bool *known, dowel_error *err);

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
