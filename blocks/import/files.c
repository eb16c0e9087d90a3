/* Where gcloud and rclone keep what is imported, and their form of files. */
#include "gcloud_internal.h"
#include "import_internal.h"

#include <dowel/file.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)4 << 20)

enum { MALFORMED = -1, GIVEN_TWICE = -2 }; /* what can be wrong with a line */

static const char *variable(const char *text) {
    return text && *text ? text : NULL;
}

/* ---- "[section]" and "key = value" ---- */

static const char *trim(const char *text, size_t *length) {
    while (*length && strchr(" \t\r", *text)) {
        text++;
        --*length;
    }
    while (*length && strchr(" \t\r", text[*length - 1])) --*length;
    return text;
}

/* A setting that is given twice with different values: which one its tool uses is not ours to guess. */
static int set_value(json_t *section, const char *key, json_t *value) {
    const json_t *before = json_object_get(section, key);
    if (before) return json_equal(before, value) ? 0 : GIVEN_TWICE;
    return json_object_set(section, key, value);
}

/* One line; *section is the open section. 0, MALFORMED or GIVEN_TWICE. */
static int read_line(const char *line, size_t length, json_t *sections, json_t **section) {
    line = trim(line, &length);
    if (!length || *line == '#' || *line == ';') return 0;
    if (*line == '[') {
        if (length < 3 || line[length - 1] != ']') return MALFORMED;
        size_t size = length - 2;
        const char *text = trim(line + 1, &size);
        json_t *key = json_stringn(text, size);
        const char *name = json_string_value(key);
        if (name && strlen(name) == size) {
            *section = json_object_get(sections, name);
            if (!*section && !json_object_set_new(sections, name, json_object()))
                *section = json_object_get(sections, name);
        } else {
            *section = NULL;
        }
        json_decref(key);
        return *section ? 0 : MALFORMED;
    }
    const char *equals = memchr(line, '=', length);
    if (!equals || equals == line || !*section) return MALFORMED;
    size_t key_size = (size_t)(equals - line), size = length - key_size - 1;
    const char *text = trim(equals + 1, &size);
    trim(line, &key_size);
    json_t *key = json_stringn(line, key_size), *value = json_stringn(text, size);
    bool good = key && value && strlen(json_string_value(key)) == key_size && strlen(json_string_value(value)) == size;
    int bad = good ? set_value(*section, json_string_value(key), value) : MALFORMED;
    json_decref(key);
    if (bad)
        dowel_json_cleanse(value);
    else
        json_decref(value);
    return bad;
}

int dowel_import_ini(const char *text, size_t size, const char *origin, json_t **sections, dowel_error *err) {
    json_t *all = json_object(), *section = NULL;
    int number = 0, rc = dowel_text_check(origin, &text, &size, err);
    if (rc) {
        json_decref(all);
        return rc;
    }
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        number++;
        int bad = read_line(text + at, length, all, &section);
        if (bad) {
            dowel_json_cleanse(all);
            return dowel_fail(err, DOWEL_E_INVALID, "%s: line %d %s", origin, number,
                              bad == GIVEN_TWICE ? "gives a setting of its section a second value"
                                                 : "is no section, no \"key = value\" and no comment");
        }
        at += length + 1;
    }
    *sections = all;
    return 0;
}

/* A file of sections, merged into what is there. An absent one is empty when it need not be there. */
static int read_sections(const char *path, bool needed, json_t *into, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    json_t *sections = NULL, *section;
    const char *name;
    dowel_error why;
    int rc = dowel_file_read(path, FILE_LIMIT, &text, &size, &why);
    if (rc == DOWEL_E_NOT_FOUND && !needed) return 0;
    if (!rc) rc = dowel_import_ini(text, size, path, &sections, &why);
    json_object_foreach(sections, name, section) {
        json_t *there = json_object_get(into, name);
        if (there)
            json_object_update(there, section);
        else
            json_object_set(into, name, section);
    }
    json_decref(sections);
    if (text) OPENSSL_cleanse(text, size);
    free(text);
    if (rc && err) *err = why;
    return rc;
}

static int read_json(const char *path, json_t **document, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    int rc = dowel_file_read(path, FILE_LIMIT, &text, &size, err);
    if (!rc) rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, path, document, err);
    if (text) OPENSSL_cleanse(text, size);
    free(text);
    return rc;
}

/* ---- gcloud ---- */

static const char *property(const json_t *sections, const char *section, const char *name) {
    return variable(json_string_value(json_object_get(json_object_get(sections, section), name)));
}

static void active_configuration(const char *folder, char name[256]) {
    char path[PATH_MAX];
    const char *said = variable(getenv("CLOUDSDK_ACTIVE_CONFIG_NAME"));
    snprintf(name, 256, "%s", said ? said : "");
    snprintf(path, sizeof path, "%s/active_config", folder);
    FILE *file = said ? NULL : fopen(path, "re");
    if (file) {
        if (!fgets(name, 256, file)) *name = 0;
        fclose(file);
    }
    name[strcspn(name, " \t\r\n")] = 0;
    if (!*name) snprintf(name, 256, "default");
}

int dowel_import_find_gcloud(dowel_importing *in, const char *which) {
    char folder[PATH_MAX - 1024], path[PATH_MAX], name[256];
    json_t *sections = json_object(), *credentials = NULL;
    dowel_gcp_gcloud_folder(folder, sizeof folder);
    if (!*folder) {
        json_decref(sections);
        return dowel_fail(in->err, DOWEL_E_NOT_FOUND, "nothing says where gcloud keeps its configurations: set HOME");
    }
    active_configuration(folder, name);
    if (which) snprintf(name, sizeof name, "%s", which);
    if (strchr(name, '/') || *name == '.') {
        json_decref(sections);
        return dowel_fail(in->err, DOWEL_E_INVALID, "\"%.100s\" is no name of a gcloud configuration", name);
    }
    snprintf(path, sizeof path, "%s/properties", folder);
    int rc = read_sections(path, false, sections, in->err);
    snprintf(path, sizeof path, "%s/configurations/config_%s", folder, name);
    if (!rc) rc = read_sections(path, true, sections, in->err);
    if (rc == DOWEL_E_NOT_FOUND) {
        dowel_fail(in->err, rc, "there is no gcloud configuration \"%.100s\": %.600s does not exist", name, path);
        dowel_error_hint(in->err, "`gcloud config configurations list` shows them");
    }
    const char *file = property(sections, "auth", "credential_file_override"),
               *account = property(sections, "core", "account");
    if (!rc && (file || account)) {
        if (file)
            snprintf(path, sizeof path, "%s", file);
        else
            snprintf(path, sizeof path, "%s/legacy_credentials/%.500s/adc.json", folder, account);
        bool outside = !file && (strchr(account, '/') || *account == '.');
        rc = outside ? dowel_fail(in->err, DOWEL_E_INVALID, "\"%.100s\" is no account", account)
                     : read_json(path, &credentials, in->err);
        if (rc == DOWEL_E_NOT_FOUND) {
            rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "gcloud has no credentials for %.200s: %.600s does not exist",
                            file ? "this configuration" : account, path);
            dowel_error_hint(in->err, "log in with `gcloud auth login` first");
        }
    }
    if (!rc) rc = dowel_import_gcloud(in, name, sections, credentials);
    dowel_json_cleanse(credentials);
    dowel_json_cleanse(sections);
    return rc;
}

/* ---- rclone ---- */

static bool exists(const char *path) {
    FILE *file = fopen(path, "re");
    if (file) fclose(file);
    return file != NULL;
}

/* As rclone looks for it. */
static void rclone_path(char path[PATH_MAX]) {
    const char *said = variable(getenv("RCLONE_CONFIG")), *config = variable(getenv("XDG_CONFIG_HOME")),
               *home = variable(getenv("HOME"));
    if (said) {
        snprintf(path, PATH_MAX, "%s", said);
        return;
    }
    if (config) snprintf(path, PATH_MAX, "%s/rclone/rclone.conf", config);
    if (config && exists(path)) return;
    snprintf(path, PATH_MAX, "%s/.config/rclone/rclone.conf", home ? home : "");
    if (exists(path)) return;
    char old[PATH_MAX];
    snprintf(old, sizeof old, "%s/.rclone.conf", home ? home : "");
    if (exists(old)) snprintf(path, PATH_MAX, "%s", old);
}

static bool is_encrypted(const char *text, size_t size) {
    static const char mark[] = "RCLONE_ENCRYPT_";
    for (size_t at = 0; at + sizeof mark <= size;) {
        if (!memcmp(text + at, mark, sizeof mark - 1)) return true;
        const char *end = memchr(text + at, '\n', size - at);
        if (!end) break;
        at = (size_t)(end - text) + 1;
    }
    return false;
}

int dowel_import_find_rclone(dowel_importing *in, const char *which, const char *text, size_t size) {
    char path[PATH_MAX], *own = NULL;
    int rc = 0;
    if (!which || !*which) return dowel_fail(in->err, DOWEL_E_INVALID, "which remote of rclone?");
    if (!text) {
        rclone_path(path);
        in->origin = path;
        rc = dowel_file_read(path, FILE_LIMIT, &own, &size, in->err);
        if (rc == DOWEL_E_NOT_FOUND) {
            rc = dowel_fail(in->err, DOWEL_E_NOT_FOUND, "rclone has no configuration: %s does not exist", path);
            dowel_error_hint(in->err, "--config FILE says where it is");
        }
        text = own;
    }
    json_t *sections = NULL;
    if (!rc && is_encrypted(text, size)) {
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s is encrypted", in->origin);
        dowel_error_hint(in->err, "`rclone config show %.100s | dowel block import --from-rclone %.100s --config -`",
                         which, which);
    }
    if (!rc) rc = dowel_import_ini(text, size, in->origin, &sections, in->err);
    if (!rc) rc = dowel_import_rclone(in, which, sections);
    dowel_json_cleanse(sections);
    if (own) OPENSSL_cleanse(own, size);
    free(own);
    return rc;
}
