/* JSON Web Tokens: signs them with a private key, and reads when they expire. */
#include "gcp.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

int dowel_gcp_sign_jwt(const dowel_gcp_identity *id, const json_t *claims, char **signed_jwt, dowel_error *err) {
    jwt_t *jwt = NULL;
    char *text = dowel_json_dump(claims, 0);
    const unsigned char *key = (const unsigned char *)id->private_key;
    if (!text || jwt_new(&jwt)) {
        free(text);
        return dowel_no_memory(err);
    }
    int failed = jwt_add_grants_json(jwt, text) ||
                 (id->private_key_id && jwt_add_header(jwt, "kid", id->private_key_id)) ||
                 jwt_set_alg(jwt, JWT_ALG_RS256, key, (int)strlen(id->private_key));
    *signed_jwt = failed ? NULL : jwt_encode_str(jwt);
    jwt_free(jwt);
    free(text);
    if (*signed_jwt) return 0;
    return dowel_gcp_unusable_key(id, err);
}

/* base64url without padding (RFC 7515) as base64 with padding. */
static char *padded(const char *text, size_t size) {
    char *copy = malloc(size + 4);
    if (!copy) return NULL;
    for (size_t i = 0; i < size; i++) copy[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    while (size % 4) copy[size++] = '=';
    copy[size] = 0;
    return copy;
}

int64_t dowel_gcp_jwt_expiry(const char *jwt) {
    const char *payload = strchr(jwt, '.'), *end = payload ? strchr(payload + 1, '.') : NULL;
    if (!end) return 0;
    char *text = padded(payload + 1, (size_t)(end - payload - 1));
    void *bytes = NULL;
    size_t size = 0;
    json_t *claims = NULL;
    if (text && !dowel_base64_decode(text, &bytes, &size)) claims = json_loadb(bytes, size, 0, NULL);
    double expires = json_number_value(json_object_get(claims, "exp"));
    json_decref(claims);
    free(bytes);
    free(text);
    return expires > 0 && expires < 1e11 ? (int64_t)expires * 1000000 : 0;
}
