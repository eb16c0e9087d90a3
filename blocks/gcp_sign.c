/* Signs bytes as the identity of Google credentials. */
#include "gcp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* Instead of asking the terminal. */
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

int dowel_gcp_sign_with_key(const dowel_gcp_identity *id, const void *data, size_t size, void **signature,
                            size_t *signature_size, dowel_error *err) {
    BIO *pem = BIO_new_mem_buf(id->private_key, -1);
    EVP_PKEY *key = pem ? PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL) : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *bytes = NULL;
    size_t length = 0;
    bool usable = key && context && EVP_PKEY_is_a(key, "RSA") &&
                  EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                  EVP_DigestSign(context, NULL, &length, data, size) == 1;
    int rc = 0;
    if (usable && !(bytes = malloc(length))) {
        rc = no_memory(err);
    } else if (!usable || EVP_DigestSign(context, bytes, &length, data, size) != 1) {
        free(bytes);
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: its private key cannot sign: it is damaged or not an RSA key",
                        id->origin);
        dowel_error_hint(err, "create a new key for %s and use its file unchanged", id->email);
    } else {
        *signature = bytes;
        *signature_size = length;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(pem);
    return rc;
}

int dowel_gcp_sign(dowel *d, dowel_block *credentials, const void *data, size_t size, char **email, void **signature,
                   size_t *signature_size, dowel_error *err) {
    dowel_gcp_identity id;
    int rc = dowel_gcp_known_identity(d, credentials, &id, err);
    if (rc) return rc;
    *email = NULL;
    *signature = NULL;
    if (id.kind != DOWEL_GCP_SERVICE_ACCOUNT) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: these credentials cannot sign: they are not a service account's",
                        id.origin ? id.origin : dowel_block_reference(credentials));
        dowel_error_hint(err, "use a service account's key");
    } else if (!(*email = strdup(id.email))) {
        rc = no_memory(err);
    } else if ((rc = dowel_gcp_sign_with_key(&id, data, size, signature, signature_size, err))) {
        free(*email);
        *email = NULL;
    }
    dowel_gcp_identity_clear(&id);
    return rc;
}
