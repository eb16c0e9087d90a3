/* dowel/json.h: JSON that keeps every number as it was written, and numbers as text in any locale.
 *
 * jansson holds a number as int64 or double, which changes 0.10, 1e400 and 18446744073709551615. Documents that are passed on
 * (arguments of kind JSON, answers of functions) are therefore read with DOWEL_JSON_EXACT: a number that jansson would change
 * becomes an *exact number*, a value whose json_string_value() is its text ("0.10"). dowel_json_dump() writes it as a number. Numbers
 * that jansson holds unchanged stay plain jansson numbers. jansson copies and compares exact numbers correctly, but json_dumps()
 * writes them as strings: use dowel_json_dump() instead.
 *
 * Functions that return a value return a new reference, to be released with json_decref(). */
#ifndef DOWEL_JSON_H
#define DOWEL_JSON_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOWEL_JSON_EXACT 1u      /* numbers keep their text */
#define DOWEL_JSON_NUL 2u        /* allows \u0000 in text (see json_string_length()) */
#define DOWEL_JSON_DUPLICATES 4u /* the last member of a name wins; otherwise duplicates are an error */

/* Parses JSON text; `origin` is what messages call it. A byte order mark is skipped. INVALID for syntax errors (with line and column) and
 * for text that is not UTF-8 (with the offset of the byte). Messages never quote the text. */
DOWEL_API int dowel_json_read(const char *text, size_t size, unsigned flags, const char *origin, json_t **document,
                              dowel_error *err);
/* The same without flags. */
DOWEL_API int dowel_json_parse(const char *text, size_t size, const char *origin, json_t **document, dowel_error *err);

/* Writes JSON: exact numbers as they were written, doubles with the fewest digits that read back as the same value. `flags` are
 * jansson's: JSON_INDENT(n) (without it: one line without spaces), JSON_SORT_KEYS, JSON_ENSURE_ASCII. The caller frees the text; NULL: out of
 * memory. */
DOWEL_API char *dowel_json_dump(const json_t *value, size_t flags);

/* The value of a JSON number literal: exact if jansson would change it. NULL: not a JSON number, or out of memory. */
DOWEL_API json_t *dowel_json_number(const char *literal, size_t length);
/* Whether the value is an exact number. */
DOWEL_API bool dowel_json_is_exact(const json_t *value);
/* Whether the value is a number, plain or exact. */
DOWEL_API bool dowel_json_is_number(const json_t *value);
/* The nearest double; infinite if the number is too large; 0 if the value is not a number. */
DOWEL_API double dowel_json_double(const json_t *value);
/* The number as dowel_json_dump() writes it. The caller frees the text; NULL: not a number, or out of memory. */
DOWEL_API char *dowel_json_number_text(const json_t *value);

/* A *verbatim value*: JSON text that dowel_json_dump() writes byte for byte (line breaks and tabs between values as spaces), for text that jansson
 * would change or cannot hold: duplicate members, lone surrogates, escapes and spacing. json_string_value() is the text. Parsing never makes
 * verbatim values. NULL: not JSON (RFC 8259), or out of memory. */
DOWEL_API json_t *dowel_json_verbatim(const char *text, size_t size);
/* The text of a verbatim value, followed by a NUL; NULL: the value is not verbatim. Borrowed. `size` may be NULL. */
DOWEL_API const char *dowel_json_verbatim_text(const json_t *value, size_t *size);
/* For documents that are stored and read again: wrap() turns a verbatim value (with `deep`, all of them within the value) into {"$json": "TEXT"}, and
 * unwrap() turns it back. An object that already has that form becomes {"$json": OBJECT}. NULL: out of memory. */
DOWEL_API json_t *dowel_json_wrap(const json_t *value, bool deep);
DOWEL_API json_t *dowel_json_unwrap(const json_t *value, bool deep);

/* Releases a document with secrets: overwrites all text that has no other reference, then calls json_decref(). NULL is allowed. */
DOWEL_API void dowel_json_cleanse(json_t *document);

/* Fills an object or array and remembers the first failure, so that one check at the end is enough:
 *
 *     dowel_builder b = dowel_build(json_object());
 *     dowel_build_text(&b, "name", name);
 *     dowel_build_int(&b, "size", size);
 *     int rc = dowel_build_end(&b, &document, err);
 */
typedef struct dowel_builder {
    json_t *value;
    int failed;         /* enum dowel_code */
    const char *member; /* that is not UTF-8; borrowed */
} dowel_builder;

/* Starts with a value and takes the reference: json_object(), json_array(), or json_incref(VALUE) to add to a value that exists.
 * NULL counts as out of memory. Do not share the value with other threads while it is filled. */
DOWEL_API dowel_builder dowel_build(json_t *value);
/* Each sets a member of the object and replaces one of the same name. `name` is borrowed until dowel_build_end(). Text that is NULL is left out;
 * text that is not UTF-8 makes dowel_build_end() fail with INVALID (see dowel_json_text()). */
DOWEL_API void dowel_build_text(dowel_builder *b, const char *name, const char *text);
DOWEL_API void dowel_build_int(dowel_builder *b, const char *name, json_int_t number);
DOWEL_API void dowel_build_bool(dowel_builder *b, const char *name, bool value);
/* Takes the reference to `value`, also on failure; NULL counts as out of memory. */
DOWEL_API void dowel_build_json(dowel_builder *b, const char *name, json_t *value);
/* Appends to the array. Takes the reference as dowel_build_json() does. */
DOWEL_API void dowel_build_item(dowel_builder *b, json_t *value);
/* Ends the builder. On success stores the value in *value (`value` may be NULL if the caller kept a reference). On failure stores NULL and
 * returns NO_MEMORY or INVALID; a value without other references is cleansed. */
DOWEL_API int dowel_build_end(dowel_builder *b, json_t **value, dowel_error *err);

/* Untrusted text as a value: "(not UTF-8)" for bytes that JSON cannot hold, null for NULL. NULL: out of memory. */
DOWEL_API json_t *dowel_json_text(const char *text);

/* strtod() with a decimal point in every locale. */
DOWEL_API double dowel_read_real(const char *text, char **end);
#define DOWEL_REAL_TEXT_SIZE 32
/* Writes the fewest digits that read back as the same double, with a point or an exponent: "0.1", "2.0", "1e+22". */
DOWEL_API void dowel_format_real(double value, char text[DOWEL_REAL_TEXT_SIZE]);

/* Checks text from a file or standard input: skips a byte order mark (moves *text and *size) and returns INVALID for NULs and bytes that are
 * not UTF-8, with the offset of the byte. `origin` is what messages call the text. */
DOWEL_API int dowel_text_check(const char *origin, const char **text, size_t *size, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
