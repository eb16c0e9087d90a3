/* dowel/import.h: blocks from what other tools keep: AWS profiles, gcloud configurations, Prefect's block documents, Airflow's connections,
 * rclone's remotes. Importing only reads; dowel_blocks_save then saves everything or nothing. */
#ifndef DOWEL_IMPORT_H
#define DOWEL_IMPORT_H

#include <dowel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dowel_import_source {
    DOWEL_IMPORT_AWS_PROFILE, /* `which`: the profile. From the shared config and credentials files */
    DOWEL_IMPORT_GCLOUD,      /* `which`: the configuration, NULL the active one. From gcloud's folder */
    DOWEL_IMPORT_PREFECT, /* `text`: a block document as JSON, as the API gives it with its secrets, or an array of them */
    DOWEL_IMPORT_AIRFLOW, /* `text`: a connection as URI or as JSON; `which`: its id, NULL: "airflow" */
    DOWEL_IMPORT_RCLONE, /* `which`: REMOTE or REMOTE:BUCKET/FOLDER; `text`: the config file, NULL: where rclone keeps it */
} dowel_import_source;

typedef struct dowel_import_request {
    dowel_import_source source;
    const char *which;
    const char *text;
    size_t size;
    const char *origin; /* what messages call the text */
    const char *name;   /* what to call the block that is asked for; NULL: after what it is at its source */
} dowel_import_request;

/* *imported is {"blocks": [{"block": "type/name", "document": {...}}], "warnings": ["..."]}: what is referred to stands before what refers
 * to it, and the block that was asked for is the last. A setting that has no counterpart is named in a warning; where it is a credential, or decides
 * who calls, the import fails. Secrets stand in it as they are: the
 * caller ends it with dowel_import_free. */
DOWEL_API int dowel_import(const dowel_import_request *request, json_t **imported, dowel_error *err);
/* Overwrites the secrets. NULL is allowed. */
DOWEL_API void dowel_import_free(json_t *imported);

#ifdef __cplusplus
}
#endif
#endif
