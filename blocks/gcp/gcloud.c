/* gcloud on this machine: the folder of its configurations, and the project of the active one. */
#include "gcp.h"
#include <dowel/file.h>

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST ((size_t)1 << 20)

void dowel_gcp_gcloud_folder(char *path, size_t size) {
    const char *home = getenv("HOME");
    char *config = dowel_variable("CLOUDSDK_CONFIG");
    struct passwd entry, *found = NULL;
    char room[4096];
    *path = 0;
    if (config) {
        snprintf(path, size, "%s", config);
        free(config);
        return;
    }
    if ((!home || !*home) && !getpwuid_r(getuid(), &entry, room, sizeof room, &found) && found) home = found->pw_dir;
    if (home && *home) snprintf(path, size, "%s/.config/gcloud", home);
}

/* "" if it cannot be read. */
static void first_line(const char *path, char *out, size_t size) {
    char *text = NULL;
    size_t length;
    *out = 0;
    if (dowel_file_load(&(dowel_small_file){.path = path, .limit = LARGEST, .regular = true}, &text, &length, NULL))
        return;
    snprintf(out, size, "%.*s", (int)strcspn(text, " \t\r\n"), text);
    free(text);
}

static char *trimmed(char *text) {
    text += strspn(text, " \t\r\n");
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1])) text[--size] = 0;
    return text;
}

/* The value of `project` in the section [core]. */
static char *project_in(const char *path) {
    char *text = NULL, *found = NULL, *rest = NULL;
    size_t length;
    bool core = false;
    if (dowel_file_load(&(dowel_small_file){.path = path, .limit = LARGEST, .regular = true}, &text, &length, NULL))
        return NULL;
    for (char *line = strtok_r(text, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest)) {
        char *start = trimmed(line), *equals = strpbrk(start, "=:");
        if (*start == '[') {
            core = !strcmp(start, "[core]");
        } else if (core && equals && *start != '#' && *start != ';') {
            *equals = 0;
            if (!strcmp(trimmed(start), "project") && *trimmed(equals + 1)) found = strdup(trimmed(equals + 1));
        }
    }
    free(text);
    return found;
}

char *dowel_gcp_gcloud_project(void) {
    char folder[PATH_MAX - 384], path[PATH_MAX], name[256] = "";
    char *project = dowel_variable("CLOUDSDK_CORE_PROJECT");
    if (project) return project;
    dowel_gcp_gcloud_folder(folder, sizeof folder);
    if (!*folder) return NULL;
    char *active = dowel_variable("CLOUDSDK_ACTIVE_CONFIG_NAME");
    snprintf(name, sizeof name, "%s", active ? active : "");
    free(active);
    if (!*name) {
        snprintf(path, sizeof path, "%s/active_config", folder);
        first_line(path, name, sizeof name);
    }
    if (strchr(name, '/')) return NULL;
    snprintf(path, sizeof path, "%s/configurations/config_%s", folder, *name ? name : "default");
    return project_in(path);
}
