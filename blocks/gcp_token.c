/* Access tokens: cached per identity in the handle, renewed before they expire, by one thread at a time. */
#include "gcp.h"

#include <openssl/crypto.h>
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

static void wipe(char *text) {
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static char *copy_of(const char *text) {
    return text ? strdup(text) : NULL;
}

/* ---- identities: parsed once for each block and handle ---- */

typedef struct identity_cache {
    pthread_mutex_t lock;
    bool ready;
    dowel_gcp_identity identity;
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
    dowel_gcp_identity_clear(&cache->identity);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static bool copy_identity(const dowel_gcp_identity *from, dowel_gcp_identity *to) {
    *to = *from;
    const char *const texts[] = {from->origin,    from->email,         from->private_key,   from->private_key_id,
                                 from->client_id, from->client_secret, from->refresh_token, from->token_uri,
                                 from->project,   from->quota_project, from->token,         from->scopes,
                                 from->subject};
    char **const slots[] = {&to->origin,    &to->email,         &to->private_key,   &to->private_key_id,
                            &to->client_id, &to->client_secret, &to->refresh_token, &to->token_uri,
                            &to->project,   &to->quota_project, &to->token,         &to->scopes,
                            &to->subject};
    bool whole = true;
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        *slots[i] = copy_of(texts[i]);
        if (texts[i] && !*slots[i]) whole = false;
    }
    if (!whole) dowel_gcp_identity_clear(to);
    return whole;
}

/* With the cache's lock held and the identity in it. `again`: a file may have been replaced since. */
static identity_cache *lock_identity(dowel *d, dowel_block *credentials, bool again, int *rc, dowel_error *err) {
    static const char block_key, handle_key;
    identity_cache *cache = credentials ? dowel_block_attach(credentials, &block_key, make_for_block, end_identity)
                                        : dowel_attach(d, &handle_key, make_for_handle, end_identity);
    if (!cache) {
        *rc = no_memory(err);
        return NULL;
    }
    pthread_mutex_lock(&cache->lock);
    if (!cache->ready || again) {
        dowel_gcp_identity fresh = {0};
        *rc = dowel_gcp_identify(credentials, &fresh, err);
        if (*rc) {
            pthread_mutex_unlock(&cache->lock);
            return NULL;
        }
        dowel_gcp_identity_clear(&cache->identity);
        cache->identity = fresh;
        cache->ready = true;
    }
    *rc = 0;
    return cache;
}

int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, dowel_gcp_identity *identity, dowel_error *err) {
    int rc;
    identity_cache *cache = lock_identity(d, credentials, false, &rc, err);
    if (!cache) return rc;
    if (!copy_identity(&cache->identity, identity)) rc = no_memory(err);
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
    int64_t expires, retry_at;
    uint64_t renewals;   /* ended, well or badly */
    dowel_error failure; /* of the last one; code 0: it went well */
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
        wipe(e->token);
        pthread_cond_destroy(&e->changed);
        pthread_mutex_destroy(&e->lock);
        free(e);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* The entry of an identity; it lives as long as the handle. */
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
    *expires = e->expires;
    return *token ? 0 : no_memory(err);
}

/* Waits for a change, but wakes to see whether the run was cancelled. */
static void wait_briefly(entry *e) {
    int64_t until = now() + SECOND / 5;
    struct timespec t = {(time_t)(until / SECOND), (long)(until % SECOND) * 1000};
    pthread_cond_timedwait(&e->changed, &e->lock, &t);
}

/* Called with the lock held, which is let go of while the request is on its way. */
static int renew(dowel *d, entry *e, const dowel_gcp_identity *identity, dowel_error *err) {
    char *token = NULL;
    int64_t expires = 0;
    dowel_error failure = {0};
    e->renewing = true;
    pthread_mutex_unlock(&e->lock);
    int rc = dowel_gcp_request_token(d, identity, &token, &expires, &failure);
    pthread_mutex_lock(&e->lock);
    e->renewing = false;
    e->renewals++;
    e->failure = failure;
    e->failure.code = rc;
    if (!rc) {
        wipe(e->token);
        e->token = token;
        e->expires = expires;
        e->retry_at = 0;
    } else {
        e->retry_at = now() + AFTER_FAILURE;
        if (err) *err = failure;
    }
    pthread_cond_broadcast(&e->changed);
    return rc;
}

/* Another thread's failure is this one's too, unless it failed because its own run ended. */
static bool shared_failure(const entry *e) {
    return e->failure.code && e->failure.code != DOWEL_E_CANCELLED && e->failure.code != DOWEL_E_TIMEOUT;
}

static int token_of(dowel *d, const dowel_gcp_identity *identity, const char *refused, bool again, char **token,
                    int64_t *expires, dowel_error *err) {
    entry *e = find_entry(d, identity->digest);
    if (!e) return no_memory(err);
    int rc = 0;
    pthread_mutex_lock(&e->lock);
    uint64_t seen = e->renewals;
    bool fresh_wanted = again && (!refused || !e->token || !strcmp(e->token, refused));
    for (;;) {
        int64_t time = now();
        bool holds = e->token && time < e->expires;
        bool renewed = e->renewals != seen && !e->failure.code;
        if (holds && (!fresh_wanted || renewed) &&
            (time < e->expires - EARLY || time < e->retry_at || e->renewing || renewed)) {
            rc = give(e, token, expires, err);
            break;
        }
        if (e->renewals != seen && shared_failure(e)) {
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
        rc = renew(d, e, identity, err);
        if (!rc) {
            rc = give(e, token, expires, err);
        } else if (e->token && now() < e->expires && !fresh_wanted && shared_failure(e)) {
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

int dowel_gcp_token_after(dowel *d, dowel_block *credentials, const char *refused, bool again, char **token,
                          int64_t *expires, char **quota_project, dowel_error *err) {
    dowel_gcp_identity identity = {0};
    int64_t end = 0;
    *token = NULL;
    if (quota_project) *quota_project = NULL;
    int rc;
    identity_cache *cache = lock_identity(d, credentials, again, &rc, err);
    if (!cache) return rc;
    if (!copy_identity(&cache->identity, &identity)) rc = no_memory(err);
    pthread_mutex_unlock(&cache->lock);
    if (rc) return rc;
    if (identity.kind == DOWEL_GCP_TOKEN) {
        *token = copy_of(identity.token);
        if (!*token) rc = no_memory(err);
    } else if (identity.kind != DOWEL_GCP_ANONYMOUS) {
        rc = token_of(d, &identity, refused, again, token, &end, err);
        if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    }
    if (!rc && quota_project && identity.quota_project && !(*quota_project = strdup(identity.quota_project))) {
        wipe(*token);
        *token = NULL;
        rc = no_memory(err);
    }
    dowel_gcp_identity_clear(&identity);
    if (expires) *expires = end;
    return rc;
}

int dowel_gcp_token(dowel *d, dowel_block *credentials, bool again, char **token, int64_t *expires, dowel_error *err) {
    return dowel_gcp_token_after(d, credentials, NULL, again, token, expires, NULL, err);
}
