/* What services answer, whatever it is: tasks of both clouds over a transport that takes its answers from the input. They give a result or an
 * error, and a download that failed leaves no file. */
#include <dowel/dowel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_ANSWERS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define S3                                                                                                             \
    "\"bucket\": {\"bucket\": \"b\", \"endpoint\": \"http://127.0.0.1:1\", \"credentials\": "                          \
    "{\"access_key_id\": \"A\", \"secret_access_key\": \"s\", \"region\": \"us-east-1\"}}"
#define CLOUD                                                                                                          \
    "\"region\": \"us-east-1\", \"endpoint\": \"http://127.0.0.1:1\", \"credentials\": {\"access_key_id\": \"A\", "    \
    "\"secret_access_key\": \"s\"}"
#define GCS                                                                                                            \
    "\"bucket\": {\"bucket\": \"b\", \"endpoint\": \"http://127.0.0.1:1\", \"credentials\": {\"anonymous\": true}}"
#define FUNCTION                                                                                                       \
    "\"function\": {\"function_name\": \"f\", \"endpoint\": \"http://127.0.0.1:1\", \"credentials\": "                 \
    "{\"access_key_id\": \"A\", \"secret_access_key\": \"s\", \"region\": \"us-east-1\"}}"

static const struct {
    const char *task, *args;
    bool downloads;
} calls[] = {
    {"s3.list", "{" S3 "}", false},
    {"s3.list", "{" S3 ", \"versions\": true, \"delimiter\": \"/\", \"prefix\": \"a\"}", false},
    {"s3.get", "{" S3 ", \"key\": \"k\", \"file\": \"FILE\"}", true},
    {"s3.get", "{" S3 ", \"key\": \"k\", \"file\": \"FILE\", \"part_size\": 16, \"concurrency\": 2}", true},
    {"s3.put", "{" S3 ", \"key\": \"k\", \"data\": \"c29tZSBieXRlcw==\"}", false},
    {"s3.put", "{" S3 ", \"key\": \"k\", \"file\": \"SOURCE\", \"multipart_threshold\": 1}", false},
    {"s3.head", "{" S3 ", \"key\": \"k\"}", false},
    {"s3.delete", "{" S3 ", \"keys\": [\"a\", \"b\", \"c\"]}", false},
    {"s3.copy", "{" S3 ", \"key\": \"k\", \"to_key\": \"l\", \"multipart_threshold\": 1}", false},
    {"s3.get_bucket", "{" S3 "}", false},
    {"s3.list_buckets", "{" CLOUD "}", false},
    {"s3.abort_stale", "{" S3 "}", false},
    {"gcs.list", "{" GCS "}", false},
    {"gcs.list", "{" GCS ", \"versions\": true, \"delimiter\": \"/\", \"prefix\": \"a\"}", false},
    {"gcs.download", "{" GCS ", \"name\": \"k\", \"file\": \"FILE\"}", true},
    {"gcs.download", "{" GCS ", \"name\": \"k\", \"file\": \"FILE\", \"part_size\": 16, \"concurrency\": 2}", true},
    {"gcs.upload", "{" GCS ", \"name\": \"k\", \"data\": \"c29tZSBieXRlcw==\"}", false},
    {"gcs.upload", "{" GCS ", \"name\": \"k\", \"file\": \"SOURCE\", \"resumable_threshold\": 1}", false},
    {"gcs.stat", "{" GCS ", \"name\": \"k\"}", false},
    {"gcs.delete_many", "{" GCS ", \"names\": [\"a\", \"b\", \"c\"]}", false},
    {"gcs.copy", "{" GCS ", \"name\": \"k\", \"to_name\": \"l\"}", false},
    {"gcs.compose", "{" GCS ", \"parts\": [\"a\", \"b\"], \"name\": \"k\"}", false},
    {"gcs.get_bucket", "{" GCS "}", false},
    {"gcs.abort_stale", "{" GCS "}", false},
    {"lambda.invoke", "{" FUNCTION ", \"payload\": {\"a\": 1}}", false},
};

static const int statuses[] = {200, 206, 308, 204, 404, 403, 412, 400, 500, 503, 401, 304, 416, 202, 100, 999};
static const char *const names[] = {"ETag",
                                    "Content-Length",
                                    "Content-Range",
                                    "Range",
                                    "Location",
                                    "Content-Type",
                                    "Content-Encoding",
                                    "Last-Modified",
                                    "Retry-After",
                                    "Date",
                                    "x-amz-checksum-crc32",
                                    "x-amz-checksum-crc32c",
                                    "x-amz-checksum-crc64nvme",
                                    "x-amz-checksum-sha256",
                                    "x-amz-checksum-type",
                                    "x-amz-version-id",
                                    "x-amz-mp-parts-count",
                                    "x-amz-bucket-region",
                                    "x-amz-meta-a",
                                    "x-amz-request-id",
                                    "x-goog-hash",
                                    "x-goog-generation",
                                    "x-goog-metageneration",
                                    "x-goog-stored-content-length",
                                    "x-goog-stored-content-encoding",
                                    "x-guploader-uploadid",
                                    "x-amz-function-error",
                                    "x-amz-log-result",
                                    "x-amzn-errortype",
                                    "x-amz-executed-version"};
static const char *const values[] = {"\"0123456789abcdef0123456789abcdef\"",
                                     "\"0123456789abcdef0123456789abcdef-2\"",
                                     "W/\"x\"",
                                     "\"",
                                     "0",
                                     "10",
                                     "32",
                                     "16",
                                     "9223372036854775807",
                                     "-1",
                                     "18446744073709551616",
                                     "bytes 0-9/10",
                                     "bytes 0-15/32",
                                     "bytes 16-31/32",
                                     "bytes */10",
                                     "bytes=0-9",
                                     "bytes=0-4",
                                     "bytes 5-2/*",
                                     "http://127.0.0.1:1/upload?upload_id=x",
                                     "multipart/mixed; boundary=b",
                                     "multipart/mixed; boundary=\"b",
                                     "gzip",
                                     "Wed, 21 Oct 2015 07:28:00 GMT",
                                     "Wed, 99 Oct 99999999999 07:28:00 GMT",
                                     "AAAAAA==",
                                     "crc32c=AAAAAA==,md5=x",
                                     "FULL_OBJECT",
                                     "COMPOSITE",
                                     "Unhandled",
                                     "us-east-1"};
/* Pieces of answers. In XML, an element is closed by whatever comes after an odd byte; what stays open is closed at the end. */
static const char *const elements[] = {"ListBucketResult",
                                       "ListVersionsResult",
                                       "Contents",
                                       "Version",
                                       "DeleteMarker",
                                       "CommonPrefixes",
                                       "Prefix",
                                       "Key",
                                       "Size",
                                       "ETag",
                                       "LastModified",
                                       "StorageClass",
                                       "VersionId",
                                       "IsLatest",
                                       "IsTruncated",
                                       "NextContinuationToken",
                                       "ContinuationToken",
                                       "NextKeyMarker",
                                       "NextVersionIdMarker",
                                       "EncodingType",
                                       "Error",
                                       "Code",
                                       "Message",
                                       "RequestId",
                                       "Region",
                                       "DeleteResult",
                                       "InitiateMultipartUploadResult",
                                       "UploadId",
                                       "CompleteMultipartUploadResult",
                                       "CopyObjectResult",
                                       "CopyPartResult",
                                       "ListPartsResult",
                                       "Part",
                                       "PartNumber",
                                       "NextPartNumberMarker",
                                       "ListMultipartUploadsResult",
                                       "Upload",
                                       "Initiated",
                                       "NextUploadIdMarker",
                                       "ListAllMyBucketsResult",
                                       "Buckets",
                                       "Bucket",
                                       "Name",
                                       "CreationDate",
                                       "VersioningConfiguration",
                                       "Status",
                                       "LifecycleConfiguration",
                                       "Rule",
                                       "TagSet",
                                       "Tag",
                                       "Value",
                                       "ChecksumCRC32",
                                       "ChecksumCRC64NVME",
                                       "LocationConstraint"};
static const char *const texts[] = {"true",
                                    "false",
                                    "url",
                                    "a",
                                    "b/",
                                    "%41%",
                                    "%",
                                    "1",
                                    "2",
                                    "10",
                                    "-1",
                                    "9223372036854775808",
                                    "2015-10-21T07:28:00.000Z",
                                    "x",
                                    "&quot;0123456789abcdef0123456789abcdef&quot;",
                                    "NoSuchKey",
                                    "SlowDown",
                                    "AccessDenied",
                                    "AAAAAA==",
                                    "../../a",
                                    "&#1;",
                                    "&#xD800;"};
static const char *const json[] = {"{",
                                   "}",
                                   "[",
                                   "]",
                                   ",",
                                   "\"items\":[{\"name\":\"a\",\"size\":\"1\",\"generation\":\"1\"}]",
                                   "\"items\":",
                                   "\"prefixes\":[\"a/\"]",
                                   "\"nextPageToken\":\"t\"",
                                   "\"nextPageToken\":",
                                   "\"name\":",
                                   "\"size\":",
                                   "\"generation\":",
                                   "\"crc32c\":\"AAAAAA==\"",
                                   "\"metadata\":{\"a\":\"b\"}",
                                   "\"metadata\":",
                                   "\"done\":",
                                   "\"rewriteToken\":\"r\"",
                                   "\"totalBytesRewritten\":",
                                   "\"objectSize\":",
                                   "\"resource\":",
                                   "\"error\":{\"code\":404,\"message\":\"m\",\"errors\":[{\"reason\":\"r\"}]}",
                                   "\"error\":",
                                   "\"errors\":",
                                   "\"timeCreated\":",
                                   "true",
                                   "false",
                                   "null",
                                   "1",
                                   "\"1\"",
                                   "-1",
                                   "1e999",
                                   "\"\"",
                                   "\"a\"",
                                   "\"2015-10-21T07:28:00Z\"",
                                   "\"\\u0000\"",
                                   "{}",
                                   "[]"};
static const char *const parts[] = {"--b\r\n",
                                    "--b--\r\n",
                                    "Content-Type: application/http\r\n",
                                    "Content-ID: <response-0>\r\n",
                                    "Content-ID: <response-1>\r\n",
                                    "Content-ID: <response-9999999999999999999>\r\n",
                                    "\r\n",
                                    "HTTP/1.1 204 No Content\r\n",
                                    "HTTP/1.1 404 Not Found\r\n",
                                    "HTTP/1.1 ",
                                    "Content-Length: 0\r\n",
                                    "{\"error\":{\"code\":404,\"message\":\"m\"}}\r\n",
                                    "\n",
                                    "--b"};

typedef struct answers {
    dowel_transport base;
    const uint8_t *data;
    size_t size;
    int given;
} answers;

static int take(answers *a) {
    if (!a->size) return -1;
    a->size--;
    return *a->data++;
}

static const char *pick(answers *a, const char *const *list, size_t count) {
    int n = take(a);
    return n < 0 ? NULL : list[(size_t)n % count];
}
#define PICK(a, list) pick(a, list, sizeof list / sizeof list[0])

static int say(dowel_exchange *x, const char *text) {
    return x->on_body(x, text, strlen(text));
}

static int say_xml(answers *a, dowel_exchange *x, int pieces) {
    const char *open[16];
    size_t depth = 0;
    int rc = 0;
    while (!rc && pieces-- > 0 && a->size) {
        int kind = take(a);
        char line[96];
        if (kind % 4 < 2 && depth < 16) {
            open[depth] = elements[(size_t)(kind / 4) % (sizeof elements / sizeof elements[0])];
            snprintf(line, sizeof line, "<%s>", open[depth++]);
        } else if (kind % 4 == 2 || !depth) {
            snprintf(line, sizeof line, "%s", texts[(size_t)(kind / 4) % (sizeof texts / sizeof texts[0])]);
        } else {
            snprintf(line, sizeof line, "</%s>", open[--depth]);
        }
        rc = say(x, line);
    }
    while (!rc && depth) {
        char line[96];
        snprintf(line, sizeof line, "</%s>", open[--depth]);
        rc = say(x, line);
    }
    return rc;
}

static int say_body(answers *a, dowel_exchange *x) {
    int kind = take(a), length = take(a), rc = 0;
    if (kind < 0 || length < 0) return 0;
    if (kind % 4 == 1) return say_xml(a, x, length);
    for (int i = 0; !rc && i < length && a->size && kind % 4 > 1; i++)
        rc = say(x, kind % 4 == 2 ? PICK(a, json) : PICK(a, parts));
    if (kind % 4) return rc;
    size_t count = (size_t)length < a->size ? (size_t)length : a->size;
    rc = x->on_body(x, a->data, count);
    a->data += count;
    a->size -= count;
    return rc;
}

static int answer(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    answers *a = (answers *)base;
    char buffer[4096];
    size_t got = 1;
    x->sent = true;
    while (x->source && got)
        if (dowel_source_read(x->source, buffer, sizeof buffer, &got, err)) return err->code;
    if (!a->size || a->given++ == MOST_ANSWERS) return dowel_fail(err, DOWEL_E_INVALID, "there are no more answers");
    x->status = statuses[(size_t)take(a) % (sizeof statuses / sizeof statuses[0])];
    int headers = take(a) % 8, rc = 0;
    while (!rc && headers-- > 0) {
        const char *name = PICK(a, names), *value = PICK(a, values);
        if (name && value) rc = x->on_header(x, name, value);
    }
    if (!rc && strcmp(x->method, "HEAD") != 0) rc = say_body(a, x);
    return rc ? dowel_fail(err, DOWEL_E_CANCELLED, "stopped") : 0;
}

static void never(dowel_transport *base) {
    (void)base;
}

/* The call's arguments with paths of our own in them. */
static json_t *arguments(const char *text, const char *folder) {
    char whole[2048] = "", *out = whole;
    for (const char *p = text; *p;) {
        bool file = !strncmp(p, "\"FILE\"", 6), source = !strncmp(p, "\"SOURCE\"", 8);
        if (file || source) {
            out += snprintf(out, 256, "\"%s/%s\"", folder, file ? "target" : "source");
            p += file ? 6 : 8;
        } else {
            *out++ = *p++;
        }
    }
    return json_loads(whole, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static answers a = {{answer, never}, NULL, 0, 0};
    static dowel *d;
    static char folder[] = "/tmp/dowel-fuzz-XXXXXX", target[64];
    dowel_error err = {0};
    if (!d) {
        const dowel_options options = {
            .size = sizeof options, .database_url = "memory:", .no_history = true, .transport = &a.base};
        if (setenv("AWS_MAX_ATTEMPTS", "2", 1) || setenv("AWS_CONFIG_FILE", "/dev/null", 1) ||
            setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1) || setenv("DOWEL_LOG", "error", 1) ||
            !mkdtemp(folder) || dowel_open(&d, &options, &err))
            abort();
        snprintf(target, sizeof target, "%s/source", folder);
        FILE *file = fopen(target, "we");
        if (!file || fputs("thirty-two bytes, which are sent", file) < 0 || fclose(file)) abort();
        snprintf(target, sizeof target, "%s/target", folder);
    }
    if (size < 2) return 0;
    size_t which = data[0] % (sizeof calls / sizeof calls[0]);
    a.data = data + 1;
    a.size = size - 1;
    a.given = 0;
    json_t *args = arguments(calls[which].args, folder), *result = NULL;
    const dowel_call_options options = {.size = sizeof options, .policy = {.timeout = 0.05}};
    if (!args) abort();
    int rc = dowel_call_json(d, calls[which].task, args, &options, &result, &err);
    if (rc ? !*err.message || result : !result) abort();
    struct stat st;
    bool there = !stat(target, &st);
    /* A download that ended well after its time was up is reported as late, and its file is whole. */
    if (err.code != DOWEL_E_TIMEOUT && (calls[which].downloads ? there != !rc : there)) abort();
    if (there) unlink(target);
    json_decref(result);
    json_decref(args);
    return 0;
}
