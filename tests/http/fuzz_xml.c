/* Any bytes are either refused or a tree that can be walked. */
#include <dowel/xml.h>

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const dowel_xml *element) {
    size_t total = strlen(dowel_xml_name(element)) + strlen(dowel_xml_text(element));
    for (const dowel_xml *child = dowel_xml_child(element, NULL); child; child = dowel_xml_next(child, NULL))
        total += walk(child);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dowel_xml *root;
    if (dowel_xml_parse((const char *)data, size, &root, NULL)) return 0;
    volatile size_t total = walk(root);
    (void)total;
    dowel_xml_free(root);
    return 0;
}
