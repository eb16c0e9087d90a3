/* dowel/json.h: JSON in which no number changes, and numbers as text whatever the program's locale is.
 *
 * jansson keeps a number as an int64 or a double. That changes 0.10, 1e400 and 18446744073709551615, so documents that are
 * passed on (arguments of kind JSON, answers of functions) are read with DOWEL_JSON_EXACT: a number that jansson would change
 * becomes an exact number, a value whose text json_string_value() gives ("0.10") and which dowel_json_dump() writes as the
 * number it was. A number that int64 or double holds as it was written stays a plain jansson number. Functions of jansson copy
 * and compare exact numbers correctly; json_dumps() writes them as text, so use dowel_json_dump() instead. */
#ifndef DOWEL_JSON_H
#define DOWEL_JSON_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOWEL_JSON_EXACT 1u      /* numbers keep their text */
#define DOWEL_JSON_NUL 2u        /* \u0000 is allowed in text (json_string_length() tells the length) */
#define DOWEL_JSON_DUPLICATES 4u /* the last of several members of one name wins; without: an error */

/* Reads JSON text. A byte order mark is skipped. A syntax error names `origin`, line and column; text that is not UTF-8 is
 * refused with the offset of the byte. New reference. */
DOWEL_API int dowel_json_read(const char *text, size_t size, unsigned flags, const char *origin, json_t **document,
                              dowel_error *err);
/* The same without flags. */
DOWEL_API int dowel_json_parse(const char *text, size_t size, const char *origin, json_t **document, dowel_error *err);

/* Writes JSON: exact numbers as they were written, doubles with the fewest digits that read back as the same. `flags` are
 * jansson's: JSON_INDENT(n) (without it everything is on one line, without spaces), JSON_SORT_KEYS, JSON_ENSURE_ASCII. Newly
 * allocated (free()); NULL when out of memory. */
DOWEL_API char *dowel_json_dump(const json_t *value, size_t flags);

/* The number that `literal` (JSON's syntax) stands for: exact where jansson's numbers would change it. New reference; NULL: not
 * a number of JSON, or out of memory. */
DOWEL_API json_t *dowel_json_number(const char *literal, size_t length);
/* Whether it is an exact number. */
DOWEL_API bool dowel_json_is_exact(const json_t *value);
/* Whether it is a number: jansson's or an exact one. */
DOWEL_API bool dowel_json_is_number(const json_t *value);
/* The nearest double, infinite where there is none; 0 where it is not a number. */
DOWEL_API double dowel_json_double(const json_t *value);
/* The number as dowel_json_dump() writes it. Newly allocated; NULL where it is not a number or when out of memory. */
DOWEL_API char *dowel_json_number_text(const json_t *value);

/* JSON text that is passed on byte for byte, as a value that dowel_json_dump() writes as that text (line breaks and tabs between values as
 * spaces): for text that jansson's values would change or cannot hold, such as duplicate members, lone surrogates, escapes and spacing that
 * matter. json_string_value() gives the text. Read values never are verbatim. New reference; NULL: not JSON (RFC 8259), or out of memory. */
DOWEL_API json_t *dowel_json_verbatim(const char *text, size_t size);
/* The text of a verbatim value, also ended by NUL; NULL: it is not one. Borrowed. */
DOWEL_API const char *dowel_json_verbatim_text(const json_t *value, size_t *size);
/* For documents that are kept and read again: verbatim values as {"$json": "TEXT"} (of all parts, where `deep`), and back. An object that only
 * looks like that is kept as {"$json": OBJECT}. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_json_wrap(const json_t *value, bool deep);
DOWEL_API json_t *dowel_json_unwrap(const json_t *value, bool deep);

/* Overwrites every text of a document that nobody else holds, then lets go of it: for documents with secrets. NULL is allowed. */
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
/* 0 and the value in *value (may be NULL if the caller kept a reference); else NULL there, and NO_MEMORY or INVALID. A value that nobody else holds
 * is cleansed on failure. */
DOWEL_API int dowel_build_end(dowel_builder *b, json_t **value, dowel_error *err);

/* Text from elsewhere as a value: "(not UTF-8)" for bytes that JSON cannot hold, null for NULL. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_json_text(const char *text);

/* strtod() with a decimal point in every locale. */
DOWEL_API double dowel_read_real(const char *text, char **end);
#define DOWEL_REAL_TEXT_SIZE 32
/* Text of 15 to 17 digits, as few as read back as the same double, with a point or an exponent: "0.1", "2.0", "1e+22". */
DOWEL_API void dowel_format_real(double value, char text[DOWEL_REAL_TEXT_SIZE]);

/* Text that came from a file or standard input: skips a byte order mark, and refuses a NUL and what is not UTF-8 with the
 * offset of the byte. `origin` is what messages call it. Moves *text and *size. */
DOWEL_API int dowel_text_check(const char *origin, const char **text, size_t *size, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
