/* Any bytes, and any sequence of pieces of XML, are either refused or a tree that can be walked. */
#include <dowel/xml.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const dowel_xml *element) {
    size_t total = strlen(dowel_xml_name(element)) + strlen(dowel_xml_text(element));
    for (const dowel_xml *child = dowel_xml_child(element, NULL); child; child = dowel_xml_next(child, NULL))
        total += walk(child);
    return total;
}

static void read_text(const char *text, size_t size) {
    dowel_xml *root;
    if (dowel_xml_parse(text, size, &root, NULL)) return;
    volatile size_t total = walk(root);
    (void)total;
    dowel_xml_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* expat is not instrumented: random bytes alone would hardly ever get past its first check. */
    static const char *const pieces[] = {"<a>",        "</a>",    "<b:c x='1'>",  "</b:c>",    "<d/>", "text",
                                         "&amp;",      "&#65;",   "&x;",          "<![CDATA[", "]]>",  " ",
                                         "<!-- c -->", "<?p i?>", "<!DOCTYPE a>", "\xc3\xa4"};
    read_text((const char *)data, size);
    char *text = malloc(size * 16 + 8);
    if (!text) return 0;
    memcpy(text, "<a>", 3);
    size_t used = 3;
    for (size_t i = 0; i < size; i++) {
        const char *piece = pieces[data[i] % (sizeof pieces / sizeof pieces[0])];
        memcpy(text + used, piece, strlen(piece));
        used += strlen(piece);
    }
    memcpy(text + used, "</a>", 4);
    read_text(text, used + 4);
    free(text);
    return 0;
}
