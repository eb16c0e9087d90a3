/* Where Amazon's shared files are, and reading small files with secrets. */
#include "aws.h"
#include "aws_profile.h"

#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dowel_aws_home(const char *below, char path[DOWEL_AWS_PATH_SIZE]) {
    const char *home = getenv("HOME");
    int n = home && *home ? snprintf(path, DOWEL_AWS_PATH_SIZE, "%s/%s", home, below) : -1;
    return n > 0 && n < DOWEL_AWS_PATH_SIZE;
}

bool dowel_aws_profiles_path(bool credentials, char path[DOWEL_AWS_PATH_SIZE]) {
    const char *named = getenv(credentials ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE");
    if (!named || !*named) return dowel_aws_home(credentials ? ".aws/credentials" : ".aws/config", path);
    if (named[0] == '~' && named[1] == '/') return dowel_aws_home(named + 2, path);
    int n = snprintf(path, DOWEL_AWS_PATH_SIZE, "%s", named);
    return n > 0 && n < DOWEL_AWS_PATH_SIZE;
}

int dowel_aws_read_file(const char *path, size_t limit, char **text, size_t *size, dowel_error *err) {
    dowel_source *source;
    int rc = dowel_source_file(path, &source, err);
    if (rc) return rc;
    size_t used = 0, got = 1;
    char *data = malloc(limit + 2);
    if (!data) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    while (!rc && got && used <= limit) {
        rc = dowel_source_read(source, data + used, limit + 1 - used, &got, err);
        if (!rc) used += got;
    }
    dowel_source_close(source);
    if (!rc && used > limit) rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: larger than such a file can be", path);
    if (rc) {
        if (data) OPENSSL_cleanse(data, used);
        free(data);
        return rc;
    }
    data[used] = 0;
    *text = data;
    *size = used;
    return 0;
}

static int load(dowel_aws_profiles *profiles, bool credentials, dowel_error *err) {
    char path[DOWEL_AWS_PATH_SIZE], *text;
    size_t size;
    if (!dowel_aws_profiles_path(credentials, path)) return 0;
    dowel_error why;
    int rc = dowel_aws_read_file(path, 1u << 20, &text, &size, &why);
    if (rc == DOWEL_E_NO_MEMORY || rc == DOWEL_E_CREDENTIALS) {
        if (err) *err = why;
        return rc;
    }
    if (rc) return 0; /* absent, or not for us to read: as if it were empty */
    rc = dowel_aws_profiles_parse(profiles, text, size, credentials, path, err);
    OPENSSL_cleanse(text, size);
    free(text);
    return rc;
}

int dowel_aws_profiles_load(dowel_aws_profiles **profiles, dowel_error *err) {
    dowel_aws_profiles *p = dowel_aws_profiles_new();
    if (!p) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = load(p, false, err);
    if (!rc) rc = load(p, true, err);
    if (rc)
        dowel_aws_profiles_free(p);
    else
        *profiles = p;
    return rc;
}

int dowel_aws_read_token(const char *path, char **token, dowel_error *err) {
    size_t size;
    *token = NULL;
    dowel_error why;
    int rc = dowel_aws_read_file(path, 1u << 16, token, &size, &why);
    if (rc)
        return dowel_fail(err, rc == DOWEL_E_NO_MEMORY ? rc : DOWEL_E_CREDENTIALS, "the token file: %s", why.message);
    while (size && strchr(" \t\r\n", (*token)[size - 1])) (*token)[--size] = 0;
    if (size && strlen(*token) == size) return 0;
    OPENSSL_cleanse(*token, size);
    free(*token);
    *token = NULL;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "the token file %s %s", path, size ? "has a NUL byte" : "is empty");
}
