/* Uploads a file and prints a URL that grants access to it for an hour: upload_and_share s3-bucket/NAME FILE
 *
 * Both steps are built-in tasks that run on the worker threads. The second one starts when the first has completed, and gets its key from the
 * first one's result. */
#include <dowel/s3.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: upload_and_share s3-bucket/NAME FILE\n"), 2;
    const char *slash = strrchr(argv[2], '/');
    dowel *d;
    dowel_error err;
    dowel_s3_put_args put = {.key = slash ? slash + 1 : argv[2], .file = argv[2]};
    dowel_s3_presign_args presign = {.expires = 3600}; /* no key: it is bound below */
    dowel_future *uploaded = NULL, *shared = NULL;
    json_t *result = NULL;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_block_load(d, argv[1], &put.bucket, &err);
    presign.bucket = put.bucket;
    if (!rc) rc = dowel_submit(d, "s3.put", &put, sizeof put, NULL, &uploaded, &err);
    dowel_call_options options = {.size = sizeof options,
                                  .bindings = (dowel_binding[]){{.field = "key", uploaded, .member = "key"}, {NULL}}};
    if (!rc) rc = dowel_submit(d, "s3.presign", &presign, sizeof presign, &options, &shared, &err);
    if (!rc) rc = dowel_wait(shared, &result, &err); /* fails with DOWEL_E_DEPENDENCY if the upload failed */
    if (!rc) printf("%s\n", json_string_value(json_object_get(result, "url")));
    json_decref(result);
    dowel_future_free(shared);
    dowel_future_free(uploaded);
    dowel_block_free(put.bucket);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
