/* dowel completion: scripts for shells, made from the tables. */
#include "cli.h"

#include <string.h>

static void print_flags(const dowel_table *table, const char *prefix) {
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++) {
        if (f->kind == DOWEL_POINTER) continue;
        fputs(prefix, stdout);
        for (const char *p = f->name; *p; p++) putchar(*p == '_' ? '-' : *p);
    }
}

static void print_names(cli *c, bool tasks, const char *after) {
    const dowel_task *task;
    const dowel_block_type *type;
    for (size_t i = 0; tasks && (task = dowel_task_at(c->d, i)); i++) printf("%s%s", i ? " " : "", task->name);
    for (size_t i = 0; !tasks && (type = dowel_block_type_at(c->d, i)); i++)
        printf("%s%s%s", i ? " " : "", type->name, after);
}

static void bash(cli *c) {
    puts("# bash completion of dowel: source <(dowel completion bash)\n_dowel() {\n    local "
         "word=${COMP_WORDS[COMP_CWORD]} words=\n"
         "    case $COMP_CWORD:${COMP_WORDS[1]}:${COMP_WORDS[2]} in\n    1:*) words='block task call runs config "
         "completion help version' ;;\n"
         "    2:block:*) words='types save show list delete edit' ;;\n    2:task:*) words='list show' ;;\n    "
         "2:runs:*) words='show result' ;;\n"
         "    2:completion:*) words='bash zsh fish' ;;");
    fputs("    2:call:*|3:task:show) words='", stdout);
    print_names(c, true, "");
    fputs("' ;;\n    3:block:save) words='", stdout);
    print_names(c, false, "/");
    puts("' ;;\n    3:block:show|3:block:delete|3:block:edit)\n"
         "        words=$(dowel block list --json 2>/dev/null | sed -n 's/.*\"\\(type\\|name\\)\": "
         "\"\\([^\"]*\\)\".*/\\2/p' | paste -d/ - - 2>/dev/null) ;;");
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++) {
        printf("    *:call:%s) words='--json --from --run-name", task->name);
        print_flags(task->args, " --");
        print_flags(&dowel_policy_table, " --");
        puts("' ;;");
    }
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) {
        printf("    *:block:save) [[ ${COMP_WORDS[3]} == %s/* ]] && words='--from --overwrite", type->name);
        print_flags(type->table, " --");
        puts("' ;;&");
    }
    puts("    esac\n    case $word in\n    -*|'') ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    [ ${#COMPREPLY[@]} = 0 ] && COMPREPLY=($(compgen -f -- \"$word\"))\n    return 0\n}\ncomplete -F _dowel "
         "dowel");
}

static void fish(cli *c) {
    puts("# fish completion of dowel: dowel completion fish | source\ncomplete -c dowel -n __fish_use_subcommand -a "
         "'block task call runs config completion'\n"
         "complete -c dowel -n '__fish_seen_subcommand_from block' -a 'types save show list delete edit'\n"
         "complete -c dowel -n '__fish_seen_subcommand_from runs' -a 'show result'\n"
         "complete -c dowel -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'");
    fputs("complete -c dowel -n '__fish_seen_subcommand_from call task' -a '", stdout);
    print_names(c, true, "");
    puts("'");
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++)
        for (const dowel_field *f = task->args ? task->args->fields : NULL; f && f->name; f++) {
            if (f->kind == DOWEL_POINTER) continue;
            printf("complete -c dowel -n '__fish_seen_subcommand_from %s' -l ", task->name);
            for (const char *p = f->name; *p; p++) putchar(*p == '_' ? '-' : *p);
            putchar('\n');
        }
}

int cli_completion(cli *c) {
    if (cli_wants_help(c) || c->argc != 1) {
        fputs("Usage: dowel completion bash|zsh|fish\n\nExamples:\n  source <(dowel completion bash)\n  dowel "
              "completion fish | source\n",
              cli_wants_help(c) ? stdout : stderr);
        return cli_wants_help(c) ? 0 : 2;
    }
    const char *shell = c->argv[0];
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0 && strcmp(shell, "fish") != 0)
        return cli_unknown_word(c, "dowel completion --help", "completion for", shell, shells);
    if (cli_open(c)) return cli_failed(c);
    if (!strcmp(shell, "fish")) {
        fish(c);
    } else {
        if (*shell == 'z') puts("autoload -U +X bashcompinit && bashcompinit");
        bash(c);
    }
    return 0;
}
