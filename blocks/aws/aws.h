/* What the files about Amazon's credentials share: keys, and the places that give them. */
#ifndef DOWEL_AWS_H
#define DOWEL_AWS_H

#include <dowel/text.h>

#include "plan.h"
#include "settings.h"

/* import.c */
extern const dowel_import_source dowel_aws_profile_import;

/* check of the block type */
int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* The parts of a URL that are signed. */
typedef struct dowel_aws_target {
    char *host; /* as libcurl sends it: with the port unless it is the scheme's default */
    char *path;
    const char *query; /* in the URL; "" if there is none */
    size_t size;       /* of the URL up to the query */
} dowel_aws_target;
/* `url` must outlive the target. Clear it even after a failure. */
int dowel_aws_target_of(const char *url, dowel_aws_target *target, dowel_error *err);
void dowel_aws_target_clear(dowel_aws_target *target);

/* A path below the home folder; false when HOME is not set. */
bool dowel_aws_home(const char *below, char path[DOWEL_AWS_PATH_SIZE]);
/* A token in a file, without the line break that it may end with. Newly allocated. */
int dowel_aws_read_token(const char *path, char **token, dowel_error *err);

/* ---- keys ---- */

/* Key ids and tokens are one word of ASCII; white space around it does not count. `what` is what messages call it. */
int dowel_aws_check_key(const char *what, const char *text, dowel_error *err);
/* Secret keys go into signatures alone: of servers such as MinIO they may be any words, on one line. */
int dowel_aws_check_secret(const char *what, const char *text, dowel_error *err);
/* Copies everything, without white space around; `token` and `account_id` may be NULL. The origin is for people. */
int dowel_aws_keys_set(dowel_aws_keys *keys, const char *id, const char *secret, const char *token,
                       const char *account_id, int64_t expires, dowel_error *err);
int dowel_aws_keys_copy(const dowel_aws_keys *from, dowel_aws_keys *to, dowel_error *err);
int dowel_aws_keys_origin(dowel_aws_keys *keys, dowel_error *err, const char *format, ...) DOWEL_PRINTF(3, 4);
/* A time as Amazon's services and tools write it: ISO 8601, long (2026-01-31T12:00:00Z) or short (20260131T120000Z), with the zone as Z, UTC, +00:00,
 * +0000 or +00. Without a zone it is none. */
int dowel_aws_parse_time(const char *text, int64_t *microseconds);
/* From what containers, instances and processes answer; `token` is the name of the session token there, `origin` for messages. */
int dowel_aws_keys_parse(const char *text, size_t size, const char *token, const char *origin, dowel_aws_keys *keys,
                         dowel_error *err);

/* Certificates that the service is trusted by: as the settings have them, or those of a block (NULL: the default chain). */
void dowel_aws_trust(dowel_http_request *request, const dowel_aws_settings *settings);
int dowel_aws_trust_of(dowel *d, dowel_http_request *request, dowel_block *credentials, dowel_error *err);

/* Signs with these keys. */
int dowel_aws_sign(dowel *d, dowel_http_request *request, const dowel_aws_keys *keys, const char *region,
                   const char *service, dowel_error *err);

/* The time of a host's clock, as far as its answers told it; else this machine's. Seconds since the epoch. */
int64_t dowel_aws_time(dowel *d, const char *host);
/* Notes from an answer what its host's clock says; false when that would change nothing for a request signed as `signed_at` (x-amz-date). */
bool dowel_aws_correct_clock(dowel *d, const char *host, const char *signed_at, int64_t said);

/* ---- sources of keys: 1 found, 0 the source does not exist here, otherwise an error code ---- */

int dowel_aws_from_environment(dowel_aws_keys *keys, dowel_error *err);
int dowel_aws_from_container(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err);
/* `asked`: a profile names the instance, so that it must be there. Where it is not there, `err` may say why. */
int dowel_aws_from_instance(dowel *d, const dowel_aws_settings *settings, bool asked, dowel_aws_keys *keys,
                            dowel_error *err);

/* ---- the same for those that were chosen: 0 or what went wrong ---- */

/* Runs a command of a profile in the shell: its output, newly allocated and followed by a NUL that does not count; cleanse it. */
int dowel_aws_run(dowel *d, const char *command, char **text, size_t *size, dowel_error *err);
int dowel_aws_from_process(dowel *d, const dowel_aws_plan *plan, dowel_aws_keys *keys, dowel_error *err);
int dowel_aws_from_sso(dowel *d, const dowel_aws_settings *settings, const dowel_aws_plan *plan, dowel_aws_keys *keys,
                       dowel_error *err);
/* `by` NULL: with the token in `token_file`. */
int dowel_aws_assume_role(dowel *d, const dowel_aws_settings *settings, const dowel_aws_role *role,
                          const dowel_aws_keys *by, const char *token_file, dowel_aws_keys *keys, dowel_error *err);
/* Asks STS for the identity that the keys of `signing` belong to. */
int dowel_aws_caller(dowel *d, const char *url, dowel_aws_signing *signing, char **arn, char **account,
                     dowel_error *err);

/* dowel_aws_get_keys for those who know which keys were refused (access key id or session token): renewed only if they are still the cached ones. */
int dowel_aws_keys_after(dowel *d, dowel_block *credentials, const char *refused, bool again, dowel_aws_keys *keys,
                         dowel_error *err);

#endif
