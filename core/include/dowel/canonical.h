/* dowel/canonical.h: the canonical request, the text that a signature of a request is made from. Several clouds build it the same way. For
 * modules of dowel, not for programs. */
#ifndef DOWEL_CANONICAL_H
#define DOWEL_CANONICAL_H

#include <dowel/http.h>
#include <dowel/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Adds "name:value" lines, sorted by name in lower case, white space folded, values of one name joined by commas; and their names to
 * `names`, joined by semicolons. `lists` ends with NULL, each list with {NULL, NULL}. `skip` (may be NULL) says which headers are not
 * signed. */
DOWEL_API void dowel_canonical_headers(const dowel_header *const *lists, bool (*skip)(const char *name),
                                       dowel_text *lines, dowel_text *names);
/* Adds the parameters of a query as it is on the wire, without "?": sorted, and percent-encoded in canonical form. */
DOWEL_API void dowel_canonical_query(dowel_text *out, const char *query);
/* Adds a path without dot segments and double slashes (RFC 3986, 5.2.4), percent-encoded. */
DOWEL_API void dowel_canonical_path(dowel_text *out, const char *path);

/* The parts, in the order of the text. */
typedef struct dowel_canonical {
    const char *method, *path, *query;
    const char *headers, *names; /* of dowel_canonical_headers() */
    const char *payload;         /* hex SHA-256 of the body, or UNSIGNED-PAYLOAD */
} dowel_canonical;
/* Adds the canonical request. */
DOWEL_API void dowel_canonical_request(dowel_text *out, const dowel_canonical *parts);

#ifdef __cplusplus
}
#endif
#endif
