/* Names this process so that another one can tell whether it still runs.
 *
 * The name is "2:NONCE:MACHINE:BOOT:NAMESPACE:PID:START:HOST". The nonce is what identifies the process; the rest only proves that it has
 * ended: a pid means something in its own pid namespace, on its own machine, since that machine's last boot. */
#include "process_internal.h"

#include <dowel/ascii.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NONCE, MACHINE, BOOT, NAMESPACE, PID, START, HOST, PARTS };
#define PART_SIZE 65

typedef struct identity {
    char part[PARTS][PART_SIZE];
} identity;

/* Keeps letters, digits and dots; other characters become hyphens. */
static void put(char part[PART_SIZE], const char *text) {
    size_t n = 0;
    for (; *text && n + 1 < PART_SIZE; text++) {
        if (*text == '\n') break;
        part[n++] = dowel_is_alnum((unsigned char)*text) || *text == '.' ? *text : '-';
    }
    part[n] = 0;
}

static void put_line(char part[PART_SIZE], const char *path) {
    char line[PART_SIZE] = "";
    FILE *file = fopen(path, "re");
    if (!file) return;
    if (fgets(line, sizeof line, file)) put(part, line);
    fclose(file);
}

/* The fields of /proc/PID/stat from the third on, the process's state; false: unknown. */
static bool read_stat(const char *process, long pid, char *fields, size_t room) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%s/stat", process);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    const char *end = strrchr(text, ')'); /* the program name before it may contain any character */
    /* The /proc of another pid namespace may be mounted here. */
    if (!end || end[1] != ' ' || strtol(text, NULL, 10) != pid) return false;
    snprintf(fields, room, "%s", end + 2);
    return true;
}

enum { STATE = 3, THREADS = 20, STARTED = 22, FIELDS_SIZE = 1024 };

static unsigned long long number_in(const char *fields, int which) {
    const char *p = fields;
    for (int field = STATE; p && field < which; field++) {
        p = strchr(p, ' ');
        if (p) p++;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

/* Start time in clock ticks since boot: with the pid, it names a process for the life of the machine. 0: unknown. */
static unsigned long long started(const char *process, long pid) {
    char fields[FIELDS_SIZE];
    return read_stat(process, pid, fields, sizeof fields) ? number_in(fields, STARTED) : 0;
}

static void put_namespace(char part[PART_SIZE]) {
    char link[PART_SIZE];
    ssize_t size = readlink("/proc/self/ns/pid", link, sizeof link - 1);
    if (size <= 0) return;
    link[size] = 0;
    const char *number = strchr(link, '[');
    if (!number) return;
    put(part, number + 1);
    part[strspn(part, "0123456789")] = 0;
}

static void here(identity *of) {
    char host[PART_SIZE] = "";
    memset(of, 0, sizeof *of);
    put_line(of->part[MACHINE], "/etc/machine-id");
    if (!*of->part[MACHINE]) put_line(of->part[MACHINE], "/var/lib/dbus/machine-id");
    put_line(of->part[BOOT], "/proc/sys/kernel/random/boot_id");
    put_namespace(of->part[NAMESPACE]);
    gethostname(host, sizeof host - 1);
    put(of->part[HOST], host);
}

void dowel_process_name(const char *nonce, char text[DOWEL_PROCESS_SIZE]) {
    identity of;
    here(&of);
    snprintf(text, DOWEL_PROCESS_SIZE, "2:%s:%s:%s:%s:%ld:%llu:%s", nonce, of.part[MACHINE], of.part[BOOT],
             of.part[NAMESPACE], (long)getpid(), started("self", (long)getpid()), of.part[HOST]);
}

/* False for the names of earlier versions, which prove nothing. */
static bool parse(const char *process, identity *of) {
    if (strncmp(process, "2:", 2) != 0) return false;
    const char *p = process + 2;
    for (int i = 0; i < PARTS; i++) {
        size_t length = strcspn(p, ":");
        if (length >= PART_SIZE || (i < PARTS - 1) != (p[length] == ':')) return false;
        memcpy(of->part[i], p, length);
        of->part[i][length] = 0;
        p += length + 1;
    }
    return true;
}

/* Empty parts are equal only where that cannot be an accident: many containers have no machine id, but a boot id is then enough. */
static bool same_place(const identity *a, const identity *b) {
    if (!*a->part[BOOT] || !*a->part[NAMESPACE] || strcmp(a->part[BOOT], b->part[BOOT]) != 0 ||
        strcmp(a->part[NAMESPACE], b->part[NAMESPACE]) != 0 || strcmp(a->part[MACHINE], b->part[MACHINE]) != 0)
        return false;
    return *a->part[MACHINE] || !strcmp(a->part[HOST], b->part[HOST]);
}

bool dowel_process_is_elsewhere(const char *process) {
    identity of, ours;
    here(&ours);
    return !parse(process, &of) || !same_place(&of, &ours);
}

bool dowel_process_is_gone(const char *process) {
    identity of, ours;
    here(&ours);
    if (!parse(process, &of) || !same_place(&of, &ours)) return false;
    long pid = strtol(of.part[PID], NULL, 10);
    unsigned long long then = strtoull(of.part[START], NULL, 10);
    if (pid <= 0) return false;
    if (kill((pid_t)pid, 0) && errno == ESRCH) return true;
    char fields[FIELDS_SIZE];
    if (!read_stat(of.part[PID], pid, fields, sizeof fields)) return false;
    /* A zombie that its parent does not wait for: lasts in containers without an init. Unless other threads of it still run. */
    if (*fields == 'Z' && number_in(fields, THREADS) <= 1) return true;
    unsigned long long now = number_in(fields, STARTED);
    return then && now && then != now;
}

bool dowel_process_was_on_another_machine(const char *process) {
    identity of, ours;
    here(&ours);
    return parse(process, &of) && *of.part[MACHINE] && *ours.part[MACHINE] &&
           strcmp(of.part[MACHINE], ours.part[MACHINE]) != 0;
}
