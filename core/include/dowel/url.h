/* dowel/url.h: the parts of a URL, as libcurl reads them. For modules of dowel, not for programs.
 *
 * Use it for every decision about a host: a parser of its own may see another host than the one that libcurl connects to. */
#ifndef DOWEL_URL_H
#define DOWEL_URL_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Percent-encoding stays as it is written, except in the host. A part that is not there is NULL. */
typedef struct dowel_url {
    char *scheme; /* in lower case */
    char *user, *password;
    char *host; /* an IPv6 address has brackets; an IPv4 address such as 127.1 is written in full */
    char *port; /* as it is written; NULL: the scheme's */
    char *path; /* begins with / */
    char *query, *fragment;
    const char *rest; /* what follows the authority, in the text that was split */
} dowel_url;

/* Splits SCHEME://HOST with any scheme. INVALID if it is not a URL; the message says why without quoting it. End the parts with dowel_url_clear(). */
DOWEL_API int dowel_url_split(const char *url, dowel_url *parts, dowel_error *err);
/* Frees the parts, and wipes the password. */
DOWEL_API void dowel_url_clear(dowel_url *parts);

#ifdef __cplusplus
}
#endif
#endif
