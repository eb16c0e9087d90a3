/* The parts of a URL, as libcurl reads them. */
#include <dowel/text.h>
#include <dowel/url.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* A part that is not there stays NULL. */
static int get(CURLU *handle, CURLUPart which, char **part, dowel_error *err) {
    char *found = NULL;
    CURLUcode why = curl_url_get(handle, which, &found, 0);
    if (found) {
        *part = strdup(found);
        OPENSSL_cleanse(found, strlen(found)); /* it may be the password */
        curl_free(found);
    }
    return why == CURLUE_OUT_OF_MEMORY || (found && !*part) ? dowel_no_memory(err) : 0;
}

static int get_all(CURLU *handle, dowel_url *parts, dowel_error *err) {
    const struct {
        CURLUPart which;
        char **part;
    } wanted[] = {{CURLUPART_SCHEME, &parts->scheme},     {CURLUPART_USER, &parts->user},
                  {CURLUPART_PASSWORD, &parts->password}, {CURLUPART_HOST, &parts->host},
                  {CURLUPART_PORT, &parts->port},         {CURLUPART_PATH, &parts->path},
                  {CURLUPART_QUERY, &parts->query},       {CURLUPART_FRAGMENT, &parts->fragment}};
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof wanted / sizeof wanted[0]; i++)
        rc = get(handle, wanted[i].which, wanted[i].part, err);
    return rc;
}

int dowel_url_split(const char *url, dowel_url *parts, dowel_error *err) {
    const char *authority = strstr(url, "://");
    *parts = (dowel_url){.scheme = NULL};
    if (!authority) return dowel_fail(err, DOWEL_E_INVALID, "not a URL: expected SCHEME://HOST");
    CURLU *handle = curl_url();
    if (!handle) return dowel_no_memory(err);
    CURLUcode why = curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
    int rc = why == CURLUE_OUT_OF_MEMORY ? dowel_no_memory(err)
             : why                       ? dowel_fail(err, DOWEL_E_INVALID, "not a URL: %s", curl_url_strerror(why))
                                         : get_all(handle, parts, err);
    curl_url_cleanup(handle);
    if (!rc && !parts->host) rc = dowel_fail(err, DOWEL_E_INVALID, "not a URL: no host");
    if (rc)
        dowel_url_clear(parts);
    else
        parts->rest = authority + 3 + strcspn(authority + 3, "/?#");
    return rc;
}

void dowel_url_clear(dowel_url *parts) {
    dowel_wipe(parts->password);
    free(parts->scheme);
    free(parts->user);
    free(parts->host);
    free(parts->port);
    free(parts->path);
    free(parts->query);
    free(parts->fragment);
    *parts = (dowel_url){.scheme = NULL};
}
