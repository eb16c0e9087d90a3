/* The tasks from C: typed calls, events as they happen, cancellation. */
#include "test.h"

#include <dowel/dowel.h>
#include <dowel/object_tasks.h>
#include <dowel/objects.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 300 };

typedef struct seen {
    int copies, removals, objects;
    int64_t bytes;
    bool running; /* two events at once would be seen here */
    atomic_int asked;
    int cancel_after;
} seen;

static void on_event(void *context, const dowel_object_event *event) {
    seen *s = context;
    assert_false(s->running);
    s->running = true;
    s->copies += !strcmp(event->what, "copy");
    s->removals += !strcmp(event->what, "remove");
    s->objects += !strcmp(event->what, "object") && event->object->size == event->size;
    s->bytes += event->size;
    s->running = false;
}

static bool cancelled(void *context) {
    seen *s = context;
    return atomic_fetch_add(&s->asked, 1) > s->cancel_after;
}

typedef struct place {
    dowel *d;
    char root[64], from[128], to[128];
} place;

static int setup(void **state) {
    place *p = calloc(1, sizeof *p);
    dowel_error err;
    assert_non_null(p);
    snprintf(p->root, sizeof p->root, "/tmp/dowel-objects-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    snprintf(p->from, sizeof p->from, "%s/from", p->root);
    snprintf(p->to, sizeof p->to, "%s/to", p->root);
    assert_int_equal(mkdir(p->from, 0700), 0);
    for (int i = 0; i < FILES; i++) {
        char path[192];
        snprintf(path, sizeof path, "%s/%d", p->from, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fputs("ten bytes.", file) >= 0, 1);
        assert_int_equal(fclose(file), 0);
    }
    const dowel_options options = {.size = sizeof options, .no_history = true};
    assert_int_equal(dowel_open(&p->d, &options, &err), 0);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    place *p = *state;
    char command[192];
    dowel_close(p->d);
    snprintf(command, sizeof command, "rm -rf '%s'", p->root);
    int rc = system(command);
    free(p);
    return rc;
}

static void typed_calls(void **state) {
    place *p = *state;
    seen s = {0};
    dowel_error err;
    json_t *result;
    const dowel_object_reporter reporter = {on_event, &s};
    dowel_objects_copy_args args = {.source = p->from, .destination = p->to, .reporter = &reporter};
    assert_int_equal(dowel_objects_sync(p->d, &args, &result, &err), 0);
    assert_int_equal(s.copies, FILES);
    assert_int_equal(s.bytes, 10 * FILES);
    assert_int_equal(json_integer_value(json_object_get(result, "copied")), FILES);
    json_decref(result);
    const char *const none[] = {"1*", NULL};
    args.exclude = none;
    args.compare = 2;
    args.delete_extraneous = true;
    assert_int_equal(dowel_objects_sync(p->d, &args, &result, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(result, "copied")), 0);
    assert_int_equal(json_integer_value(json_object_get(result, "removed")), 0);
    json_decref(result);
    dowel_objects_place_args where = {.place = p->to, .recursive = true, .reporter = &reporter};
    assert_int_equal(dowel_objects_list(p->d, &where, NULL, &err), 0);
    assert_int_equal(s.objects, FILES);
    assert_int_equal(dowel_objects_remove(p->d, &where, &result, &err), 0);
    assert_int_equal(s.removals, FILES);
    json_decref(result);
    args.recursive = true;
    args.symlinks = 3;
    assert_int_equal(dowel_objects_copy(p->d, &args, NULL, &err), DOWEL_E_INVALID);
}

/* Wherever it is cancelled: every thread ends, and no part of a file stays. */
static void cancellation(void **state) {
    place *p = *state;
    for (int after = 0; after < 2000; after += 97) {
        seen s = {.cancel_after = after};
        dowel_error err;
        const dowel_object_reporter reporter = {on_event, &s};
        const dowel_objects_copy_args args = {.source = p->from, .destination = p->to, .reporter = &reporter};
        const dowel_call_options options = {.size = sizeof options, .cancelled = cancelled, .cancelled_context = &s};
        int rc = dowel_call(p->d, "objects.sync", &args, sizeof args, &options, NULL, &err);
        assert_true(rc == 0 || rc == DOWEL_E_CANCELLED);
        char command[256];
        snprintf(command, sizeof command, "! find '%s' -name '.*' -o -type f -size -10c 2>/dev/null | grep -q .",
                 p->to);
        assert_int_equal(system(command), 0);
        snprintf(command, sizeof command, "rm -rf '%s'", p->to);
        assert_int_equal(system(command), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(typed_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(cancellation, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
