/* The private key of a service account: reads it, checks it, signs with it. */
#include "gcp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

int dowel_gcp_unusable_key(const dowel_gcp_identity *id, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "%s: the private key cannot sign: it is damaged or not an RSA key of at least 2048 bits",
                        id->origin);
    dowel_error_hint(err, "use the key file of %s as Google created it, or create a new key", id->email);
    return rc;
}

enum { LEAST_BITS = 2048 }; /* of RS256: RFC 7518, section 3.3 */

/* NULL: not an RSA key of LEAST_BITS. */
static EVP_PKEY *read_key(const dowel_gcp_identity *id) {
    BIO *pem = BIO_new_mem_buf(id->private_key, -1);
    char no_password[] = ""; /* otherwise OpenSSL asks the terminal for the passphrase of an encrypted key */
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

/* Whether the private and the public part match. A damaged key can often be read, but its signatures are invalid. */
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

int dowel_gcp_sign_with_key(const dowel_gcp_identity *id, const void *data, size_t size, void **signature,
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
