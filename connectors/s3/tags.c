/* Tags of an object. */
#include "client.h"

#include <dowel/json.h>

int dowel_s3_tags(dowel_s3_client *c, const char *key, const char *version, json_t **tags, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "GET", key);
    dowel_http_query(r, "tagging", "");
    dowel_http_query(r, "versionId", version);
    dowel_xml *root;
    int rc = dowel_s3_fetch_xml(c, r, &root, err);
    if (!rc) rc = dowel_s3_expect(c, &root, "Tagging", err);
    if (rc) return rc;
    dowel_builder all = dowel_build(json_object());
    for (const dowel_xml *tag = dowel_xml_child(dowel_xml_child(root, "TagSet"), "Tag"); tag;
         tag = dowel_xml_next(tag, "Tag")) {
        const char *name = dowel_xml_child_text(tag, "Key"), *value = dowel_xml_child_text(tag, "Value");
        if (name) dowel_build_text(&all, name, value ? value : "");
    }
    rc = dowel_build_end(&all, tags, err);
    dowel_xml_free(root);
    return rc;
}
