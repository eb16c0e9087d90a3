/* Signs bytes as a service account. */
#include "gcp.h"

#include <stdlib.h>

/* IAM signs with a key that never leaves Google. */
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
                        "%s: these credentials cannot sign: they are not a service account (%s)", id->origin,
                        dowel_gcp_kind_name(id->kind));
        dowel_error_hint(err, "use a service account: its key, impersonation, or a machine that it is attached to");
    } else if (!signature) {
        /* only the signer was asked for */
    } else if (!rc && id->kind == DOWEL_GCP_SERVICE_ACCOUNT) {
        rc = dowel_gcp_sign_with_key(id, data, size, signature, signature_size, err);
    } else if (!rc && (rc = sign_with_iam(d, id, data, size, signature, signature_size, err))) {
        dowel_error_prefix(err, "cannot sign as %s (%s): ", *email, id->origin);
    }
    if (rc) {
        free(*email);
        *email = NULL;
    }
    dowel_gcp_identity_drop(id);
    return rc;
}
