/* What the importers share: the blocks that they find, and what they had to leave out. */
#ifndef DOWEL_IMPORT_PRIVATE_H
#define DOWEL_IMPORT_PRIVATE_H

#include <dowel/import.h>
#include <dowel/text.h>

#define DOWEL_IMPORT_NAME_SIZE 64
#define DOWEL_IMPORT_FILE_LIMIT ((size_t)4 << 20) /* of another tool's file */

struct dowel_importing {
    const char *name; /* that was asked for; NULL: the source's own */
    const char *origin;
    json_t *blocks, *warnings;
    const json_t *documents; /* Prefect: all that were given, an array; NULL: one */
    char lost[256];          /* the first setting left out that holds a credential; "": none */
    bool no_memory;          /* a field could not be set */
    char not_text[64];       /* the first field whose text is not UTF-8; "": none */
    dowel_error *err;
};

/* Whether the name of a setting says that it holds a credential, or decides who calls. */
bool dowel_import_is_credential(const char *name);
bool dowel_import_is_one_of(const char *const *names, const char *name); /* `names` is NULL-terminated */
/* Whether a secret in the value was replaced by asterisks, at any depth. */
bool dowel_import_is_masked(const json_t *value);
/* Fails: the setting is masked. `hint` "": the usual one. */
int dowel_import_masked(dowel_importing *in, const char *name, const char *hint);
/* Adds the name of a setting that has no counterpart to `left`, an array of texts, unless its value says nothing. */
void dowel_import_leave(dowel_importing *in, json_t *left, const char *name, const json_t *value);
/* Ends with one warning that names what was left out, or fails when a credential is among it. `left` is taken over. */
int dowel_import_left_out(dowel_importing *in, const char *what, json_t *left);
/* Credentials that act as another service account: "TARGET" or "DELEGATE,DELEGATE,TARGET". New reference; NULL: out of memory. */
json_t *dowel_import_impersonated(const char *chain, const json_t *source);
/* {"$block": reference}. */
json_t *dowel_import_reference(const char *reference);
/* Sets a field and takes the reference to `value`; NULL counts as out of memory. dowel_import_add reports a failure of any of these calls. */
void dowel_import_put(dowel_importing *in, json_t *document, const char *field, json_t *value);
/* Sets a field to a text that is not NULL or empty. A text that is not UTF-8 is such a failure too. */
void dowel_import_set(dowel_importing *in, json_t *document, const char *field, const char *text);
/* "bucket/folder/below" as the fields bucket and folder. */
void dowel_import_bucket_path(dowel_importing *in, json_t *document, const char *path);

/* "~/a" as the path below the home folder that it means for the tool it comes from; with a warning. New reference. */
json_t *dowel_import_path(dowel_importing *in, const char *what, const char *path);

/* "[section]" and "key = value" as an object of objects; new reference. */
int dowel_import_ini(const char *text, size_t size, const char *origin, json_t **sections, dowel_error *err);
/* Merges the sections of a file into `into`. A file that does not exist is empty unless it is `needed`. */
int dowel_import_read_sections(const char *path, bool needed, json_t *into, dowel_error *err);

extern const dowel_import_source dowel_prefect_import, dowel_airflow_import, dowel_rclone_import;

#endif
