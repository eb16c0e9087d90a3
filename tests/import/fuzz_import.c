/* Whatever stands in the files of other tools, importing ends in blocks or in an error. The first byte picks the source. */
#include <dowel/dowel.h>
#include <dowel/import.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[] = "/tmp/dowel-fuzz-XXXXXX";

/* A file of a home folder that holds nothing else. */
static void write_file(const char *name, const char *text, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *file = fopen(path, "w");
    if (!file) abort();
    fwrite(text, 1, size, file);
    fclose(file);
}

static void remove_home(void) {
    static const char *const names[] = {"configurations/config_default", "configurations", "profiles", ""};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", home, names[i]);
        remove(path);
    }
}

/* One handle, and one home folder with the files of AWS and gcloud, for all runs. */
static dowel *handle(void) {
    static dowel *d;
    dowel_error err;
    char path[64];
    if (d) return d;
    if (!mkdtemp(home) || atexit(remove_home)) abort();
    snprintf(path, sizeof path, "%s/configurations", home);
    if (mkdir(path, 0700) || setenv("CLOUDSDK_CONFIG", home, 1)) abort();
    snprintf(path, sizeof path, "%s/profiles", home);
    if (setenv("HOME", home, 1) || setenv("AWS_CONFIG_FILE", path, 1)) abort();
    if (dowel_open(&d, NULL, &err)) abort();
    return d;
}

static void run(const char *text, size_t size, int which) {
    static const char *const sources[] = {"prefect", "airflow", "rclone", "gcloud", "aws-profile"};
    dowel *d = handle();
    dowel_error err;
    json_t *imported = NULL;
    const char *source = sources[(which & 7) % 5];
    dowel_import_request request = {.text = text, .size = size, .origin = "fuzz", .name = which & 8 ? "named" : NULL};
    if (!strcmp(source, "rclone")) request.which = which & 16 ? "r:b/f" : "r";
    if (!strcmp(source, "gcloud")) write_file("configurations/config_default", text, size);
    if (!strcmp(source, "aws-profile")) write_file("profiles", text, size);
    if (!dowel_import(d, source, &request, &imported, &err)) dowel_import_free(imported);
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
