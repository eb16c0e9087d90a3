/* How many blocks a second one core loads from SQLite: bench_load [SECONDS]. The block is sealed and refers to another that is sealed. Prints
 * loads per second of the best and of the median tenth, and a count of what was checked. */
#include <dowel/dowel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLICES 10

typedef struct node {
    const char *label, *password;
    dowel_block *next;
} node;

static const dowel_field fields[] = {
    {DOWEL_AT(node, label), .kind = DOWEL_STRING, .doc = "A label."},
    {DOWEL_AT(node, password), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "A secret."},
    {DOWEL_AT(node, next), .kind = DOWEL_BLOCK, .blocks = "node", .doc = "Another."},
    {0}};
static const dowel_table table = {"node", sizeof(node), fields, NULL};
static const dowel_block_type type = {
    .size = sizeof(dowel_block_type), .name = "node", .doc = "A node.", .table = &table, .version = 1};

static double clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int save(dowel *d, const char *reference, const char *text, dowel_error *err) {
    json_t *document = json_loads(text, 0, NULL);
    int rc = dowel_block_save(d, reference, document, DOWEL_SAVE_NEW, NULL, err);
    json_decref(document);
    return rc;
}

static int load(dowel *d, dowel_error *err) {
    dowel_block *block;
    int rc = dowel_block_load(d, "node/outer", &block, err);
    if (rc) return rc;
    const node *outer = dowel_block_data(block), *inner = dowel_block_data(outer->next);
    if (strcmp(outer->password, "correct horse") != 0 || strcmp(inner->password, "battery staple") != 0)
        rc = dowel_fail(err, DOWEL_E_CORRUPT, "not what was saved");
    dowel_block_free(block);
    return rc;
}

static int run(dowel *d, double seconds, dowel_error *err) {
    double rates[SLICES];
    long total = 0;
    int rc = dowel_register_block_type(d, &type, err);
    if (!rc) rc = save(d, "node/inner", "{\"label\": \"inner\", \"password\": \"battery staple\"}", err);
    if (!rc)
        rc = save(d, "node/outer",
                  "{\"label\": \"outer\", \"password\": \"correct horse\", \"next\": {\"$block\": \"node/inner\"}}",
                  err);
    for (int i = 0; i < SLICES && !rc; i++) {
        double begin = clock_now(), taken = 0;
        long count = 0;
        for (; !rc && taken < seconds / SLICES; count++) {
            rc = load(d, err);
            if (count % 64 == 0) taken = clock_now() - begin;
        }
        rates[i] = (double)count / (clock_now() - begin);
        total += count;
    }
    if (rc) return rc;
    qsort(rates, SLICES, sizeof *rates, by_value);
    printf("{\"best\": %.0f, \"median\": %.0f, \"loads\": %ld}\n", rates[SLICES - 1], rates[SLICES / 2], total);
    return 0;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    char folder[] = "/tmp/dowel-bench-XXXXXX", url[64], command[64];
    if (!mkdtemp(folder)) return 1;
    snprintf(url, sizeof url, "sqlite:%s/d.db", folder);
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    const dowel_connector *connectors[] = {&dowel_blocks_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = url, .connectors = connectors};
    dowel *d;
    dowel_error err;
    int rc = dowel_open_with(&d, &options, &err);
    if (!rc) {
        rc = run(d, seconds > 0 ? seconds : 3, &err);
        dowel_close(d);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command)) rc = rc ? rc : -1;
    return rc ? dowel_error_print(&err) : 0;
}
