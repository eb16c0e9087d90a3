/* dowel completion: scripts for shells, made from the tables. */
#include "cli.h"

#include <string.h>

#define COMMANDS "block task call cp ls sync rm cat presign runs key config completion"

static const char *const verbs[][2] = {{"block", "types save show list delete edit check import export restore"},
                                       {"task", "list show"},
                                       {"runs", "list show result resume"},
                                       {"key", "show-id add rotate protect"},
                                       {"completion", "bash zsh fish"},
                                       {"help", COMMANDS}};
#define VERBS (sizeof verbs / sizeof verbs[0])

static void print_flag(const char *prefix, const char *name) {
    fputs(prefix, stdout);
    for (const char *p = name; *p; p++) putchar(*p == '_' ? '-' : *p);
}

static void print_flags(const dowel_table *table, const char *prefix) {
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++)
        if (f->kind != DOWEL_POINTER) print_flag(prefix, f->name);
}

static void print_tasks(cli *c) {
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++) printf("%s%s", i ? " " : "", task->name);
}

static void print_types(cli *c, const char *after) {
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) printf("%s%s%s", i ? " " : "", type->name, after);
}

/* The saved blocks, found when the shell asks: what the first two columns of the list say. */
#define SAVED "dowel block list 2>/dev/null | awk 'NR > 1 {print $1 \"/\" $2}'"

/* Shell patterns of the flags whose value is a block or one of a few words. */
static void bash_values(const dowel_table *table) {
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++) {
        if (f->kind != DOWEL_BLOCK && f->kind != DOWEL_ENUM) continue;
        print_flag("        --", f->name);
        if (f->kind == DOWEL_BLOCK) {
            puts(") words=$(" SAVED ") ;;");
            continue;
        }
        fputs(") words='", stdout);
        for (const char *const *v = f->values; *v; v++) printf("%s%s", v == f->values ? "" : " ", *v);
        puts("' ;;");
    }
}

static void bash_table(const char *pattern, const char *own, const dowel_table *table, bool policy) {
    printf("    %s)\n        words='%s", pattern, own);
    print_flags(table, " --");
    if (policy) print_flags(&dowel_policy_table, " --");
    puts("'\n        case $last in");
    bash_values(table);
    if (policy) bash_values(&dowel_policy_table);
    puts("        --from|--file) words= ;;\n        esac ;;");
}

static void bash(cli *c) {
    puts("# bash completion of dowel: source <(dowel completion bash)\n"
         "_dowel() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} words=\n"
         "    case $COMP_CWORD:${COMP_WORDS[1]}:${COMP_WORDS[2]}:${COMP_WORDS[3]} in\n"
         "    1:*) words='" COMMANDS " help version --help --version' ;;");
    for (size_t i = 0; i < VERBS; i++) printf("    2:%s:*) words='%s' ;;\n", verbs[i][0], verbs[i][1]);
    fputs("    2:call:*|3:task:show:*) words='", stdout);
    print_tasks(c);
    fputs("' ;;\n    3:block:save:*) words='", stdout);
    print_types(c, "/");
    fputs("' ;;\n    3:block:list:*|4:block:list:--type) words='--json --type ", stdout);
    print_types(c, "");
    puts("' ;;\n    3:block:show:*|3:block:delete:*|3:block:edit:*|3:block:check:*) words=$(" SAVED ") ;;\n"
         "    *:key:add:*) words='--json --key' ;;\n"
         "    *:key:rotate:*) words='--json --to' ;;\n"
         "    *:key:protect:*) words='--json --passphrase --remove' ;;\n"
         "    *:block:show:*) words='--json --show-secrets' ;;\n"
         "    *:block:delete:*) words='--json --force' ;;\n"
         "    *:block:export:*) words=\"--json --bundle --template --passphrase $(" SAVED ")\" ;;\n"
         "    *:block:restore:*) words='--json --passphrase --overwrite' ;;\n"
         "    *:block:import:*)\n"
         "        words='--from-aws-profile --from-gcloud --from-prefect --from-airflow --from-rclone --config "
         "--overwrite "
         "--dry-run --json'\n"
         "        case $last in --from-prefect|--config) words= ;; esac ;;\n"
         "    *:runs:resume:*) words='--json --take-over' ;;\n"
         "    3:runs:show:*|3:runs:result:*|3:runs:resume:*) words=$(dowel runs 2>/dev/null | awk 'NR > 1 {print $1}') "
         ";;\n"
         "    *:runs:*)\n"
         "        words='--json --limit --state --task --parent'\n"
         "        case $last in\n"
         "        --state) words='pending running retrying completed failed cancelled crashed' ;;\n"
         "        esac ;;");
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++) {
        char pattern[200];
        snprintf(pattern, sizeof pattern, "*:call:%s:*", task->name);
        bash_table(pattern, "--help --json --from --run-name --run-key --take-over", task->args, true);
    }
    for (const cli_object_command *command = cli_object_commands; command->name; command++) {
        char pattern[200], own[64];
        if (dowel_find_task(c->d, command->task, &task, NULL)) continue;
        snprintf(pattern, sizeof pattern, "*:%s:*", command->name);
        snprintf(own, sizeof own, "--help --json%s%s", *command->own ? " --" : "", command->own);
        bash_table(pattern, own, task->args, false);
    }
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) {
        char pattern[200];
        snprintf(pattern, sizeof pattern, "*:block:save:%s/*", type->name);
        bash_table(pattern, "--help --json --from --overwrite", type->table, false);
    }
    puts("    *) words='--help --json' ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    [ ${#COMPREPLY[@]} = 0 ] && COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "    case ${COMPREPLY[0]} in */) compopt -o nospace 2>/dev/null ;; esac\n"
         "    return 0\n"
         "}\n"
         "complete -o filenames -F _dowel dowel");
}

static void fish_flags(const char *seen, const dowel_table *table) {
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++) {
        if (f->kind == DOWEL_POINTER) continue;
        printf("complete -c dowel -n '__fish_seen_subcommand_from %s' -l ", seen);
        print_flag("", f->name);
        if (f->kind != DOWEL_BOOL) fputs(" -r", stdout);
        if (f->kind == DOWEL_BLOCK)
            fputs(" -f -a '(dowel block list 2>/dev/null | awk \\'NR > 1 {print $1 \"/\" $2}\\')'", stdout);
        putchar('\n');
    }
}

static void fish(cli *c) {
    puts("# fish completion of dowel: dowel completion fish | source\n"
         "complete -c dowel -n __fish_use_subcommand -f -a '" COMMANDS " help version'");
    for (size_t i = 0; i < VERBS; i++)
        printf("complete -c dowel -n '__fish_seen_subcommand_from %s' -f -a '%s'\n", verbs[i][0], verbs[i][1]);
    fputs("complete -c dowel -n '__fish_seen_subcommand_from call task' -f -a '", stdout);
    print_tasks(c);
    fputs("'\ncomplete -c dowel -n '__fish_seen_subcommand_from save' -f -a '", stdout);
    print_types(c, "/");
    puts("'");
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++) fish_flags(task->name, task->args);
    fish_flags("call", &dowel_policy_table);
    for (const cli_object_command *command = cli_object_commands; command->name; command++) {
        if (dowel_find_task(c->d, command->task, &task, NULL)) continue;
        fish_flags(command->name, task->args);
        if (*command->own)
            printf("complete -c dowel -n '__fish_seen_subcommand_from %s' -l %s\n", command->name, command->own);
    }
}

int cli_completion(cli *c) {
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    if (cli_wants_help(c) || c->argc != 1) {
        fputs("Usage: dowel completion bash|zsh|fish\n\nExamples:\n  source <(dowel completion bash)\n  dowel "
              "completion fish | source\n",
              cli_wants_help(c) ? stdout : stderr);
        return cli_wants_help(c) ? 0 : 2;
    }
    const char *shell = c->argv[0];
    bool known = false;
    for (size_t i = 0; shells[i]; i++) known |= !strcmp(shells[i], shell);
    if (!known) return cli_unknown_word(c, "dowel completion --help", "completion for", shell, shells);
    if (cli_open(c)) return cli_failed(c);
    if (*shell == 'f') {
        fish(c);
    } else {
        if (*shell == 'z') puts("autoload -U +X bashcompinit && bashcompinit");
        bash(c);
    }
    return 0;
}
