/* What the importers share: the blocks that they find, and what they had to leave out. */
#ifndef DOWEL_IMPORT_PRIVATE_H
#define DOWEL_IMPORT_PRIVATE_H

#include <dowel/import.h>

#define DOWEL_IMPORT_NAME_SIZE 64
#define DOWEL_IMPORT_REFERENCE_SIZE 128

typedef struct dowel_importing {
    const char *name; /* that was asked for; NULL: the source's own */
    const char *origin;
    json_t *blocks, *warnings;
    const json_t *documents; /* Prefect: all that were given, an array; NULL: one */
    char lost[256];          /* the first setting left out that holds a credential; "": none */
    dowel_error *err;
} dowel_importing;

/* Adds type/name, after making a block's name of `name` where it is none; the document is taken over. `reference` may be NULL. */
int dowel_import_add(dowel_importing *in, const char *type, const char *name, json_t *document,
                     char reference[DOWEL_IMPORT_REFERENCE_SIZE]);
void dowel_import_warn(dowel_importing *in, const char *format, ...) DOWEL_PRINTF(2, 3);
/* Whether the name of a setting says that it holds a credential, or decides who calls. */
bool dowel_import_is_credential(const char *name);
bool dowel_import_is_one_of(const char *const *names, const char *name); /* `names` is NULL-terminated */
/* Whether asterisks stand in the place of a secret, anywhere in the value. */
bool dowel_import_is_masked(const json_t *value);
/* Fails: the setting is masked. `hint` "": the usual one. */
int dowel_import_masked(dowel_importing *in, const char *name, const char *hint);
/* Adds the name of a setting that has no counterpart to `left`, an array of texts, unless its value says nothing. */
void dowel_import_leave(dowel_importing *in, json_t *left, const char *name, const json_t *value);
/* Ends with one warning that names what was left out, or fails when a credential is among it. `left` is taken over. */
int dowel_import_left_out(dowel_importing *in, const char *what, json_t *left);
/* Credentials that act as another service account: "TARGET" or "DELEGATE,DELEGATE,TARGET". New reference. */
json_t *dowel_import_impersonated(const char *chain, const json_t *source);
/* {"$block": reference}. */
json_t *dowel_import_reference(const char *reference);
/* Sets a field from text, unless there is none. */
void dowel_import_set(json_t *document, const char *field, const char *text);
/* "bucket/folder/below" as the fields bucket and folder. */
void dowel_import_bucket_path(json_t *document, const char *path);

/* One converter for each source, without a file being read where the text is given. */
struct dowel_aws_profiles;
int dowel_import_aws(dowel_importing *in, const struct dowel_aws_profiles *profiles, const char *profile);
/* `sections`: the configuration; `credentials`: the account's, or NULL. */
int dowel_import_gcloud(dowel_importing *in, const char *name, const json_t *sections, const json_t *credentials);
int dowel_import_prefect(dowel_importing *in, const json_t *document);
int dowel_import_airflow(dowel_importing *in, const char *id, const char *text, size_t size);
int dowel_import_rclone(dowel_importing *in, const char *remote, const json_t *sections);

/* "~/a" as the path below the home folder that it means for the tool it comes from; with a warning. New reference. */
json_t *dowel_import_path(dowel_importing *in, const char *what, const char *path);

/* import_files.c: the files of gcloud and rclone. */
int dowel_import_find_gcloud(dowel_importing *in, const char *which);
int dowel_import_find_rclone(dowel_importing *in, const char *which, const char *text, size_t size);
/* "[section]" and "key = value" as an object of objects; new reference. */
int dowel_import_ini(const char *text, size_t size, const char *origin, json_t **sections, dowel_error *err);

#endif
