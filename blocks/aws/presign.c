/* Signatures that travel: a URL, the policy of a form. */
#include "aws.h"
#include "sigv4_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int signing_keys(dowel *d, const dowel_aws_signing *signing, dowel_aws_keys *keys, dowel_error *err) {
    int rc = dowel_aws_get_keys(d, signing->credentials, false, keys, err);
    if (!rc && keys->anonymous) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "anonymous credentials cannot sign");
        dowel_aws_keys_clear(keys);
    }
    return rc;
}

int dowel_aws_presign(dowel *d, dowel_http_request *request, const dowel_aws_signing *signing, int64_t seconds,
                      char **signed_url, dowel_error *err) {
    dowel_aws_keys keys;
    int rc = signing_keys(d, signing, &keys, err);
    if (rc) return rc;
    dowel_aws_target target = {.host = NULL};
    char *url = strdup(dowel_http_url(request));
    rc = url ? dowel_aws_target_of(url, &target, err) : dowel_no_memory(err);
    if (!rc) {
        dowel_http_header(request, "Host", target.host);
        const dowel_sigv4_request r = {.method = dowel_http_method(request),
                                       .path = target.path,
                                       .query = target.query,
                                       .headers = dowel_http_headers(request),
                                       .payload_hash = "UNSIGNED-PAYLOAD",
                                       .access_key_id = keys.access_key_id,
                                       .secret_access_key = keys.secret_access_key,
                                       .session_token = keys.session_token,
                                       .region = signing->region,
                                       .service = signing->service,
                                       .time = dowel_aws_time(d, target.host),
                                       .s3 = !strcmp(signing->service, "s3"),
                                       .presign = true,
                                       .expires = seconds};
        dowel_sigv4 signature;
        rc = dowel_sigv4_sign(&r, &signature, err);
        dowel_text text = {0};
        if (!rc) dowel_text_format(&text, "%.*s?%s", (int)target.size, url, signature.query);
        if (!rc && !(*signed_url = dowel_text_take(&text, err))) rc = DOWEL_E_NO_MEMORY;
        dowel_sigv4_clear(&signature);
    }
    dowel_aws_target_clear(&target);
    free(url);
    dowel_aws_keys_clear(&keys);
    return rc;
}

int dowel_aws_form_begin(dowel *d, const dowel_aws_signing *signing, const char *url, dowel_aws_form *form,
                         dowel_error *err) {
    memset(form, 0, sizeof *form);
    int rc = signing_keys(d, signing, &form->keys, err);
    if (rc) return rc;
    dowel_aws_target target;
    rc = dowel_aws_target_of(url, &target, err);
    if (!rc) form->time = dowel_aws_time(d, target.host);
    dowel_aws_target_clear(&target);
    if (rc) {
        dowel_aws_form_clear(form);
        return rc;
    }
    time_t when = (time_t)form->time;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(form->date, sizeof form->date, "%Y%m%dT%H%M%SZ", &tm);
    size_t size = strlen(form->keys.access_key_id) + strlen(signing->region) + strlen(signing->service) + 32;
    form->credential = malloc(size);
    form->region = strdup(signing->region);
    form->service = strdup(signing->service);
    if (!form->credential || !form->region || !form->service) {
        dowel_aws_form_clear(form);
        return dowel_no_memory(err);
    }
    snprintf(form->credential, size, "%s/%.8s/%s/%s/aws4_request", form->keys.access_key_id, form->date,
             signing->region, signing->service);
    form->session_token = form->keys.session_token;
    return 0;
}

int dowel_aws_form_sign(const dowel_aws_form *form, const char *policy, char signature[65], dowel_error *err) {
    return dowel_sigv4_sign_text(form->keys.secret_access_key, form->date, form->region, form->service, policy,
                                 signature)
               ? dowel_fail(err, DOWEL_E_NO_MEMORY, "the form could not be signed")
               : 0;
}

void dowel_aws_form_clear(dowel_aws_form *form) {
    free(form->credential);
    free(form->region);
    free(form->service);
    dowel_aws_keys_clear(&form->keys);
    memset(form, 0, sizeof *form);
}
