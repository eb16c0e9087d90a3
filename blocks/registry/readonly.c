/* Reads blocks from variables and files. */
#include "readonly.h"

#include "sealing_internal.h"
#include "stored.h"

#include <dowel/file.h>
#include <dowel/text.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "DOWEL_BLOCK_"
#define LARGEST ((size_t)16 << 20)
#define VARIABLE_SIZE 256
#define UNREADABLE "make the file readable or unset DOWEL_BLOCKS_DIR; the database was not searched"

extern char **environ;

/* NULL: not set. */
static const char *folder_variable(char folder[PATH_MAX]) {
    char *value = dowel_variable("DOWEL_BLOCKS_DIR");
    snprintf(folder, PATH_MAX, "%s", value ? value : "");
    free(value);
    return *folder ? folder : NULL;
}

static void variable_name(const char *type, const char *name, char variable[VARIABLE_SIZE]) {
    snprintf(variable, VARIABLE_SIZE, PREFIX "%s__%s", type, name);
    for (char *p = variable; *p; p++) *p = (char)(*p == '-' ? '_' : dowel_upper((unsigned char)*p));
}

/* ---- files ---- */

static int unreadable(const char *path, const char *why, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_IO, "DOWEL_BLOCKS_DIR: cannot read %s: %s", path, why);
    dowel_error_hint(err, UNREADABLE);
    return rc;
}

/* Mounted secrets are links to files in the same folder. A link out of the folder could show any file. 1 with *real newly allocated, or 0: no
 * such file. */
static int stays_below(const char *folder, const char *path, char **real, dowel_error *err) {
    char *top = realpath(folder, NULL);
    if (!top) return unreadable(folder, strerror(errno), err);
    *real = realpath(path, NULL);
    int why = errno, rc = 1;
    size_t length = strlen(top);
    struct stat st;
    if (!*real && why == ENOENT && lstat(path, &st))
        rc = 0;
    else if (!*real)
        rc = unreadable(path, strerror(why), err);
    else if (strncmp(*real, top, length) != 0 || ((*real)[length] != '/' && length > 1))
        rc = unreadable(path, "it is a link to a file outside of the folder", err);
    free(top);
    if (rc <= 0) {
        free(*real);
        *real = NULL;
    }
    return rc;
}

static int read_file(const char *folder, const char *path, json_t **document, dowel_error *err) {
    char *real = NULL, *text = NULL;
    size_t size = 0;
    int rc = stays_below(folder, path, &real, err);
    if (rc <= 0) return rc;
    const dowel_small_file file = {
        .path = real, .code = DOWEL_E_IO, .limit = LARGEST, .regular = true, .no_follow = true};
    rc = dowel_file_load(&file, &text, &size, err);
    free(real);
    if (rc == DOWEL_E_IO) {
        dowel_error_prefix(err, "DOWEL_BLOCKS_DIR: ");
        dowel_error_hint(err, UNREADABLE);
    }
    if (rc) return rc;
    rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, path, document, err);
    dowel_wipe_bytes(text, size);
    return rc ? rc : 1;
}

/* ---- one block ---- */

static bool file_name(const char *folder, const char *type, const char *name, char path[PATH_MAX]) {
    int length = snprintf(path, PATH_MAX, "%s/%s/%s.json", folder, type, name);
    return length > 0 && length < PATH_MAX;
}

int dowel_readonly_find(const dowel_block_type *type, const char *name, char origin[DOWEL_ORIGIN_SIZE]) {
    char variable[VARIABLE_SIZE], path[PATH_MAX], room[PATH_MAX];
    struct stat st;
    variable_name(type->name, name, variable);
    const char *text = getenv(variable), *folder = folder_variable(room);
    if (text && *text) {
        snprintf(origin, DOWEL_ORIGIN_SIZE, "variable %s", variable);
        return 1;
    }
    if (!folder || !file_name(folder, type->name, name, path) || lstat(path, &st)) return 0;
    snprintf(origin, DOWEL_ORIGIN_SIZE, "file %s", path);
    return 1;
}

int dowel_readonly_read(const dowel_block_type *type, const char *name, json_t **document,
                        char origin[DOWEL_ORIGIN_SIZE], dowel_error *err) {
    char variable[VARIABLE_SIZE], path[PATH_MAX], room[PATH_MAX];
    variable_name(type->name, name, variable);
    const char *text = getenv(variable), *folder = folder_variable(room);
    int found = 0;
    *document = NULL;
    if (text && *text) {
        snprintf(origin, DOWEL_ORIGIN_SIZE, "variable %s", variable);
        int rc = dowel_json_read(text, strlen(text), DOWEL_JSON_EXACT, variable, document, err);
        if (rc) return rc;
        found = 1;
    } else if (folder) {
        if (!file_name(folder, type->name, name, path)) return unreadable(folder, "the path is too long", err);
        snprintf(origin, DOWEL_ORIGIN_SIZE, "file %s", path);
        found = read_file(folder, path, document, err);
    }
    if (found == 1 && !json_is_object(*document)) {
        dowel_json_cleanse(*document);
        *document = NULL;
        return dowel_fail(err, DOWEL_E_INVALID, "%s: expected a JSON object with the block's fields",
                          text && *text ? variable : path);
    }
    return found;
}

/* ---- all ---- */

static bool has(const json_t *list, const char *type, const char *name) {
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)list, i, entry) {
        const char *t = json_string_value(json_object_get(entry, "type")),
                   *n = json_string_value(json_object_get(entry, "name"));
        if (t && n && !strcmp(t, type) && !strcmp(n, name)) return true;
    }
    return false;
}

static int add(json_t *list, const char *type, const char *name, const char *origin, dowel_error *err) {
    if (has(list, type, name)) return 0;
    json_t *entry = json_pack("{s:s,s:s,s:s}", "type", type, "name", name, "source", origin);
    return json_array_append_new(list, entry) ? dowel_no_memory(err) : 0;
}

static bool variable_block(dowel *d, const char *variable, size_t length, const dowel_block_type **type,
                           char name[DOWEL_NAME_SIZE]) {
    char text[VARIABLE_SIZE], *split;
    if (length - strlen(PREFIX) >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", (int)(length - strlen(PREFIX)), variable + strlen(PREFIX));
    for (char *p = text; *p; p++) {
        if (islower((unsigned char)*p) || *p == '-') return false;
        *p = (char)(*p == '_' ? '-' : dowel_lower((unsigned char)*p));
    }
    if (!(split = strstr(text, "--"))) return false;
    memmove(split + 1, split + 2, strlen(split + 2) + 1);
    *split = '/';
    return !dowel_reference_parse(d, text, type, name, NULL);
}

static int list_variables(dowel *d, const char *wanted, json_t *list, dowel_error *err) {
    int rc = 0;
    for (char **entry = environ; entry && *entry && !rc; entry++) {
        size_t length = strcspn(*entry, "=");
        const dowel_block_type *type;
        char name[DOWEL_NAME_SIZE], origin[VARIABLE_SIZE + 16];
        if (strncmp(*entry, PREFIX, strlen(PREFIX)) != 0 || !(*entry)[length] || !(*entry)[length + 1]) continue;
        if (!variable_block(d, *entry, length, &type, name)) {
            dowel_log(d, DOWEL_LOG_WARNING,
                      "%.*s does not name a block: expected " PREFIX "TYPE__NAME in capitals, with _ for -",
                      (int)(length < 100 ? length : 100), *entry);
            continue;
        }
        snprintf(origin, sizeof origin, "variable %.*s", (int)length, *entry);
        if (!wanted || !strcmp(wanted, type->name)) rc = add(list, type->name, name, origin, err);
    }
    return rc;
}

static int list_files(dowel *d, const dowel_block_type *type, const char *folder, json_t *list, dowel_error *err) {
    char path[PATH_MAX], origin[DOWEL_ORIGIN_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", folder, type->name), rc = 0;
    DIR *files = length > 0 && length < PATH_MAX ? opendir(path) : NULL;
    if (!files) return errno == ENOENT ? 0 : unreadable(path, strerror(errno), err);
    for (struct dirent *file; !rc && (file = readdir(files));) {
        char reference[NAME_MAX + 2 * DOWEL_NAME_SIZE], name[DOWEL_NAME_SIZE];
        const dowel_block_type *same;
        size_t size = strlen(file->d_name);
        if (*file->d_name == '.') continue;
        snprintf(reference, sizeof reference, "%s/%s", type->name, file->d_name);
        bool json = size > 5 && !strcmp(file->d_name + size - 5, ".json");
        if (json) reference[strlen(reference) - 5] = 0;
        if (!json || dowel_reference_parse(d, reference, &same, name, NULL)) {
            dowel_log(d, DOWEL_LOG_WARNING, "%s/%s is ignored: expected NAME.json with a name of a-z, 0-9 and -", path,
                      file->d_name);
            continue;
        }
        if (dowel_readonly_find(type, name, origin)) rc = add(list, type->name, name, origin, err);
    }
    closedir(files);
    return rc;
}

int dowel_readonly_list(dowel *d, const char *type, json_t *list, dowel_error *err) {
    char room[PATH_MAX];
    const char *folder = folder_variable(room);
    int rc = list_variables(d, type, list, err);
    struct stat st;
    if (rc || !folder) return rc;
    if (stat(folder, &st)) return unreadable(folder, strerror(errno), err);
    const dowel_block_type *known;
    for (size_t i = 0; !rc && (known = dowel_block_type_at(d, i)); i++)
        if (!type || !strcmp(type, known->name)) rc = list_files(d, known, folder, list, err);
    return rc;
}
