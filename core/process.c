/* Names this process so that a later one can tell whether it still lives. */
#include "history.h"

#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The start time of a process in clock ticks since boot: with the pid, it names a process for the life of the machine. */
static unsigned long long started(long pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    const char *p = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void machine(char text[128]) {
    char host[64] = "", boot[64] = "";
    gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++)
        if (*p == ':') *p = '-';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file) {
        if (!fgets(boot, sizeof boot, file)) boot[0] = 0;
        boot[strcspn(boot, "\n")] = 0;
        fclose(file);
    }
    snprintf(text, 128, "%s:%s", host, boot);
}

void dowel_process_name(char text[DOWEL_PROCESS_SIZE]) {
    char where[128];
    machine(where);
    snprintf(text, DOWEL_PROCESS_SIZE, "%s:%ld:%llu", where, (long)getpid(), started(getpid()));
}

bool dowel_process_is_elsewhere(const char *process) {
    char where[128];
    machine(where);
    const char *colon = strchr(process, ':');
    return !colon || strncmp(process, where, (size_t)(colon - process) + 1) != 0;
}

bool dowel_process_is_gone(const char *process) {
    if (dowel_process_is_elsewhere(process)) return false;
    char where[128];
    machine(where);
    size_t length = strlen(where);
    if (strncmp(process, where, length) || process[length] != ':') return true; /* this host, before a reboot */
    char *end;
    long pid = strtol(process + length + 1, &end, 10);
    unsigned long long then = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
    if (kill((pid_t)pid, 0) && errno == ESRCH) return true;
    unsigned long long now = started(pid);
    return then && now && then != now;
}
