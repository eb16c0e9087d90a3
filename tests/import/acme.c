/* A program whose own connector brings an import source. */
#include <dowel/cli.h>
#include <dowel/import.h>

static int read_note(dowel *d, const dowel_import_request *request, dowel_importing *found, dowel_error *err) {
    (void)d;
    (void)err;
    json_t *document = request->text ? json_object() : NULL;
    if (document && json_object_set_new(document, "value", json_stringn(request->text, request->size))) {
        json_decref(document);
        document = NULL;
    }
    const char *name = request->name ? request->name : request->which ? request->which : "note";
    return dowel_import_add(found, "secret", name, document, NULL);
}

static const dowel_import_source note = {
    .size = sizeof note,
    .name = "acme-note",
    .value = "@FILE|-|env:VAR",
    .doc = "a note of Acme's",
    .input = DOWEL_IMPORT_SECRET,
    .variable = "ACME_",
    .read = read_note,
};

int main(int argc, char **argv) {
    static const dowel_import_source *const imports[] = {&note, NULL};
    static const dowel_connector acme = {.abi = DOWEL_ABI, .size = sizeof acme, .name = "acme", .imports = imports};
    static const dowel_connector *const connectors[] = {&acme, NULL};
    return dowel_cli(argc, argv, connectors);
}
