/* dowel/import.h: imports the settings of other tools as blocks: AWS profiles, gcloud configurations, Prefect's block documents, Airflow's connections, rclone's remotes. Importing reads and changes nothing; dowel_blocks_save then saves all blocks or none.
 *
 * Import sources come from connectors (dowel_connector.imports, dowel/connector.h), like tasks and block types. */
#ifndef DOWEL_IMPORT_H
#define DOWEL_IMPORT_H

#include <dowel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The sources that belong to no cloud: "prefect", "airflow", "rclone". dowel_open has them; a program that calls dowel_open_with adds
 * this connector. "aws-profile" comes with dowel_aws_connector, "gcloud" with dowel_gcp_connector. */
DOWEL_API extern const dowel_connector dowel_import_connector;

/* What to import. Zero the struct, then set what the source needs:
 *
 *   aws-profile  `which`: the profile; NULL: "default"
 *   gcloud       `which`: the configuration; NULL or "active": the active one
 *   prefect      `text`: a block document as JSON, as the API returns it with its secrets, or an array of them
 *   airflow      `text`: a connection as URI or as JSON; `which`: its id, NULL: "airflow"
 *   rclone       `which`: REMOTE or REMOTE:BUCKET/FOLDER; `text`: the configuration file, NULL: rclone's usual file is read */
typedef struct dowel_import_request {
    const char *which;
    const char *text;   /* need not end with a NUL */
    size_t size;        /* of `text` */
    const char *origin; /* name of the text in messages, such as its path; NULL: "import" */
    const char *name;   /* name for the requested block; NULL: its name at the source */
} dowel_import_request;

/* Reads blocks from the source of this name. *imported is {"blocks": [{"block": "type/name", "document": {...}}], "warnings": ["..."]};
 * blocks that others refer to come first, and the block that was asked for is the last. A setting that dowel does not have is named in a
 * warning; if it is a credential, or decides whose credentials are used, the import fails with INVALID. An unknown source is NOT_FOUND,
 * with the nearest name. The documents contain secrets in the clear: end *imported with dowel_import_free. */
DOWEL_API int dowel_import(dowel *d, const char *source, const dowel_import_request *request, json_t **imported,
                           dowel_error *err);
/* Overwrites the secrets and releases the object. NULL is allowed. */
DOWEL_API void dowel_import_free(json_t *imported);

/* ---- for import sources ---- */

#define DOWEL_IMPORT_REFERENCE_SIZE 128

/* What a source has found so far. */
typedef struct dowel_importing dowel_importing;

/* Adds the block type/name. A `name` that is not a valid block name is turned into one: "My_AWS keys" becomes "my-aws-keys". Takes over
 * `document`, also on failure; NULL is NO_MEMORY. `reference` (may be NULL) receives "type/name", for blocks that refer to it. */
DOWEL_API int dowel_import_add(dowel_importing *found, const char *type, const char *name, json_t *document,
                               char reference[DOWEL_IMPORT_REFERENCE_SIZE]);
/* Adds a warning, once. */
DOWEL_API void dowel_import_warn(dowel_importing *found, const char *format, ...) DOWEL_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
