/* Importing: calls the source, collects what it found. */
#include "import_internal.h"

int dowel_import(dowel *d, const char *name, const dowel_import_request *request, json_t **imported, dowel_error *err) {
    const dowel_import_source *source;
    int rc = dowel_find_import_source(d, name, &source, err);
    if (rc) return rc;
    dowel_importing in = {.name = request->name,
                          .origin = request->origin ? request->origin : "import",
                          .blocks = json_array(),
                          .warnings = json_array(),
                          .err = err};
    rc = source->input != DOWEL_IMPORT_NAMED && !request->text
             ? dowel_fail(err, DOWEL_E_INVALID, "%s: there is nothing to read", in.origin)
             : source->read(d, request, &in, err);
    if (!rc && in.no_memory) rc = dowel_no_memory(err);
    json_t *all = json_pack("{s:o,s:o}", "blocks", in.blocks, "warnings", in.warnings);
    if (!rc && !all) rc = dowel_no_memory(err);
    if (rc)
        dowel_json_cleanse(all);
    else
        *imported = all;
    return rc;
}

void dowel_import_free(json_t *imported) {
    dowel_json_cleanse(imported);
}
