/* Buckets of Amazon's that are in another region than the block says, with recorded answers. */
#include "test.h"

#include <dowel/http.h>
#include <dowel/objects.h>
#include <dowel/s3.h>

static const char recording[] =
    "[{\"request\":{\"method\":\"GET\",\"uri\":\"https://there.s3.us-east-1.amazonaws.com/"
    "?list-type=2&encoding-type=url&max-keys=1000\"},\"response\":{\"status\":301,\"headers\":{\"x-amz-bucket-region\":"
    "\"eu-central-1\"},\"body\":\"<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>\"}},"
    "{\"request\":{\"method\":\"GET\",\"uri\":\"https://there.s3.eu-central-1.amazonaws.com/"
    "?list-type=2&encoding-type=url&max-keys=1000\"},\"response\":{\"status\":200,\"headers\":{},\"body\":"
    "\"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>\"}},"
    "{\"request\":{\"method\":\"DELETE\",\"uri\":\"https://there.s3.eu-central-1.amazonaws.com/a%20b\"},"
    "\"response\":{\"status\":204,\"headers\":{},\"body\":\"\"}}]";

static int none(void *context, const dowel_object *object, dowel_error *err) {
    (void)context, (void)object, (void)err;
    return 0;
}

static void buckets_are_followed(void **state) {
    (void)state;
    json_t *exchanges = json_loads(recording, 0, NULL);
    assert_non_null(exchanges);
    dowel_transport *replayer;
    assert_ok(dowel_transport_replay(exchanges, &replayer, err));
    dowel *d;
    assert_ok(dowel_open(&d, &(dowel_options){.database_url = "memory:", .transport = replayer}, err));
    json_t *document =
        json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "bucket", "there", "region", "us-east-1", "credentials", "$type",
                  "aws-credentials", "access_key_id", "AKIDEXAMPLE", "secret_access_key", "secret");
    dowel_block *block;
    assert_ok(dowel_block_new(&dowel_s3_bucket_type, NULL, document, dowel_get_resolver(d), &block, err));
    json_decref(document);
    const dowel_objects *objects = dowel_s3_bucket_type.objects;
    assert_ok(objects->list(d, block, &(dowel_objects_query){.size = sizeof(dowel_objects_query)}, none, NULL, err));
    /* What was found out is known from then on. */
    assert_ok(objects->remove(d, block, (const char *const[]){"a b"}, 1, NULL, NULL, err));
    assert_int_equal(dowel_transport_replay_left(replayer), 0);
    dowel_block_free(block);
    dowel_close(d);
    dowel_transport_close(replayer);
    json_decref(exchanges);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(buckets_are_followed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
