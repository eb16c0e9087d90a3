/* Identities in memory. */
#include "gcp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Every text of an identity. `decides`: it decides which token the identity gets, so it is part of the digest. */
static const struct {
    size_t offset;
    bool decides;
} texts[] = {
    {offsetof(dowel_gcp_identity, origin), false},        {offsetof(dowel_gcp_identity, project), false},
    {offsetof(dowel_gcp_identity, quota_project), false}, {offsetof(dowel_gcp_identity, token_info_uri), false},
    {offsetof(dowel_gcp_identity, email), true},          {offsetof(dowel_gcp_identity, private_key), true},
    {offsetof(dowel_gcp_identity, private_key_id), true}, {offsetof(dowel_gcp_identity, client_id), true},
    {offsetof(dowel_gcp_identity, client_secret), true},  {offsetof(dowel_gcp_identity, refresh_token), true},
    {offsetof(dowel_gcp_identity, rapt), true},           {offsetof(dowel_gcp_identity, token_uri), true},
    {offsetof(dowel_gcp_identity, token), true},          {offsetof(dowel_gcp_identity, expiry), true},
    {offsetof(dowel_gcp_identity, scopes), true},         {offsetof(dowel_gcp_identity, subject), true},
    {offsetof(dowel_gcp_identity, universe), true},       {offsetof(dowel_gcp_identity, iam), true},
    {offsetof(dowel_gcp_identity, audience), true},       {offsetof(dowel_gcp_identity, subject_token_type), true},
    {offsetof(dowel_gcp_identity, user_project), true},   {offsetof(dowel_gcp_identity, acts_as), true},
};
#define TEXTS (sizeof texts / sizeof texts[0])

static char **text_at(dowel_gcp_identity *identity, size_t n) {
    return (char **)(void *)((char *)identity + texts[n].offset);
}

int dowel_gcp_set(char **out, const char *text, dowel_error *err) {
    if (!text || !*text) return 0;
    char *copy = strdup(text);
    if (!copy) return dowel_no_memory(err);
    dowel_wipe(*out);
    *out = copy;
    return 0;
}

dowel_gcp_identity *dowel_gcp_identity_new(dowel_gcp_kind kind, const char *origin) {
    dowel_gcp_identity *identity = calloc(1, sizeof *identity);
    if (!identity) return NULL;
    atomic_init(&identity->references, 1);
    identity->kind = kind;
    if (!(identity->origin = strdup(origin))) {
        free(identity);
        return NULL;
    }
    return identity;
}

dowel_gcp_identity *dowel_gcp_identity_hold(dowel_gcp_identity *identity) {
    atomic_fetch_add(&identity->references, 1);
    return identity;
}

void dowel_gcp_identity_drop(dowel_gcp_identity *identity) {
    while (identity && atomic_fetch_sub(&identity->references, 1) == 1) {
        dowel_gcp_identity *source = identity->source;
        for (size_t i = 0; i < TEXTS; i++) dowel_wipe(*text_at(identity, i));
        if (identity->credential_source) dowel_json_cleanse(identity->credential_source); /* headers may be secrets */
        json_decref(identity->delegates);
        free(identity);
        identity = source;
    }
}

static int add_text(EVP_MD_CTX *sha, const char *text) {
    return EVP_DigestUpdate(sha, text ? "+" : "-", 1) && (!text || EVP_DigestUpdate(sha, text, strlen(text) + 1));
}

static int add_json(EVP_MD_CTX *sha, const json_t *document) {
    char *text = document ? dowel_json_dump(document, JSON_SORT_KEYS) : NULL;
    int ok = (!document || text) && add_text(sha, text);
    free(text);
    return ok;
}

int dowel_gcp_seal_identity(dowel_gcp_identity *id, dowel_error *err) {
    int rc = id->source ? dowel_gcp_seal_identity(id->source, err) : 0;
    if (rc) return rc;
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    int ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) && EVP_DigestUpdate(sha, &id->kind, sizeof id->kind) &&
             EVP_DigestUpdate(sha, &id->lifetime, sizeof id->lifetime) && add_json(sha, id->credential_source) &&
             add_json(sha, id->delegates);
    for (size_t i = 0; i < TEXTS && ok; i++)
        if (texts[i].decides) ok = add_text(sha, *text_at(id, i));
    if (ok && id->source) ok = EVP_DigestUpdate(sha, id->source->digest, sizeof id->source->digest);
    ok = ok && EVP_DigestFinal_ex(sha, id->digest, NULL);
    EVP_MD_CTX_free(sha);
    return ok ? 0 : dowel_no_memory(err);
}

bool dowel_gcp_default_universe(const dowel_gcp_identity *id) {
    return !id->universe || !strcmp(id->universe, DOWEL_GCP_UNIVERSE);
}

const char *dowel_gcp_kind_name(dowel_gcp_kind kind) {
    static const char *const names[] = {"anonymous",
                                        "token",
                                        "service account",
                                        "authorized user",
                                        "impersonation of a service account",
                                        "external account",
                                        "external account's authorized user",
                                        "metadata server"};
    return names[kind];
}
