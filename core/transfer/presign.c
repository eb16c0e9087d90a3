/* Signed URLs and forms: the part that all clouds share. */
#include <dowel/buckets.h>

int dowel_presign_check_conditions(const json_t *conditions, dowel_error *err) {
    json_t *condition;
    size_t i;
    if (conditions && !json_is_array(conditions))
        return dowel_fail(err, DOWEL_E_INVALID, "field \"conditions\": expected an array");
    json_array_foreach(conditions, i, condition) {
        bool triple =
            json_is_array(condition) && json_array_size(condition) == 3 && json_is_string(json_array_get(condition, 0));
        if (!triple && !(json_is_object(condition) && json_object_size(condition) == 1))
            return dowel_fail(
                err, DOWEL_E_INVALID,
                "field \"conditions[%zu]\": expected an array of three elements or an object of one member", i);
    }
    return 0;
}

int dowel_presign_lifetime(double expires, int64_t *seconds, dowel_error *err) {
    *seconds = expires > 0 ? (int64_t)expires : 3600;
    if (!*seconds) *seconds = 1;
    return *seconds <= DOWEL_PRESIGN_MOST
               ? 0
               : dowel_fail(err, DOWEL_E_INVALID, "a signature is valid for at most 7 days, not %lld seconds",
                            (long long)*seconds);
}

int dowel_presign_result(const char *url, const char *method, const dowel_pair *headers, int64_t end, json_t **result,
                         dowel_error *err) {
    char text[DOWEL_TIME_TEXT_SIZE];
    dowel_format_time(end * 1000000, text);
    dowel_builder map = dowel_build(json_object());
    for (; headers && headers->name; headers++) dowel_build_text(&map, headers->name, headers->value);
    json_t *sent;
    int rc = dowel_build_end(&map, &sent, err);
    if (rc) return rc;
    dowel_builder all = dowel_build(json_object());
    dowel_build_text(&all, "url", url);
    dowel_build_text(&all, "method", method);
    dowel_build_json(&all, "headers", sent);
    dowel_build_text(&all, "expires", text);
    return dowel_build_end(&all, result, err);
}
