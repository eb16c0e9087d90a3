/* Caches: the identity in its block or the handle, tokens in the handle, renewed before they expire. */
#include "gcp.h"
#include <dowel/renewed.h>

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define EARLY ((int64_t)225 * 1000000) /* like Google's libraries */

/* ---- identities ---- */

static int find_identity(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err) {
    dowel_gcp_identity *identity = (dowel_gcp_identity *)renewal->old;
    if (identity && identity->once) { /* the pipe cannot be read again */
        *value = dowel_gcp_identity_hold(identity);
        *expires = 0;
        return 0;
    }
    identity = NULL;
    int rc = dowel_gcp_identify(d, renewal->context, &identity, err);
    *value = identity;
    *expires = 0;
    return rc;
}

static void *hold_identity(const void *value) {
    return dowel_gcp_identity_hold((dowel_gcp_identity *)value);
}

static void drop_identity(void *value) {
    dowel_gcp_identity_drop(value);
}

static void *make_identities(void) {
    static const dowel_renewed_type type = {
        .name = "Google credentials", .fetch = find_identity, .copy = hold_identity, .end = drop_identity};
    return dowel_renewed_new(&type);
}

static void *make_for_block(dowel_block *block) {
    (void)block;
    return make_identities();
}

static void *make_for_handle(dowel *d) {
    (void)d;
    return make_identities();
}

int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, bool again, dowel_gcp_identity **identity,
                             dowel_error *err) {
    static const char block_key, handle_key;
    static const unsigned char the_only_one[32];
    dowel_renewed *set = credentials ? dowel_block_attach(credentials, &block_key, make_for_block, dowel_renewed_end)
                                     : dowel_attach(d, &handle_key, make_for_handle, dowel_renewed_end);
    void *found = NULL;
    *identity = NULL;
    if (!set) return dowel_no_memory(err);
    int rc = dowel_renewed_get(d, set, the_only_one, credentials, NULL, again, &found, err);
    if (!rc) *identity = found;
    return rc;
}

/* ---- tokens ---- */

static void end_token(void *value) {
    dowel_gcp_answer *held = value;
    dowel_wipe(held->token);
    dowel_wipe(held->refresh_token);
    free(held);
}

/* For callers, which need no refresh token. */
static void *copy_token(const void *value) {
    const dowel_gcp_answer *held = value;
    dowel_gcp_answer *copy = calloc(1, sizeof *copy);
    if (!copy) return NULL;
    copy->expires = held->expires;
    if ((copy->token = strdup(held->token))) return copy;
    free(copy);
    return NULL;
}

static bool is_token(const void *value, const char *refused) {
    return !strcmp(((const dowel_gcp_answer *)value)->token, refused);
}

static int fetch_token(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err) {
    const dowel_gcp_answer *old = renewal->old;
    dowel_gcp_asking asking = *(const dowel_gcp_asking *)renewal->context;
    dowel_gcp_answer *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return dowel_no_memory(err);
    asking.refresh_token = old ? old->refresh_token : NULL;
    asking.hurried = renewal->holds;
    int rc = asking.audience ? dowel_gcp_request_id_token(d, &asking, fresh, err)
                             : dowel_gcp_request_token(d, &asking, fresh, err);
    if (!rc && !fresh->refresh_token && asking.refresh_token && !(fresh->refresh_token = strdup(asking.refresh_token)))
        rc = dowel_no_memory(err);
    if (rc) {
        end_token(fresh);
        return rc;
    }
    *value = fresh;
    *expires = fresh->expires;
    return 0;
}

static void *make_tokens(dowel *d) {
    static const dowel_renewed_type type = {.name = "Google token",
                                            .early = EARLY,
                                            .fetch = fetch_token,
                                            .copy = copy_token,
                                            .end = end_token,
                                            .is = is_token};
    (void)d;
    return dowel_renewed_new(&type);
}

/* Of the identity and the kind of token. */
static int digest_of(const dowel_gcp_asking *asking, unsigned char digest[32]) {
    const char *kind = asking->audience ? "id token for " : asking->self_signed ? "self-signed" : "access token";
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    int ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) &&
             EVP_DigestUpdate(sha, asking->identity->digest, sizeof asking->identity->digest) &&
             EVP_DigestUpdate(sha, kind, strlen(kind)) &&
             (!asking->audience || EVP_DigestUpdate(sha, asking->audience, strlen(asking->audience))) &&
             EVP_DigestFinal_ex(sha, digest, NULL);
    EVP_MD_CTX_free(sha);
    return ok ? 0 : -1;
}

int dowel_gcp_cached_token(dowel *d, const dowel_gcp_asking *asking, const char *refused, bool again, char **token,
                           int64_t *expires, dowel_error *err) {
    static const char key;
    unsigned char digest[32];
    void *found = NULL;
    dowel_renewed *set = digest_of(asking, digest) ? NULL : dowel_attach(d, &key, make_tokens, dowel_renewed_end);
    if (!set) return dowel_no_memory(err);
    int rc = dowel_renewed_get(d, set, digest, (void *)asking, refused, again, &found, err);
    if (rc) return rc;
    dowel_gcp_answer *copy = found;
    *token = copy->token;
    if (expires) *expires = copy->expires;
    free(copy);
    return 0;
}

int dowel_gcp_token(dowel *d, dowel_block *credentials, bool again, char **token, int64_t *expires, dowel_error *err) {
    dowel_gcp_identity *id;
    int64_t end = 0;
    *token = NULL;
    int rc = dowel_gcp_known_identity(d, credentials, again, &id, err);
    if (rc) return rc;
    if (id->kind == DOWEL_GCP_TOKEN) {
        *token = strdup(id->token);
        if (!*token) rc = dowel_no_memory(err);
    } else if (id->kind != DOWEL_GCP_ANONYMOUS) {
        const dowel_gcp_asking asking = {.identity = id, .self_signed = !dowel_gcp_default_universe(id)};
        rc = dowel_gcp_cached_token(d, &asking, NULL, again, token, &end, err);
        if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    }
    dowel_gcp_identity_drop(id);
    if (expires) *expires = end;
    return rc;
}
