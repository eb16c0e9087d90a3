/* ID tokens, which prove the caller to one audience, such as a private Cloud Run service. */
#include "gcp.h"

int dowel_gcp_id_token(dowel *d, dowel_block *credentials, const char *audience, bool again, char **token,
                       int64_t *expires, dowel_error *err) {
    dowel_gcp_identity *id;
    *token = NULL;
    if (!audience || !*audience) return dowel_fail(err, DOWEL_E_INVALID, "an ID token needs an audience");
    int rc = dowel_gcp_known_identity(d, credentials, again, &id, err);
    if (rc) return rc;
    const dowel_gcp_asking asking = {.identity = id, .audience = audience};
    rc = dowel_gcp_cached_token(d, &asking, NULL, again, token, expires, err);
    if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    dowel_gcp_identity_drop(id);
    return rc;
}
