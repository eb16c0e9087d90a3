/* Whatever stands in the files of other tools, importing ends in blocks or in an error. The first byte picks the source. */
#include <dowel/import.h>

#include "import_internal.h"
#include "profile_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *text, size_t size, int which) {
    dowel_error err;
    json_t *imported = NULL, *sections = NULL;
    dowel_import_request request = {.text = text, .size = size, .origin = "fuzz", .name = which & 8 ? "named" : NULL};
    dowel_importing in = {.origin = "fuzz", .blocks = json_array(), .warnings = json_array(), .err = &err};
    dowel_aws_profiles *profiles = NULL;
    switch (which & 7) {
    case 0:
        request.source = DOWEL_IMPORT_PREFECT;
        if (!dowel_import(&request, &imported, &err)) dowel_import_free(imported);
        break;
    case 1:
        request.source = DOWEL_IMPORT_AIRFLOW;
        if (!dowel_import(&request, &imported, &err)) dowel_import_free(imported);
        break;
    case 2:
        request.source = DOWEL_IMPORT_RCLONE;
        request.which = which & 16 ? "r:b/f" : "r";
        if (!dowel_import(&request, &imported, &err)) dowel_import_free(imported);
        break;
    case 3:
        if (!dowel_import_ini(text, size, "fuzz", &sections, &err)) {
            json_t *credentials = json_pack("{s:s}", "type", "authorized_user");
            (void)dowel_import_gcloud(&in, "g", sections, credentials);
            json_decref(credentials);
            json_decref(sections);
        }
        break;
    default:
        profiles = dowel_aws_profiles_new();
        if (profiles && !dowel_aws_profiles_parse(profiles, text, size, which & 16, "fuzz", &err))
            (void)dowel_import_aws(&in, profiles, "default");
        dowel_aws_profiles_free(profiles);
    }
    json_decref(in.blocks);
    json_decref(in.warnings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    char *text = malloc(size);
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    run(text, size - 1, data[0]);
    free(text);
    return 0;
}
