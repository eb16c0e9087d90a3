/* What the name of a process proves: that it has ended, only where its machine, its boot and its pid namespace are ours. */
#include "../test.h"

#include "handle_internal.h"
#include "process_internal.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static char ours[DOWEL_PROCESS_SIZE];

enum { FORMAT, NONCE, MACHINE, BOOT, NAMESPACE, PID, START, HOST };

/* The name with one part replaced. */
static const char *with(const char *name, int part, const char *text) {
    static char changed[DOWEL_PROCESS_SIZE];
    const char *p = name;
    for (int i = 0; i < part; i++) p = strchr(p, ':') + 1;
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(p - name), name, text, p + strcspn(p, ":"));
    return changed;
}

static void name_of_handle(char name[DOWEL_PROCESS_SIZE]) {
    dowel *d;
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:"}, err));
    dowel_process_name(d->core->nonce, name);
    dowel_close(d);
}

static int set_up(void **state) {
    (void)state;
    name_of_handle(ours);
    return 0;
}

static int release[2]; /* at whose end a child's last thread ends */

static void *until_released(void *context) {
    char byte;
    close(release[1]);
    (void)!read(release[0], &byte, 1);
    _exit(0);
    return context;
}

/* A child that has given its name. It ends then, or, where `threaded`, its first thread does. */
static pid_t begin(char name[DOWEL_PROCESS_SIZE], bool threaded) {
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(release), 0);
    pid_t child = fork();
    if (!child) {
        name_of_handle(name);
        bool failed = write(ends[1], name, DOWEL_PROCESS_SIZE) != DOWEL_PROCESS_SIZE;
        if (!threaded || failed || pthread_create(&thread, NULL, until_released, NULL)) _exit(failed);
        pthread_exit(NULL);
    }
    assert_int_equal(read(ends[0], name, DOWEL_PROCESS_SIZE), DOWEL_PROCESS_SIZE);
    close(ends[0]);
    close(ends[1]);
    close(release[0]);
    return child;
}

static void await(pid_t child) {
    int status;
    close(release[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
}

/* A process that has ended and was waited for. */
static void name_of_ended(char name[DOWEL_PROCESS_SIZE]) {
    await(begin(name, false));
}

static void until_defunct(pid_t child) {
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)child);
    while (!strstr(text, ") Z ")) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof text, file));
        fclose(file);
        sched_yield();
    }
}

static void check(const char *name, bool gone, bool elsewhere) {
    if (dowel_process_is_gone(name) != gone || dowel_process_is_elsewhere(name) != elsewhere)
        fail_msg("%s: gone %d, elsewhere %d", name, dowel_process_is_gone(name), dowel_process_is_elsewhere(name));
}

static void test_our_own(void **state) {
    (void)state;
    char other[DOWEL_PROCESS_SIZE];
    name_of_handle(other);
    assert_string_not_equal(ours, other); /* each handle has a nonce */
    check(ours, false, false);
    check(other, false, false);
    check(with(ours, NONCE, "00112233445566778899aabbccddeeff"), false, false); /* this pid is at work */
}

static void test_one_that_has_ended(void **state) {
    (void)state;
    char ended[DOWEL_PROCESS_SIZE];
    name_of_ended(ended);
    check(ended, true, false);
    check(with(ours, START, "1"), true, false);  /* its pid was given to us */
    check(with(ours, START, "0"), false, false); /* not known: it may be alive */
}

static void test_one_that_nobody_waits_for(void **state) {
    (void)state;
    char name[DOWEL_PROCESS_SIZE];
    pid_t child = begin(name, false);
    until_defunct(child);
    check(name, true, false);
    await(child);
    check(name, true, false);
}

static void test_one_whose_first_thread_has_ended(void **state) {
    (void)state;
    char name[DOWEL_PROCESS_SIZE];
    pid_t child = begin(name, true);
    until_defunct(child);
    check(name, false, false); /* another thread is at work */
    await(child);
    check(name, true, false);
}

static void test_what_is_elsewhere_is_not_gone(void **state) {
    (void)state;
    char ended[DOWEL_PROCESS_SIZE];
    name_of_ended(ended);
    static const char uuid[] = "00000000-0000-4000-8000-000000000000";
    const struct {
        int part;
        const char *text;
    } changes[] = {
        {MACHINE, "0123456789abcdef0123456789abcdef"}, {BOOT, uuid}, {BOOT, ""}, {NAMESPACE, "1"}, {NAMESPACE, ""}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        check(with(ended, changes[i].part, changes[i].text), false, true);
        check(with(ours, changes[i].part, changes[i].text), false, true);
    }
    /* One without a machine id is not the one that has one. */
    const char *machine = strchr(strchr(ended, ':') + 1, ':') + 1;
    if (*machine != ':') check(with(ended, MACHINE, ""), false, true);
}

static void test_names_of_earlier_versions(void **state) {
    (void)state;
    char host[65] = "", name[DOWEL_PROCESS_SIZE];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s:%s:%d:1", host, "00000000-0000-4000-8000-000000000000", 99999999);
    check(name, false, true);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    char boot[64] = "";
    if (file && fgets(boot, sizeof boot, file)) boot[strcspn(boot, "\n")] = 0;
    if (file) fclose(file);
    snprintf(name, sizeof name, "%s:%s:%d:1", host, boot, 99999999);
    check(name, false, true); /* of which container is not known */
    const char *const odd[] = {
        "", ":", "::::", "2", "2:", "2:::::::", "2::::::::", "3:a:b:c:d:1:1:h", "x", "another-machine:boot:1:1"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) check(odd[i], false, true);
    memset(name, 'a', sizeof name - 1);
    name[0] = '2';
    name[1] = ':';
    name[sizeof name - 1] = 0;
    check(name, false, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_own),
        cmocka_unit_test(test_one_that_has_ended),
        cmocka_unit_test(test_one_that_nobody_waits_for),
        cmocka_unit_test(test_one_whose_first_thread_has_ended),
        cmocka_unit_test(test_what_is_elsewhere_is_not_gone),
        cmocka_unit_test(test_names_of_earlier_versions),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
