/* Uploads a file to S3 and downloads it again: s3_roundtrip s3-bucket/NAME FILE COPY */
#include <dowel/s3.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: s3_roundtrip s3-bucket/NAME FILE COPY\n"), 2;
    dowel *d;
    dowel_error err;
    dowel_block *bucket = NULL;
    json_t *stored = NULL;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_block_load(d, argv[1], &bucket, &err);
    if (!rc)
        rc =
            dowel_s3_put(d, &(dowel_s3_put_args){.bucket = bucket, .key = "roundtrip", .file = argv[2]}, &stored, &err);
    if (!rc)
        rc = dowel_s3_get(d, &(dowel_s3_get_args){.bucket = bucket, .key = "roundtrip", .file = argv[3]}, NULL, &err);
    if (!rc)
        printf("%lld bytes, ETag %s\n", (long long)json_integer_value(json_object_get(stored, "size")),
               json_string_value(json_object_get(stored, "etag")));
    json_decref(stored);
    dowel_block_free(bucket);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
