/* dowel/fields.h: a field is described once.
 *
 * Every block type and every task's arguments is a C struct beside one static `dowel_table` that describes its members.
 * From that table alone come decoding from JSON, encoding to JSON, defaults, validation with the field's path in the
 * message, command-line flags and help, JSON Schema, masking and sealing of secrets.
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
 * In every struct a member that is zero means "the default". A boolean's default is therefore always false and an
 * enumeration's is its first value; name such fields so that this reads well.
 *
 * A zero that is meant as such is named in the struct's `given`, a text of names separated by blanks (kind DOWEL_GIVEN, one
 * per struct; it exists in C only and is no flag and no JSON member):
 *
 *     typedef struct { int64_t skip_rows; bool header; const char *given; } example_args;
 *     {DOWEL_GIVEN_AT(example_args)},                                    in the table, like any field
 *
 *     dowel_call(d, "example", &(example_args){.given = "skip_rows"}, ...)           0 rows, and not the default
 *
 * JSON and the command line need no such thing: whatever they give counts as given, and `given` names their zeros when a
 * body gets the struct. So a body asks in one way, and the compiler checks the member's name:
 *
 *     if (DOWEL_WAS_GIVEN(args, skip_rows)) request_rows(args->skip_rows);           also when it is 0
 *
 * What is given is not replaced by the field's default, is held to `minimum`, and is kept by the history and by a resumed
 * run. Texts, lists, objects and blocks need not be named: an empty one differs from NULL.
 *
 * A C caller's struct is held to the rules of JSON: numbers are finite and within their limits, enumerations are in range, and text is UTF-8
 * (except paths and places, which file systems let be anything). Otherwise the call is INVALID.
 *
 * Structs only grow at the end. Calls carry the caller's size, so older programs work with newer libraries. */
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
#define DOWEL_WATCHING 8u /* a pointer that only watches: a run can be resumed without it */
#define DOWEL_PLACE                                                                                                    \
    16u /* text (STRING, LIST) that names a place: a path, gs://bucket/path, TYPE/NAME:path or - (dowel/object_tasks.h) */
#define DOWEL_BLOCK_TEXT                                                                                               \
    32u /* a STRING that names a block as a flag does: NAME, TYPE/NAME, @file or the JSON document itself */
/* JSON that is passed on byte for byte: text given on the command line or in a file becomes a verbatim value (dowel/json.h) where a plain one
 * would change it; in a document {"$json": "TEXT"} says the same. */
#define DOWEL_VERBATIM 64u
#define DOWEL_ADDRESS                                                                                                  \
    128u /* a STRING that is an address: an empty one is refused, and never taken for the service's own address */

/* JSON that flags may also give as NAME=VALUE, one flag each. VALUE is a number, true, false, null or JSON that begins with {, [ or "; anything
 * else is text. */
#define DOWEL_PAIRS 256u

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
    /* DOWEL_ENUM: other words that are accepted for each of .values, in the same order, joined by `|` ("" for none); NULL: none.
     * Case does not count in either, nor does `-` differ from `_`. */
    const char *const *synonyms;
} dowel_field;

/* Name and offset of a struct member: the field is called what the member is called. */
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
    /* Rules that span fields ("exactly one of data and file"). May be NULL. Called after every single field held. */
    int (*check)(const void *data, dowel_error *err);
} dowel_table;

/* How block references are followed while a document is decoded. `types` is the field's `blocks`. On success *block is a
 * new reference. */
typedef struct dowel_resolver {
    int (*by_name)(void *context, const char *reference, const char *types, dowel_block **block, dowel_error *err);
    int (*by_document)(void *context, const json_t *document, const char *types, dowel_block **block, dowel_error *err);
    void *context;
} dowel_resolver;

/* A decoded struct together with everything that its members point to. Immutable after creation, so any thread may read it. */
typedef struct dowel_record dowel_record;

/* Decodes a JSON object. Unknown members are errors with a suggestion; every message carries the path of the field
 * ("objects.copy: field "metadata.owner": expected text, got a number"). Defaults are filled in. `resolver` NULL: block
 * references are checked for form but left NULL. `document` is borrowed. The caller frees the record. */
DOWEL_API int dowel_record_decode(const dowel_table *table, const json_t *document, const dowel_resolver *resolver,
                                  dowel_record **record, dowel_error *err);

/* Deep-copies a struct that a C caller filled in: `size` is sizeof the caller's struct (smaller than table->size for older
 * callers). Fills in defaults and validates as decoding does. Block references are retained; POINTER members are copied as
 * they are and must outlive the record. */
DOWEL_API int dowel_record_copy(const dowel_table *table, const void *data, size_t size, dowel_record **record,
                                dowel_error *err);

/* The struct that the table describes. Borrowed; lives as long as the record. */
DOWEL_API const void *dowel_record_data(const dowel_record *record);

/* Overwrites every copy of a secret, then frees. NULL is allowed. */
DOWEL_API void dowel_record_free(dowel_record *record);

/* How secrets appear when a struct is encoded. */
typedef enum dowel_secrets {
    DOWEL_SECRETS_MASKED = 0, /* "********" */
    DOWEL_SECRETS_SHOWN,      /* as they are: only for the registry and for explicit export */
    DOWEL_SECRETS_OMITTED,
} dowel_secrets;

/* Encodes a struct as a JSON object; members with zero values are left out unless its `given` names them. New reference; NULL when out of memory. */
DOWEL_API json_t *dowel_fields_encode(const dowel_table *table, const void *data, dowel_secrets secrets);

/* Masks the secrets of a document without decoding it (unknown members are kept). New reference. */
DOWEL_API json_t *dowel_fields_mask(const dowel_table *table, const json_t *document);

/* JSON Schema (draft 2020-12) of the table. New reference. */
DOWEL_API json_t *dowel_fields_schema(const dowel_table *table);

/* Whether the field exists in C only: no JSON, no flag, no help. */
DOWEL_API bool dowel_field_c_only(const dowel_field *field);

/* The field of that name (`-` and `_` are the same), or NULL. */
DOWEL_API const dowel_field *dowel_field_find(const dowel_table *table, const char *name);

/* Merges one value given as text into `object` under the field's name: LIST and MAP append. The path of the field is in the
 * message. `@file` and `-` are read here for BYTES, JSON, TABLE, BLOCK (its document), SECRET and MULTILINE fields. */
DOWEL_API int dowel_field_parse(const dowel_table *table, const dowel_field *field, const char *text, json_t *object,
                                dowel_error *err);

/* What help calls the kind: "text", "duration", "standard|legacy". Newly allocated (free()); NULL when out of memory. */
DOWEL_API char *dowel_field_kind_name(const dowel_field *field);

/* Text forms, for code that reads them elsewhere. All accept exactly what the kinds above say. */
DOWEL_API int dowel_parse_duration(const char *text, double *seconds);
#define DOWEL_DURATION_TEXT_SIZE 32
/* "90s", "1.5s": at most nine decimals, no exponent, as JSON of protocol buffers has it. */
DOWEL_API void dowel_format_duration(double seconds, char text[DOWEL_DURATION_TEXT_SIZE]);
DOWEL_API int dowel_parse_size(const char *text, int64_t *bytes);
DOWEL_API int dowel_parse_time(const char *text, int64_t *microseconds);
#define DOWEL_TIME_TEXT_SIZE 32
DOWEL_API void dowel_format_time(int64_t microseconds, char text[DOWEL_TIME_TEXT_SIZE]);

/* The path as seen from the root: `folder` (NULL: the working directory) in front of a relative one. `-`, the empty path and a
 * path in a folder that has no path itself stay as they are. Newly allocated (free()); NULL when out of memory. */
DOWEL_API char *dowel_path_absolute(const char *path, const char *folder);

/* The candidate nearest to a mistyped word, or NULL when none is near. `candidates` is NULL-terminated. */
/* An environment variable without the white space around it: mounted secrets and files with CRLF leave a line break at the end. Newly allocated;
 * NULL when it is not set, blank, or there is no memory. */
DOWEL_API char *dowel_variable(const char *name);
DOWEL_API const char *dowel_nearest(const char *word, const char *const *candidates);

#ifdef __cplusplus
}
#endif
#endif
