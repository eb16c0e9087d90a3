/* Block references: "type/name". */
#include "stored.h"

#include <stdio.h>
#include <string.h>

int dowel_reference_parse(dowel *d, const char *reference, const dowel_block_type **type, char name[DOWEL_NAME_SIZE],
                          dowel_error *err) {
    const char *slash = reference ? strchr(reference, '/') : NULL;
    if (!slash || slash == reference || !slash[1]) {
        int rc = dowel_fail(err, DOWEL_E_INVALID, "\"%.100s\" is not a block reference", reference ? reference : "");
        dowel_error_hint(err, "write type/name, such as gcs-bucket/results");
        return rc;
    }
    char type_name[DOWEL_NAME_SIZE];
    size_t length = (size_t)(slash - reference);
    snprintf(type_name, sizeof type_name, "%.*s", (int)(length < sizeof type_name ? length : sizeof type_name - 1),
             reference);
    const char *text = slash + 1;
    size_t size = strlen(text);
    bool good = size < DOWEL_NAME_SIZE;
    for (size_t i = 0; i < size && good; i++)
        good = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '-';
    if (!good) {
        int rc = dowel_fail(err, DOWEL_E_INVALID,
                            "\"%.100s\" is not a block name: expected 1 to 63 of the characters a-z, 0-9 and -", text);
        return rc;
    }
    int rc = dowel_find_block_type(d, type_name, type, err);
    if (!rc) memcpy(name, text, size + 1);
    return rc;
}
