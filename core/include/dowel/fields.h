/* dowel/fields.h: tables that describe the fields of a struct.
 *
 * Every block type and the arguments of every task are a C struct with one static `dowel_table` that describes its members. Everything else
 * is derived from that table: decoding and encoding JSON, defaults, validation with the field's path in the message, command-line flags and
 * help, JSON Schema, masking and sealing of secrets.
 *
 *     typedef struct { const char *bucket; int64_t part_size; dowel_block *credentials; } example_args;
 *
 *     static const dowel_field example_fields[] = {
 *         {DOWEL_AT(example_args, bucket), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Bucket name."},
 *         {DOWEL_AT(example_args, part_size), .kind = DOWEL_SIZE, .fallback = "8MiB", .doc = "Bytes per part."},
 *         {DOWEL_AT(example_args, credentials), .kind = DOWEL_BLOCK, .doc = "Who calls.", .blocks = "gcp-credentials"},
 *         {0}};
 *     static const dowel_table example_table = {"example", sizeof(example_args), example_fields};
 *
 * A member that is zero means "the default". The default of a boolean is therefore always false, and that of an enumeration its first value;
 * name such fields so that this reads well.
 *
 * To pass a zero as a value, name the member in the struct's `given`: names separated by blanks (kind DOWEL_GIVEN, at most one per struct; it
 * exists only in C and is neither a flag nor a JSON member):
 *
 *     typedef struct { int64_t skip_rows; bool header; const char *given; } example_args;
 *     {DOWEL_GIVEN_AT(example_args)},                                    in the table, like any field
 *
 *     dowel_call(d, "example", &(example_args){.given = "skip_rows"}, ...)           0 rows instead of the default
 *
 * In JSON and on the command line every value that is present counts as given, and `given` names the zeros among them when a task's body gets
 * the struct. So a body has one way to ask, and the compiler checks the member's name:
 *
 *     if (DOWEL_WAS_GIVEN(args, skip_rows)) request_rows(args->skip_rows);           also when it is 0
 *
 * A given value is not replaced by the default, must not be less than `minimum`, and is kept by the history and by a resumed run. Texts,
 * lists, objects and blocks need not be named: an empty one differs from NULL.
 *
 * The struct of a C caller must obey the rules of JSON: numbers are finite and within their limits, enumerations are in range, and text is UTF-8
 * (except paths and places, because names of files may be any bytes). Otherwise the call fails with INVALID.
 *
 * New members are added only at the end of a struct. Calls carry the size of the caller's struct, so older programs work with newer
 * libraries. */
#ifndef DOWEL_FIELDS_H
#define DOWEL_FIELDS_H

#include <dowel/error.h>
#include <dowel/json.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_block dowel_block; /* dowel/block.h */

typedef struct dowel_bytes {
    const void *data;
    size_t size;
} dowel_bytes;

typedef struct dowel_pair {
    const char *name;
    const char *value;
} dowel_pair;

/* The kind of a field, with the C type of its member, its form in JSON and its form as text (command line, default). */
typedef enum dowel_kind {
    DOWEL_NONE = 0, /* ends a table */
    DOWEL_STRING,   /* const char *          "text" */
    DOWEL_BOOL,     /* bool                  true, false; as text true/false/yes/no/1/0, or a bare flag */
    DOWEL_INT,      /* int64_t               42 */
    DOWEL_FLOAT,    /* double                0.5 */
    DOWEL_DURATION, /* double, seconds       90, "90s", "1h30m", "250ms" */
    DOWEL_SIZE,     /* int64_t, bytes        1048576, "64MiB", "5GB" */
    DOWEL_TIME,     /* int64_t, µs since the epoch, UTC    "2026-01-31T12:00:00Z" (RFC 3339) */
    DOWEL_ENUM,     /* int, index into .values              "standard" */
    DOWEL_PATH,     /* const char *          "a/file"; `-` is standard input or output where the field's doc says so.
                                             Absolute in the arguments that a task gets */
    DOWEL_BYTES,    /* dowel_bytes           base64 in JSON; as text `@file`, `-` (standard input) or the text itself */
    DOWEL_LIST,     /* const char *const *, NULL-terminated    ["a", "b"]; as text one flag each, or a JSON array */
    DOWEL_MAP,      /* const dowel_pair *, ended by {NULL, NULL}    {"k": "v"}; as text `k=v`, one flag each, or JSON */
    DOWEL_TABLE,    /* const STRUCT *        {...}, described by .table; as text JSON */
    DOWEL_TABLES,   /* const STRUCT *const *, NULL-terminated    [{...}, {...}]; as text JSON */
    DOWEL_JSON,     /* json_t *              any JSON, passed through */
    DOWEL_BLOCK, /* dowel_block *         {"$block": "type/name"}, "type/name" or an inline document; .blocks says which */
    DOWEL_POINTER, /* any pointer; exists in C only: callbacks, sinks, sources. Never encoded; copied as the pointer */
    DOWEL_GIVEN,   /* const char *; exists in C only: names of members that are zero on purpose, separated by blanks */
} dowel_kind;

/* Flags of a field. */
#define DOWEL_REQUIRED 1u /* must be given and not be empty */
#define DOWEL_SECRET 2u   /* sealed at rest and masked everywhere else */
#define DOWEL_MULTILINE                                                                                                \
    4u /* text that usually comes from a file; `@file` reads it on the command line (any text kind) */
#define DOWEL_WATCHING 8u /* a pointer to an observer: a run can be resumed without it */
#define DOWEL_PLACE                                                                                                    \
    16u /* text (STRING, LIST) that names a place: a path, gs://bucket/path, TYPE/NAME:path or - (dowel/object_tasks.h) */
#define DOWEL_BLOCK_TEXT                                                                                               \
    32u /* a STRING that names a block as a flag does: NAME, TYPE/NAME, @file or the JSON document itself */
/* JSON that is passed on byte for byte: text on the command line or in a file becomes a verbatim value (dowel/json.h) if parsing would change it;
 * in a document {"$json": "TEXT"} means the same. */
#define DOWEL_VERBATIM 64u
#define DOWEL_ADDRESS                                                                                                  \
    128u /* a STRING that is an address: an empty one is refused instead of meaning the service's own address */

/* A JSON object that may also be given as flags NAME=VALUE. VALUE is a number, true, false, null, or JSON that begins with {, [ or "; anything
 * else is text. */
#define DOWEL_PAIRS 256u
/* Says what a run is about (STRING, PATH, LIST, BLOCK): a table, an object, a bucket, a job. The list of runs shows these fields in the order of
 * the table; for an unsaved block those of its own table. Never shown for a secret. */
#define DOWEL_SUBJECT 512u

struct dowel_table;

typedef struct dowel_field {
    const char *name; /* also the JSON key; the command line writes `_` as `-` */
    size_t offset;
    dowel_kind kind;
    unsigned flags;
    const char *fallback;            /* default, in its text form; NULL: the zero value */
    const char *doc;                 /* one sentence, ends with a full stop */
    const char *example;             /* an example value in its text form; NULL: none */
    const char *const *values;       /* DOWEL_ENUM: NULL-terminated names; the first is the default */
    const struct dowel_table *table; /* DOWEL_TABLE, DOWEL_TABLES */
    const char *blocks;              /* DOWEL_BLOCK: accepted block types, joined by `|` */
    double minimum, maximum;         /* numbers, durations, sizes; both zero: unbounded */
    /* DOWEL_ENUM: synonyms of each of .values, in the same order, joined by `|` ("" for none); NULL: none. Both are compared without
     * case, and `-` equals `_`. */
    const char *const *synonyms;
    /* STRING, BLOCK: the saved default that fills the member of a call that does not give it, such as "project" (`dowel config set`); NULL: none.
     * On a BLOCK it marks credentials: other defaults of the same struct are used only with the default credentials, or without any. */
    const char *setting;
} dowel_field;

/* Name and offset of a struct member; the field has the name of the member. */
#define DOWEL_AT(type, member) .name = #member, .offset = offsetof(type, member)
/* The member `const char *given` of a struct that has one. */
#define DOWEL_GIVEN_AT(type) DOWEL_AT(type, given), .kind = DOWEL_GIVEN

/* Whether a member of a number's, truth value's or enumeration's kind was given: it is not zero, or `given` names it. */
#define DOWEL_WAS_GIVEN(args, member) ((args)->member != 0 || dowel_given((args)->given, #member))
/* Whether `given` (may be NULL) names the member. */
DOWEL_API bool dowel_given(const char *given, const char *member);

typedef struct dowel_table {
    const char *name;          /* what messages call it: a task or block type name */
    size_t size;               /* sizeof the struct */
    const dowel_field *fields; /* ended by a field whose name is NULL */
    /* Rules that span fields ("exactly one of data and file"). May be NULL. Called after all fields are valid. */
    int (*check)(const void *data, dowel_error *err);
} dowel_table;

/* Resolves block references while a document is decoded. `types` is the field's `blocks`. On success *block is a new reference. */
typedef struct dowel_resolver {
    int (*by_name)(void *context, const char *reference, const char *types, dowel_block **block, dowel_error *err);
    int (*by_document)(void *context, const json_t *document, const char *types, dowel_block **block, dowel_error *err);
    void *context;
    /* The saved default of that name: *text is newly allocated, or NULL if there is none. NULL: no defaults are filled in. */
    int (*preset)(void *context, const char *setting, char **text, dowel_error *err);
} dowel_resolver;

/* A decoded struct and everything that its members point to. Immutable, so any thread may read it. */
typedef struct dowel_record dowel_record;

/* Decodes a JSON object and fills in defaults. Unknown members are INVALID, with a suggestion; every message has the path of the field
 * ("objects.copy: field "metadata.owner": expected text, got a number"). `resolver` NULL: block references are checked for their form and
 * stay NULL. `document` is borrowed. The caller frees the record. */
DOWEL_API int dowel_record_decode(const dowel_table *table, const json_t *document, const dowel_resolver *resolver,
                                  dowel_record **record, dowel_error *err);

/* Deep-copies the struct of a C caller, fills in defaults and validates as decoding does. `size` is the sizeof of the caller's struct (smaller
 * than table->size for older callers). Blocks are retained. POINTER members are copied as pointers: their targets must outlive the record. */
DOWEL_API int dowel_record_copy(const dowel_table *table, const void *data, size_t size, dowel_record **record,
                                dowel_error *err);

/* The struct that the table describes. Borrowed; lives as long as the record. */
DOWEL_API const void *dowel_record_data(const dowel_record *record);

/* Overwrites every copy of a secret, then frees. NULL is allowed. */
DOWEL_API void dowel_record_free(dowel_record *record);

/* What encoding does with secrets. */
typedef enum dowel_secrets {
    DOWEL_SECRETS_MASKED = 0, /* "********" */
    DOWEL_SECRETS_SHOWN,      /* unmasked: only for the registry and for explicit export */
    DOWEL_SECRETS_OMITTED,
} dowel_secrets;

/* Encodes a struct as a JSON object. Zero members are left out unless `given` names them. Text that is not UTF-8 becomes "(not UTF-8)". New
 * reference; NULL: out of memory. */
DOWEL_API json_t *dowel_fields_encode(const dowel_table *table, const void *data, dowel_secrets secrets);

/* A copy of a document with masked secrets. The document is not decoded, and unknown members are kept. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_fields_mask(const dowel_table *table, const json_t *document);

/* JSON Schema (draft 2020-12) of the table. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_fields_schema(const dowel_table *table);

/* Whether the field exists only in C: no JSON, no flag, no help. */
DOWEL_API bool dowel_field_c_only(const dowel_field *field);

/* The field with that name (`-` equals `_`), or NULL. */
DOWEL_API const dowel_field *dowel_field_find(const dowel_table *table, const char *name);

/* Parses a value in its text form and sets it in `object` under the field's name; LIST and MAP append. Messages have the path of the field.
 * `@file` and `-` are read here for BYTES, JSON, TABLE, BLOCK (its document), SECRET and MULTILINE fields. */
DOWEL_API int dowel_field_parse(const dowel_table *table, const dowel_field *field, const char *text, json_t *object,
                                dowel_error *err);

/* What help calls the kind: "text", "duration", "standard|legacy". The caller frees it; NULL: out of memory. */
DOWEL_API char *dowel_field_kind_name(const dowel_field *field);

/* The text forms of the kinds above. The parsers return 0 or INVALID. */
DOWEL_API int dowel_parse_duration(const char *text, double *seconds);
#define DOWEL_DURATION_TEXT_SIZE 32
/* "90s", "1.5s": at most nine decimals, no exponent, as in the JSON of protocol buffers. */
DOWEL_API void dowel_format_duration(double seconds, char text[DOWEL_DURATION_TEXT_SIZE]);
DOWEL_API int dowel_parse_size(const char *text, int64_t *bytes);
DOWEL_API int dowel_parse_time(const char *text, int64_t *microseconds);
#define DOWEL_TIME_TEXT_SIZE 32
DOWEL_API void dowel_format_time(int64_t microseconds, char text[DOWEL_TIME_TEXT_SIZE]);

/* The absolute path: `folder` (NULL: the working directory) is put before a relative one. `-`, the empty path, and a path relative to a
 * folder without a path stay as they are. The caller frees it; NULL: out of memory. */
DOWEL_API char *dowel_path_absolute(const char *path, const char *folder);

/* An environment variable without white space around it, because mounted secrets and files with CRLF end in a line break. The caller frees it;
 * NULL: not set, blank, or out of memory. */
DOWEL_API char *dowel_variable(const char *name);

/* The candidate nearest to a mistyped word, or NULL if none is near. `candidates` is NULL-terminated. */
DOWEL_API const char *dowel_nearest(const char *word, const char *const *candidates);

#ifdef __cplusplus
}
#endif
#endif
