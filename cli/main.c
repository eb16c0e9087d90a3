/* The dowel command: finds the subcommand, prepares the process, ends it with a documented status. */
#include "cli.h"

#include <dowel/cli.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

const cli_command cli_commands[] = {
    {"block", "blocks: save, show, list, edit, check, delete, import, export", cli_block, cli_block_verbs,
     "Secrets are given as @FILE, - (standard input), env:VARIABLE\nor prompt, never as they are: arguments can be "
     "seen "
     "by others."},
    {"task", "list tasks and show their fields", cli_task, cli_task_verbs, ""},
    {"call", "run a task", cli_call, NULL, ""},
    {"query", "run SQL and show its rows", cli_query, NULL, ""},
    {"cp", "copy objects and files", cli_cp, NULL, ""},
    {"mv", "move objects and files", cli_mv, NULL, ""},
    {"ls", "list objects and buckets", cli_ls, NULL, ""},
    {"du", "show how much a place holds", cli_du, NULL, ""},
    {"stat", "show the details of an object", cli_stat, NULL, ""},
    {"sync", "make a folder equal to another folder", cli_sync, NULL, ""},
    {"rm", "remove objects and files", cli_rm, NULL, ""},
    {"cat", "write objects to standard output", cli_cat, NULL, ""},
    {"presign", "make a presigned URL of one object", cli_presign, NULL, ""},
    {"runs", "the history of runs: list, show, result, resume, page, prune", cli_runs, cli_runs_verbs,
     "ID is any unique part of a run's id, at least 4 characters."},
    {"key", "the keys that seal secrets: show-id, add, rotate, protect", cli_key, cli_key_verbs,
     "Keys come from DOWEL_KEY, from the file that\nDOWEL_KEY_FILE names, or from the key file of the config folder."},
    {"config", "show the settings and their sources; set, get and unset defaults", cli_config, cli_config_verbs,
     "Names are gcp-credentials, project, gcp-region, location, aws-credentials, aws-region and\nresult-storage. A "
     "flag overrides a variable, a variable overrides a saved default."},
    {"completion", "a completion script for bash, zsh or fish", cli_completion, NULL, ""},
    {NULL, NULL, NULL, NULL, NULL}};
#define COMMANDS (sizeof cli_commands / sizeof cli_commands[0] - 1)

const cli_command *cli_find_command(const char *name) {
    const cli_command *command = cli_commands;
    while (command->name && strcmp(command->name, name)) command++;
    return command->name ? command : NULL;
}

static int ask(void *context, const char *what, char *answer, size_t size) {
    (void)context;
    char *text = cli_prompt(what);
    int rc = text && strlen(text) < size ? 0 : -1;
    if (!rc) memcpy(answer, text, strlen(text) + 1);
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
    return rc;
}

int cli_open(cli *c) {
    const dowel_options options = {.size = sizeof options, .connectors = c->connectors, .ask = ask};
    int rc = c->d ? 0 : dowel_open(&c->d, &options, &c->err);
    if (!rc && c->log_level) dowel_set_log_level(c->d, (dowel_log_level)(c->log_level - 1));
    return rc;
}

/* An error in the middle of the flags must not depend on where --json stands. */
static bool wants_json(const cli *c) {
    bool json = c->json;
    for (int i = 0; i < c->argc && strcmp(c->argv[i], "--"); i++)
        json |= !strcmp(c->argv[i], "--json") || !strcmp(c->argv[i], "--json=true");
    return json;
}

/* The reader closed the pipe (head, less): not an error. */
static bool reader_left(void) {
    struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&reader, 1, 0) == 1 && reader.revents & POLLERR;
}

int cli_failed(cli *c) {
    fflush(stdout);
    if (c->err.code == DOWEL_E_INVALID && !*c->err.hint && *c->help)
        dowel_error_hint(&c->err, "`%s` says how", c->help);
    cli_rename_error(c);
    if (c->err.code == DOWEL_E_IO && strstr(c->err.message, "standard output") && reader_left()) return 0;
    if (wants_json(c)) {
        json_t *error = dowel_error_json(&c->err);
        json_t *whole = json_pack("{s:o}", "error", error);
        json_dumpf(whole, stderr, JSON_COMPACT);
        fputc('\n', stderr);
        json_decref(whole);
        return dowel_exit_status(c->err.code);
    }
    return dowel_error_print_as(&c->err, c->program);
}

int cli_usage(cli *c, const char *help, const char *format, ...) {
    char message[sizeof c->err.message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    dowel_fail(&c->err, DOWEL_E_INVALID, "%s", message);
    dowel_error_hint(&c->err, "`%s` says how", help);
    return cli_failed(c);
}

int cli_unknown_word(cli *c, const char *help, const char *what, const char *word, const char *const *candidates) {
    const char *near = dowel_nearest(word, candidates);
    return cli_usage(c, help, "no %s \"%.60s\"%s%s%s", what, word, near ? "; did you mean \"" : "", near ? near : "",
                     near ? "\"?" : "");
}

bool cli_wants_help(const cli *c) {
    for (int i = 0; i < c->argc && strcmp(c->argv[i], "--"); i++)
        if (!strcmp(c->argv[i], "--help") || !strcmp(c->argv[i], "-h")) return true;
    return false;
}

/* "dowel 0.1.0", or "acme (dowel 0.1.0)". */
static void print_version(const cli *c) {
    bool own = strcmp(c->program, "dowel") != 0;
    printf("%s%sdowel %s%s", own ? c->program : "", own ? " (" : "", dowel_version(), own ? ")" : "");
}

static void help(const cli *c) {
    print_version(c);
    cli_text(c, stdout, "%s",
             ": credential blocks, connector tasks and their runs\n\nUsage: dowel COMMAND ...\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) printf("  %-12s %s\n", cli_commands[i].name, cli_commands[i].doc);
    cli_text(c, stdout, "%s\n",
             "\nExamples:\n"
             "  dowel block save gcp-credentials/prod --service-account-file key.json\n"
             "  dowel call bigquery.query --query 'SELECT 1 AS x' --credentials prod\n"
             "  dowel sync reports/ s3://reports/2026/\n"
             "  dowel runs\n"
             "\n`dowel COMMAND --help` says more of each. `dowel s3 abort-stale` is short for\n"
             "`dowel call s3.abort_stale`. --json prints JSON for machines.\n"
             "With any command: -v prints a line for each request, -vv also its headers,\n"
             "-q only errors and the result.\n"
             "\nExit status: 0 done; 2 bad input, nothing changed; 3 not found; 4 credentials or\n"
             "permission; 5 network, timeout or service unavailable; 6 remote work failed;\n"
             "7 exists already or conflict; 130 interrupted; 1 anything else.\n"
             "\nEnvironment: DOWEL_DATABASE_URL (sqlite:PATH, postgresql://..., memory:),\n"
             "DOWEL_BLOCKS_DIR, DOWEL_KEY, DOWEL_KEY_FILE, DOWEL_KEY_PASSPHRASE, DOWEL_LOG\n"
             "(debug, info, warning, error), DOWEL_WORKERS, NO_COLOR, and the variables of the\n"
             "clouds' own tools.");
}

/* The process holds secrets: no core file, no other process of the user looking in. */
static void protect(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* Many files and connections are open at a time: what the system allows anyway is taken, up to what can be of use. */
static void widen(void) {
    enum { WANTED = 4096 };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= WANTED) return;
    files.rlim_cur = files.rlim_max < WANTED ? files.rlim_max : WANTED;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* A program of its own with more connectors has a name of its own. */
static const char *program(const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
    bool plain =
        name && *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
    return plain ? name : "dowel";
}

static int dispatch(int argc, char **argv, const dowel_connector *const *connectors) {
    cli c = {.program = program(argc ? argv[0] : NULL), .connectors = connectors, .argc = argc - 1, .argv = argv + 1};
    cli_take_globals(&c); /* `dowel -v cp ...` */
    argc = c.argc + 1;
    argv = c.argv - 1;
    c.argc--;
    c.argv++;
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        (!strcmp(argv[1], "help") && (argc == 2 || argv[2][0] == '-'))) {
        help(&c);
        return argc < 2 ? 2 : 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") || !strcmp(argv[1], "version")) {
        print_version(&c);
        putchar('\n');
        return 0;
    }
    /* `dowel help block show` is `dowel block show --help`. */
    bool wants_help = !strcmp(argv[1], "help");
    char *turned[] = {argc > 3 ? argv[3] : "", "--help"};
    const char *name = wants_help ? argv[2] : argv[1];
    if (wants_help) {
        c.argc = argc > 3 ? 2 : 1;
        c.argv = argc > 3 ? turned : turned + 1;
    }
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    c.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
    const cli_command *command = cli_find_command(name);
    if (command || !strcmp(name, "complete")) { /* what the completion scripts ask is for them alone */
        int status = command ? command->run(&c) : cli_complete(&c);
        free(c.imports);
        dowel_close(c.d);
        return status;
    }
    if (*name == '-')
        return cli_unknown_word(&c, "dowel --help", "flag", name, (const char *const[]){"--help", "--version", NULL});
    if (!cli_open(&c) && cli_is_connector(&c, name)) {
        int status = cli_call_of(&c, name);
        dowel_close(c.d);
        return status;
    }
    const dowel_task *task;
    if (c.d && !dowel_find_task(c.d, name, &task, NULL)) { /* `dowel gcs.list` is `dowel call gcs.list` */
        char *asked[] = {argv[2], "--help"};
        c.argc = wants_help ? 2 : argc - 1;
        c.argv = wants_help ? asked : argv + 1;
        int status = cli_call(&c);
        dowel_close(c.d);
        return status;
    }
    dowel_close(c.d);
    c.d = NULL;
    const char *names[COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < COMMANDS; i++) names[i] = cli_commands[i].name;
    return cli_unknown_word(&c, "dowel --help", "command", name, names);
}

/* A database opened as number 1 would receive what is meant for the screen. What was closed stays closed to its use. */
static void keep_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* What was printed must have arrived: a full disk behind > is a failure. A reader that left a pipe (head) is not. */
static bool output_failed(const char *name) {
    if (!fflush(stdout) && !ferror(stdout)) return false;
    int why = errno;
    if (why == EPIPE || reader_left()) return false;
    fprintf(stderr, "%s: cannot write the output: %s\n", name, strerror(why));
    return true;
}

int dowel_cli(int argc, char **argv, const dowel_connector *const *connectors) {
    keep_standard_streams();
    protect();
    widen();
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a limit on file size is an error like any other: cleaned up after */
    int status = dispatch(argc, argv, connectors);
    if (output_failed(program(argc ? argv[0] : NULL)) && !status) status = 1;
    return status;
}
