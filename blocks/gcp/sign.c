/* Signs bytes as the identity of Google credentials. */
#include "gcp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

int dowel_gcp_unusable_key(const dowel_gcp_identity *id, dowel_error *err) {
    int rc =
        dowel_fail(err, DOWEL_E_CREDENTIALS,
                   "%s: its private key cannot sign: it is damaged or not an RSA key of 2048 bits or more", id->origin);
    dowel_error_hint(err, "use the key file of %s as Google made it; without it, create a new key", id->email);
    return rc;
}

enum { LEAST_BITS = 2048 }; /* of RS256: RFC 7518, section 3.3 */

/* NULL when it is not an RSA key that is long enough. */
static EVP_PKEY *read_key(const dowel_gcp_identity *id) {
    BIO *pem = BIO_new_mem_buf(id->private_key, -1);
    char no_password[] = ""; /* else OpenSSL would ask the terminal for that of an encrypted key */
    EVP_PKEY *key = pem ? PEM_read_bio_PrivateKey(pem, NULL, NULL, no_password) : NULL;
    BIO_free(pem);
    if (key && (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < LEAST_BITS)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* Newly allocated; NULL: the key cannot sign. */
static unsigned char *sign(EVP_PKEY *key, const void *data, size_t size, size_t *length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *bytes = NULL;
    bool usable = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                  EVP_DigestSign(context, NULL, length, data, size) == 1 && (bytes = malloc(*length)) &&
                  EVP_DigestSign(context, bytes, length, data, size) == 1;
    EVP_MD_CTX_free(context);
    if (usable) return bytes;
    free(bytes);
    return NULL;
}

/* Whether the two halves of the key belong together: a damaged one can often be read, and signs what nobody accepts. */
static bool verifies(EVP_PKEY *key) {
    static const unsigned char text[] = "text";
    size_t length = 0;
    unsigned char *signature = sign(key, text, sizeof text, &length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = signature && context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, length, text, sizeof text) == 1;
    EVP_MD_CTX_free(context);
    free(signature);
    return good;
}

int dowel_gcp_check_keys(const dowel_gcp_identity *identity, dowel_error *err) {
    for (const dowel_gcp_identity *id = identity; id; id = id->source) {
        if (id->kind != DOWEL_GCP_SERVICE_ACCOUNT) continue;
        EVP_PKEY *key = read_key(id);
        bool good = key && verifies(key);
        EVP_PKEY_free(key);
        if (!good) return dowel_gcp_unusable_key(id, err);
    }
    return 0;
}

static int sign_with_key(const dowel_gcp_identity *id, const void *data, size_t size, void **signature,
                         size_t *signature_size, dowel_error *err) {
    EVP_PKEY *key = read_key(id);
    size_t length = 0;
    unsigned char *bytes = key ? sign(key, data, size, &length) : NULL;
    EVP_PKEY_free(key);
    if (!bytes) return dowel_gcp_unusable_key(id, err);
    *signature = bytes;
    *signature_size = length;
    return 0;
}

/* IAM signs with a key that only Google has. */
static int sign_with_iam(dowel *d, const dowel_gcp_identity *id, const void *data, size_t size, void **signature,
                         size_t *signature_size, dowel_error *err) {
    char *payload = dowel_base64(data, size);
    json_t *answer = NULL;
    if (!payload) return dowel_no_memory(err);
    int rc = dowel_gcp_iam(d, id->source ? id->source : id, id, "signBlob", json_pack("{s:s}", "payload", payload),
                           false, &answer, err);
    free(payload);
    if (rc) return rc;
    const char *text = json_string_value(json_object_get(answer, "signedBlob"));
    if (!text || dowel_base64_decode(text, signature, signature_size))
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "IAM answered without a signature");
    json_decref(answer);
    return rc;
}

int dowel_gcp_sign(dowel *d, dowel_block *credentials, const void *data, size_t size, char **email, void **signature,
                   size_t *signature_size, dowel_error *err) {
    dowel_gcp_identity *id;
    *email = NULL;
    if (signature) {
        *signature = NULL;
        *signature_size = 0;
    }
    int rc = dowel_gcp_known_identity(d, credentials, false, &id, err);
    if (rc) return rc;
    rc = dowel_gcp_email(d, id, email, err);
    if (!rc && !*email) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "%s: these credentials cannot sign: they are not a service account's (%s)", id->origin,
                        dowel_gcp_kind_name(id->kind));
        dowel_error_hint(err, "use a service account: its key, impersonation, or the machine that it is attached to");
    } else if (!signature) {
        /* who would sign is all that was asked */
    } else if (!rc && id->kind == DOWEL_GCP_SERVICE_ACCOUNT) {
        rc = sign_with_key(id, data, size, signature, signature_size, err);
    } else if (!rc && (rc = sign_with_iam(d, id, data, size, signature, signature_size, err))) {
        dowel_error_prefix(err, "nothing was signed as %s (%s): ", *email, id->origin);
    }
    if (rc) {
        free(*email);
        *email = NULL;
    }
    dowel_gcp_identity_drop(id);
    return rc;
}
