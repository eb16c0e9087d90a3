/* Small files, as a whole. */
#include <dowel/file.h>
#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <stdlib.h>

int dowel_file_read(const char *path, size_t limit, char **text, size_t *size, dowel_error *err) {
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
