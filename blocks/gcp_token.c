/* Tokens: cached per identity in the handle, renewed before they expire, by one thread at a time. */
#include "gcp.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND ((int64_t)1000000)
#define EARLY (225 * SECOND)        /* renewed this long before the end; Google's libraries do the same */
#define AFTER_FAILURE (30 * SECOND) /* a renewal that failed while the old token holds is not tried again at once */

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

/* ---- identities: found once for each block and handle ---- */

typedef struct identity_cache {
    pthread_mutex_t lock;
    dowel_gcp_identity *identity; /* NULL: not found yet */
    atomic_uint_fast64_t tries;   /* ended, well or badly */
    dowel_error failure;          /* of the last one; code 0: it went well, or failed because its own run ended */
} identity_cache;

static identity_cache *make_identity(void) {
    identity_cache *cache = calloc(1, sizeof *cache);
    if (cache) pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void *make_for_block(dowel_block *block) {
    (void)block;
    return make_identity();
}

static void *make_for_handle(dowel *d) {
    (void)d;
    return make_identity();
}

static void end_identity(void *value) {
    identity_cache *cache = value;
    dowel_gcp_identity_drop(cache->identity);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, bool again, dowel_gcp_identity **identity,
                             dowel_error *err) {
    static const char block_key, handle_key;
    identity_cache *cache = credentials ? dowel_block_attach(credentials, &block_key, make_for_block, end_identity)
                                        : dowel_attach(d, &handle_key, make_for_handle, end_identity);
    *identity = NULL;
    if (!cache) return no_memory(err);
    uint_fast64_t seen = atomic_load(&cache->tries);
    int rc = 0;
    pthread_mutex_lock(&cache->lock);
    bool waited = atomic_load(&cache->tries) != seen;
    if (waited && cache->failure.code) {
        if (err) *err = cache->failure;
        rc = cache->failure.code;
    } else if (!cache->identity || (again && !waited)) {
        dowel_gcp_identity *fresh = NULL;
        dowel_error failure = {0};
        rc = dowel_gcp_identify(d, credentials, &fresh, &failure);
        cache->failure = failure;
        cache->failure.code = dowel_check(d, NULL) ? 0 : rc;
        atomic_fetch_add(&cache->tries, 1);
        if (rc) {
            if (err) *err = failure;
        } else {
            dowel_gcp_identity_drop(cache->identity);
            cache->identity = fresh;
        }
    }
    if (!rc) *identity = dowel_gcp_identity_hold(cache->identity);
    pthread_mutex_unlock(&cache->lock);
    return rc;
}

/* ---- tokens ---- */

typedef struct entry {
    struct entry *next;
    unsigned char digest[32];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool renewing;
    char *token;
    char *refresh_token; /* newer than the identity's; NULL: none */
    int64_t expires, retry_at;
    uint64_t renewals;   /* ended, well or badly */
    bool failed;         /* the last one */
    dowel_error failure; /* of the last one; code 0: it went well, or failed because its own run ended */
} entry;

typedef struct tokens {
    pthread_mutex_t lock;
    entry *first;
} tokens;

static void *make_tokens(dowel *d) {
    (void)d;
    tokens *t = calloc(1, sizeof *t);
    if (t) pthread_mutex_init(&t->lock, NULL);
    return t;
}

static void end_tokens(void *value) {
    tokens *t = value;
    for (entry *e = t->first, *next; e; e = next) {
        next = e->next;
        dowel_gcp_wipe(e->token);
        dowel_gcp_wipe(e->refresh_token);
        pthread_cond_destroy(&e->changed);
        pthread_mutex_destroy(&e->lock);
        free(e);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* The identity, and which of its tokens. */
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

/* The entry of a token; it lives as long as the handle. */
static entry *find_entry(dowel *d, const unsigned char digest[32]) {
    static const char key;
    tokens *t = dowel_attach(d, &key, make_tokens, end_tokens);
    if (!t) return NULL;
    pthread_mutex_lock(&t->lock);
    entry *e = t->first;
    while (e && memcmp(e->digest, digest, sizeof e->digest) != 0) e = e->next;
    if (!e && (e = calloc(1, sizeof *e))) {
        memcpy(e->digest, digest, sizeof e->digest);
        pthread_mutex_init(&e->lock, NULL);
        pthread_cond_init(&e->changed, NULL);
        e->next = t->first;
        t->first = e;
    }
    pthread_mutex_unlock(&t->lock);
    return e;
}

static int give(const entry *e, char **token, int64_t *expires, dowel_error *err) {
    *token = strdup(e->token);
    if (expires) *expires = e->expires;
    return *token ? 0 : no_memory(err);
}

/* Waits for a change, but wakes to see whether the run was cancelled. */
static void wait_briefly(entry *e) {
    int64_t until = now() + SECOND / 5;
    struct timespec t = {(time_t)(until / SECOND), (long)(until % SECOND) * 1000};
    pthread_cond_timedwait(&e->changed, &e->lock, &t);
}

/* Called with the lock held, which is let go of while the request is on its way. */
static int renew(dowel *d, entry *e, const dowel_gcp_asking *wanted, dowel_error *err) {
    dowel_gcp_asking asking = *wanted;
    dowel_gcp_answer answer = {0};
    dowel_error failure = {0};
    char *refresh_token = e->refresh_token ? strdup(e->refresh_token) : NULL;
    asking.refresh_token = refresh_token;
    asking.hurried = e->token && now() < e->expires;
    e->renewing = true;
    pthread_mutex_unlock(&e->lock);
    int rc = asking.audience ? dowel_gcp_request_id_token(d, &asking, &answer, &failure)
                             : dowel_gcp_request_token(d, &asking, &answer, &failure);
    dowel_gcp_wipe(refresh_token);
    pthread_mutex_lock(&e->lock);
    e->renewing = false;
    e->renewals++;
    e->failed = rc != 0;
    e->failure = failure;
    e->failure.code = dowel_check(d, NULL) ? 0 : rc;
    if (!rc) {
        dowel_gcp_wipe(e->token);
        e->token = answer.token;
        e->expires = answer.expires;
        e->retry_at = 0;
        if (answer.refresh_token) {
            dowel_gcp_wipe(e->refresh_token);
            e->refresh_token = answer.refresh_token;
        }
    } else {
        dowel_gcp_wipe(answer.token);
        dowel_gcp_wipe(answer.refresh_token);
        e->retry_at = now() + AFTER_FAILURE;
        if (err) *err = failure;
    }
    pthread_cond_broadcast(&e->changed);
    return rc;
}

int dowel_gcp_cached_token(dowel *d, const dowel_gcp_asking *asking, const char *refused, bool again, char **token,
                           int64_t *expires, dowel_error *err) {
    unsigned char digest[32];
    entry *e = digest_of(asking, digest) ? NULL : find_entry(d, digest);
    if (!e) return no_memory(err);
    int rc = 0;
    pthread_mutex_lock(&e->lock);
    uint64_t seen = e->renewals;
    bool fresh_wanted = again && (!refused || !e->token || !strcmp(e->token, refused));
    for (;;) {
        int64_t time = now();
        bool holds = e->token && time < e->expires;
        bool renewed = e->renewals != seen && !e->failed;
        if (holds && (!fresh_wanted || renewed) &&
            (time < e->expires - EARLY || time < e->retry_at || e->renewing || renewed)) {
            rc = give(e, token, expires, err);
            break;
        }
        if (e->renewals != seen && e->failure.code) {
            if (err) *err = e->failure;
            rc = e->failure.code;
            break;
        }
        if (e->renewing) {
            wait_briefly(e);
            rc = dowel_check(d, err);
            if (rc) break;
            continue;
        }
        rc = renew(d, e, asking, err);
        if (!rc) {
            rc = give(e, token, expires, err);
        } else if (e->token && now() < e->expires && !fresh_wanted && !dowel_check(d, NULL)) {
            dowel_log(d, DOWEL_LOG_WARNING,
                      "an access token could not be renewed; the old one is used while it holds: %s",
                      e->failure.message);
            rc = give(e, token, expires, err);
        }
        break;
    }
    pthread_mutex_unlock(&e->lock);
    return rc;
}

int dowel_gcp_token(dowel *d, dowel_block *credentials, bool again, char **token, int64_t *expires, dowel_error *err) {
    dowel_gcp_identity *id;
    int64_t end = 0;
    *token = NULL;
    int rc = dowel_gcp_known_identity(d, credentials, again, &id, err);
    if (rc) return rc;
    if (id->kind == DOWEL_GCP_TOKEN) {
        *token = strdup(id->token);
        if (!*token) rc = no_memory(err);
    } else if (id->kind != DOWEL_GCP_ANONYMOUS) {
        const dowel_gcp_asking asking = {.identity = id, .self_signed = !dowel_gcp_default_universe(id)};
        rc = dowel_gcp_cached_token(d, &asking, NULL, again, token, &end, err);
        if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    }
    dowel_gcp_identity_drop(id);
    if (expires) *expires = end;
    return rc;
}
