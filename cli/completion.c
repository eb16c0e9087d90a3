/* dowel completion: scripts for shells. They ask `dowel complete WORD ...` what the last of the words may become, which answers from the tables
 * and the database: a candidate on each line, what it is behind a tabulator, and ":files" where names of files do as well. */
#include "cli.h"

#include <dowel/objects.h>

#include <string.h>

typedef struct asked {
    cli *c;
    const char *word;  /* as far as it is typed */
    const char *front; /* of it: "--flag=" or "" */
    size_t front_size;
    const dowel_table *table, *policy; /* whose fields are flags; may be NULL */
    const cli_verb *verb;              /* whose options are; may be NULL */
    const cli_object_command *objects; /* the same */
    bool files;
} asked;

static void offer(const asked *a, const char *name, const char *after, const char *doc) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", name, after);
    if (strncmp(whole, a->word, strlen(a->word)) != 0) return;
    printf("%.*s%s", (int)a->front_size, a->front, whole);
    if (doc && *doc) printf("\t%s", doc);
    putchar('\n');
}

/* ---- what there is ---- */

static bool is_one_of(const char *name, const char *joined) {
    size_t size = strlen(name);
    for (const char *p = joined; p && *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == size && !strncmp(p, name, size)) return true;
    return false;
}

/* Saved blocks of these types (joined by |; NULL: all), or of those that hold objects. */
static void offer_blocks(asked *a, const char *types, bool places) {
    json_t *blocks, *block;
    size_t i;
    if (dowel_block_list(a->c->d, NULL, &blocks, NULL)) return;
    json_array_foreach(blocks, i, block) {
        const char *type = json_string_value(json_object_get(block, "type"));
        const dowel_block_type *known = NULL;
        char reference[160];
        if (types && !is_one_of(type, types)) continue;
        if (places && (dowel_find_block_type(a->c->d, type, &known, NULL) || !known->objects)) continue;
        snprintf(reference, sizeof reference, "%s/%s", type, json_string_value(json_object_get(block, "name")));
        offer(a, reference, places ? ":" : "", NULL);
    }
    json_decref(blocks);
}

static void offer_types(asked *a, const char *after) {
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(a->c->d, i)); i++) offer(a, type->name, after, type->doc);
}

static void offer_tasks(asked *a) {
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(a->c->d, i)); i++) offer(a, task->name, "", task->doc);
}

static void offer_runs(asked *a) {
    json_t *runs, *run;
    size_t i;
    if (dowel_runs_list(a->c->d, NULL, &runs, NULL)) return;
    json_array_foreach(runs, i, run) {
        char what[200];
        snprintf(what, sizeof what, "%s %s", json_string_value(json_object_get(run, "task")),
                 json_string_value(json_object_get(run, "state")));
        offer(a, json_string_value(json_object_get(run, "id")), "", what);
    }
    json_decref(runs);
}

static void offer_words(asked *a, const char *const *words) {
    for (; *words; words++) offer(a, *words, "", NULL);
}

/* ---- flags ---- */

static void offer_flag(asked *a, const char *name, const char *doc) {
    char flag[128] = "--";
    for (size_t i = 0; name[i] && i + 3 < sizeof flag; i++) flag[i + 2] = name[i] == '_' ? '-' : name[i];
    offer(a, flag, "", doc);
}

static bool is_hidden(const asked *a, const dowel_field *field) {
    return a->objects && a->objects->hides && cli_has_word(a->objects->hides, field->name);
}

static void offer_flags(asked *a) {
    const dowel_table *const tables[] = {a->table, a->policy};
    for (size_t i = 0; i < 2; i++)
        for (const dowel_field *f = tables[i] ? tables[i]->fields : NULL; f && f->name; f++)
            if (!dowel_field_c_only(f) && !is_hidden(a, f)) offer_flag(a, f->name, f->doc);
    for (const cli_option *o = NULL; a->verb && (o = cli_next_option(a->c, a->verb, o));)
        offer_flag(a, o->name, o->doc);
    for (const cli_option *o = a->policy ? cli_run_verb.options : NULL; o && o->name; o++)
        offer_flag(a, o->name, o->doc);
    for (const char *own = a->objects ? a->objects->own : ""; *own; own += strcspn(own, " "), own += *own == ' ') {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(own, " "), own);
        offer_flag(a, name, NULL);
    }
    if (!a->verb || !a->verb->plain) offer_flag(a, "json", "the result, or the error, as JSON");
    offer_flag(a, "help", NULL);
}

/* What help calls a value says what it can be. */
static void offer_named(asked *a, const char *what) {
    if (!strncmp(what, "SOURCE", 6))
        offer_flags(a);
    else if (strstr(what, "TYPE/NAME"))
        offer_blocks(a, NULL, false);
    else if (!strcmp(what, "TYPE"))
        offer_types(a, "");
    else if (!strncmp(what, "TASK", 4))
        offer_tasks(a);
    else if (!strcmp(what, "ID"))
        offer_runs(a);
    else if (!strcmp(what, "STATE"))
        offer_words(a, cli_run_states);
    else if (!strcmp(what, "FORMAT"))
        offer_words(a, cli_formats);
    else if (strstr(what, "FILE"))
        a->files = true;
}

static void offer_value(asked *a, const dowel_field *field) {
    if (field->kind == DOWEL_BLOCK)
        offer_blocks(a, field->blocks, false);
    else if (field->kind == DOWEL_ENUM)
        offer_words(a, field->values);
    else if (field->kind == DOWEL_BOOL)
        offer_words(a, (const char *const[]){"true", "false", NULL});
    else if (field->kind == DOWEL_PATH || field->kind == DOWEL_BYTES || field->kind == DOWEL_JSON ||
             field->flags & (DOWEL_SECRET | DOWEL_MULTILINE))
        a->files = true;
}

/* What `name`, without dashes, is: a field, an option, or neither. */
static const dowel_field *find_flag(const asked *a, const char *name, const cli_option **option) {
    char copy[128];
    cli_flag flag = {.word = name};
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(name, "="), name);
    snprintf(flag.name, sizeof flag.name, "%s", copy);
    const dowel_field *field = a->table ? dowel_field_find(a->table, copy) : NULL;
    if (!field && a->policy) field = dowel_field_find(a->policy, copy);
    *option = NULL;
    const cli_verb *const verbs[] = {a->verb, a->policy ? &cli_run_verb : NULL};
    for (size_t i = 0; !field && i < 2; i++)
        for (const cli_option *o = NULL; verbs[i] && (o = cli_next_option(a->c, verbs[i], o));)
            if (cli_flag_is(&flag, o->name)) *option = o;
    return field;
}

/* ---- the line ---- */

/* How many plain words stand before the last; *expecting is the flag whose value the last word is. */
static size_t plain_words(const asked *a, int argc, char **argv, const char **expecting) {
    size_t n = 0;
    *expecting = NULL;
    for (int i = 0; i < argc; i++) {
        const cli_option *option;
        if (strncmp(argv[i], "--", 2) != 0) {
            n += argv[i][0] != '-' || !argv[i][1];
            continue;
        }
        const dowel_field *field = find_flag(a, argv[i] + 2, &option);
        bool takes = field ? field->kind != DOWEL_BOOL : option && option->value;
        if (!takes || strchr(argv[i], '=')) continue;
        if (i + 1 == argc) *expecting = argv[i] + 2;
        i++;
    }
    return n;
}

/* Whether a plain word may stand behind so many of them. */
static bool takes_word(const asked *a, size_t n) {
    const char *words = a->verb && !a->table ? a->verb->words : "";
    return *words && *words != '-' && (!n || strstr(words, "..."));
}

static void answer(asked *a, int argc, char **argv) {
    const char *expecting, *equals = !strncmp(a->word, "--", 2) ? strchr(a->word, '=') : NULL;
    size_t n = plain_words(a, argc, argv, &expecting);
    if (equals && !expecting) {
        expecting = a->word + 2;
        a->front = a->word;
        a->front_size = (size_t)(equals + 1 - a->word);
        a->word = equals + 1;
    }
    if (expecting) {
        const cli_option *option;
        const dowel_field *field = find_flag(a, expecting, &option);
        if (field) offer_value(a, field);
        if (option && option->value) offer_named(a, option->value);
    } else if (a->objects && *a->word != '-') {
        if (!a->objects->more && n > (size_t)a->objects->to) return;
        offer_blocks(a, NULL, true);
        a->files = true;
    } else if (*a->word != '-' && takes_word(a, n)) {
        offer_named(a, a->verb->words);
    } else {
        offer_flags(a);
    }
}

/* `block save TYPE/NAME` and `call TASK`: the word names the table. */
static void answer_table(asked *a, bool task, int argc, char **argv) {
    char name[128];
    const dowel_task *found = NULL;
    const dowel_block_type *type = NULL;
    if (!argc) {
        if (task)
            offer_tasks(a);
        else
            offer_types(a, "/");
        return;
    }
    snprintf(name, sizeof name, "%.*s", task ? 127 : (int)strcspn(argv[0], "/"), argv[0]);
    if (task && argc > 1 && cli_is_connector(a->c, name)) { /* "bigquery query" */
        snprintf(name, sizeof name, "%.60s %.60s", argv[0], argv[1]);
        argc--;
        argv++;
    }
    if (task ? dowel_find_task(a->c->d, name, &found, NULL) : dowel_find_block_type(a->c->d, name, &type, NULL)) return;
    a->table = task ? found->args : type->table;
    if (task) a->policy = &dowel_policy_table;
    answer(a, argc - 1, argv + 1);
}

static void answer_command(asked *a, const cli_command *command, int argc, char **argv) {
    const cli_verb *verb = command->verbs;
    if (verb && !argc && *a->word != '-') {
        for (; verb->name; verb++) offer(a, verb->name, "", verb->doc);
        return;
    }
    while (verb && verb->name && (!argc || strcmp(verb->name, argv[0]))) verb++;
    if (verb && verb->name) {
        argc--;
        argv++;
    } else if (verb) {
        if (!command->verbs->silent) return;
        verb = command->verbs;
    }
    a->verb = verb;
    const cli_object_command *objects = cli_object_commands;
    while (objects->name && strcmp(objects->name, command->name)) objects++;
    const dowel_task *task = NULL;
    if (objects->name && !dowel_find_task(a->c->d, objects->task, &task, NULL)) {
        a->objects = objects;
        a->table = task->args;
        a->policy = &dowel_policy_table;
    }
    if (command->run == cli_call) {
        a->verb = cli_call_verbs;
        answer_table(a, true, argc, argv);
    } else if (command->run == cli_query) {
        const dowel_task *query = cli_query_task(a->c);
        a->verb = cli_call_verbs;
        a->table = query ? query->args : NULL;
        a->policy = &dowel_policy_table;
        answer(a, argc, argv);
    } else if (verb && verb->own_help) {
        answer_table(a, false, argc, argv);
    } else if (command->run == cli_completion) {
        if (!argc) offer_words(a, (const char *const[]){"bash", "zsh", "fish", NULL});
    } else {
        answer(a, argc, argv);
    }
}

/* The words of `dowel s3 abort-stale`. */
static void answer_connector(asked *a, const char *connector, int argc, char **argv) {
    char name[CLI_TASK_NAME_SIZE];
    const char *within;
    const dowel_task *task;
    if (argc) {
        cli_task_name(connector, argv[0], name);
        argv[0] = name;
        a->verb = cli_call_verbs;
        answer_table(a, true, argc, argv);
        return;
    }
    for (size_t i = 0; (task = dowel_task_at(a->c->d, i)); i++)
        if ((within = cli_name_within(task, connector))) offer(a, within, "", task->doc);
}

int cli_complete(cli *c) {
    asked a = {.c = c, .word = c->argc ? c->argv[c->argc - 1] : "", .front = ""};
    bool help = c->argc > 1 && !strcmp(c->argv[0], "help");
    if (cli_open(c)) return 0; /* a shell asks: silence is the answer */
    if (c->argc <= 1 + help) {
        for (const cli_command *command = cli_commands; command->name; command++)
            offer(&a, command->name, "", command->doc);
        if (!help) {
            offer(&a, "help", "", "help on a command");
            offer(&a, "--help", "", NULL);
            offer(&a, "--version", "", NULL);
        }
    } else {
        const cli_command *command = cli_find_command(c->argv[help]);
        if (command)
            answer_command(&a, command, c->argc - 2 - help, c->argv + 1 + help);
        else if (cli_is_connector(c, c->argv[help]))
            answer_connector(&a, c->argv[help], c->argc - 2 - help, c->argv + 1 + help);
    }
    if (a.files) puts(":files");
    return 0;
}

/* ---- scripts: \\1 stands for the program's name, \\2 for the same as part of a function's ---- */

static const char *const bash =
    "# bash completion of \1: source <(\1 completion bash)\n"
    "_\2() {\n"
    "    local rest=$COMP_LINE line=${COMP_LINE:0:COMP_POINT} word before cut candidate i files=\n"
    "    local -a words=()\n"
    "    COMPREPLY=()\n"
    "    # Bash parts words at = and : as well.\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        before=${rest%%\"$word\"*}\n"
    "        rest=${rest#\"$before$word\"}\n"
    "        if ((i == 0)) || [[ $before == *[[:space:]]* || ( -z $word && $line == *[[:space:]] ) ]]; then\n"
    "            words+=(\"$word\")\n"
    "        else\n"
    "            words[${#words[@]}-1]+=$word\n"
    "        fi\n"
    "    done\n"
    "    word=${words[${#words[@]}-1]}\n"
    "    cut=${word%\"${word##*[=:]}\"}\n"
    "    while IFS= read -r candidate; do\n"
    "        if [[ $candidate == :files ]]; then files=1; continue; fi\n"
    "        candidate=${candidate%%$'\\t'*}\n"
    "        COMPREPLY+=(\"${candidate#\"$cut\"}\")\n"
    "    done < <(\1 complete \"${words[@]:1}\" 2>/dev/null)\n"
    "    if [[ $files ]]; then\n"
    "        word=${word#\"$cut\"}\n"
    "        before=; if [[ $word == @* ]]; then before=@; fi\n"
    "        ((${#COMPREPLY[@]})) || compopt -o filenames 2>/dev/null\n"
    "        while IFS= read -r candidate; do COMPREPLY+=(\"$before$candidate\"); done < <(compgen -f -- "
    "\"${word#@}\")\n"
    "    fi\n"
    "    case ${COMPREPLY[0]} in */|*:|*=) compopt -o nospace 2>/dev/null ;; esac\n"
    "    return 0\n"
    "}\n"
    "complete -F _\2 \1\n";

static const char *const zsh =
    "#compdef \1\n"
    "# zsh completion of \1: source <(\1 completion zsh), or as _\2 in a folder of $fpath\n"
    "_\2() {\n"
    "    local line name files=\n"
    "    local -a open open_shown whole whole_shown\n"
    "    for line in \"${(@f)$(\1 complete \"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)}\"; do\n"
    "        [[ -z $line ]] && continue\n"
    "        if [[ $line == :files ]]; then files=1; continue; fi\n"
    "        name=${line%%$'\\t'*}\n"
    "        [[ $line == *$'\\t'* ]] && line=\"$name  -- ${line#*$'\\t'}\"\n"
    "        if [[ $name == *[/:=] ]]; then open+=(\"$name\") open_shown+=(\"$line\")\n"
    "        else whole+=(\"$name\") whole_shown+=(\"$line\"); fi\n"
    "    done\n"
    "    (( $#whole )) && compadd -l -d whole_shown -a whole\n"
    "    (( $#open )) && compadd -l -S '' -d open_shown -a open\n"
    "    if [[ $files ]]; then\n"
    "        compset -P '--[^=]##='\n"
    "        compset -P '@'\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _\2 ]]; then\n"
    "    _\2\n"
    "else\n"
    "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }\n"
    "    compdef _\2 \1\n"
    "fi\n";

static const char *const fish =
    "# fish completion of \1: \1 completion fish | source\n"
    "function __\2_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in (\1 complete $words[2..-1] 2>/dev/null)\n"
    "        if test \"$line\" = :files\n"
    "            __fish_complete_path (string replace -r '^--[^=]*=' '' -- (commandline -ct))\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c \1 -f -a '(__\2_complete)'\n";

static void print_script(const cli *c, const char *text) {
    for (; *text; text++) {
        if (*text > '\2' || *text < '\1') {
            putchar(*text);
            continue;
        }
        for (const char *p = c->program; *p; p++) putchar(*text == '\2' && (*p == '-' || *p == '.') ? '_' : *p);
    }
}

int cli_completion(cli *c) {
    static const char *const shells[] = {"bash", "zsh", "fish", NULL}, *const *const scripts[] = {&bash, &zsh, &fish};
    if (cli_wants_help(c) || c->argc != 1) {
        cli_text(
            c, cli_wants_help(c) ? stdout : stderr, "%s",
            "Usage: dowel completion bash|zsh|fish\n\nPrints a script that completes words of the command: flags, "
            "tasks, "
            "saved blocks, runs.\n\nExamples:\n  source <(dowel completion bash)\n  source <(dowel completion zsh)\n  "
            "dowel completion fish | source\n");
        return cli_wants_help(c) ? 0 : 2;
    }
    for (size_t i = 0; shells[i]; i++) {
        if (strcmp(shells[i], c->argv[0])) continue;
        print_script(c, *scripts[i]);
        return 0;
    }
    return cli_unknown_word(c, "dowel completion --help", "completion for", c->argv[0], shells);
}
