/* The flags that every command takes which runs a task: the policy of the run, its name and key. */
#include "cli.h"

#include <dowel/clock.h>

#include <string.h>

const cli_verb cli_run_verb = {
    .name = "run",
    .words = "",
    .plain = true,
    .options = {{"run-name", "NAME", "name of the run in the history", false},
                {"run-key", "KEY",
                 "resume the run with this key if it did not complete; if it did, take the result that it kept", false},
                {"take-over", NULL, "continue it even if its process was on another machine", false}}};

void cli_run_begin(cli_run *run, cli_progress *progress) {
    *run = (cli_run){.policy = json_object(),
                     .options = {.size = sizeof run->options,
                                 .progress = cli_progress_show,
                                 .progress_context = progress,
                                 .cancelled = cli_interrupted}};
    run->options.run_id = run->id;
    run->options.kept_at = &run->kept_at;
}

/* The policy field that a flag means, or NULL. */
static const dowel_field *policy_field(const char *name) {
    const dowel_field *field = dowel_field_find(&dowel_policy_table, name);
    return field || strncmp(name, "policy-", 7) ? field : dowel_field_find(&dowel_policy_table, name + 7);
}

bool cli_run_flag(cli *c, const cli_flag *flag, cli_run *run, int *rc) {
    const dowel_field *field = policy_field(flag->name);
    *rc = 0;
    if (field) {
        *rc = cli_set_field(c, &dowel_policy_table, field, flag, run->policy);
    } else if (cli_flag_is(flag, "run-name")) {
        run->options.run_name = cli_flag_value(c, flag);
        *rc = run->options.run_name ? 0 : c->err.code;
    } else if (cli_flag_is(flag, "run-key")) {
        run->options.run_key = cli_flag_value(c, flag);
        *rc = run->options.run_key ? 0 : c->err.code;
    } else if (cli_flag_is(flag, "take-over")) {
        *rc = cli_switch(c, flag, &run->options.take_over);
    } else {
        return false;
    }
    return true;
}

int cli_run_ready(cli *c, cli_run *run) {
    if (!json_object_size(run->policy)) return 0;
    int rc = dowel_record_decode(&dowel_policy_table, run->policy, dowel_get_resolver(c->d), &run->record, &c->err);
    if (!rc) memcpy(&run->options.policy, dowel_record_data(run->record), sizeof run->options.policy);
    return rc;
}

size_t cli_run_flag_names(const char *names[], size_t room) {
    static const char *const own[] = {"run_name", "run_key", "take_over"};
    size_t n = 0;
    for (; n < sizeof own / sizeof own[0] && n < room; n++) names[n] = own[n];
    for (const dowel_field *f = dowel_policy_table.fields; f->name && n < room; f++)
        if (!dowel_field_c_only(f)) names[n++] = f->name;
    return n;
}

void cli_run_say_kept(const cli *c, const cli_run *run) {
    if (!run->kept_at || c->quiet) return;
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t age = (dowel_now() - run->kept_at) / 1000000;
    size_t i = 0;
    while (i < 3 && age < 2 * units[i].seconds) i++; /* 90 min, not 1 h */
    if (age < 0) age = 0;
    fprintf(stderr, "%s: taken from run %s, kept %lld %s ago\n", c->program, run->id,
            (long long)(age / units[i].seconds), units[i].name);
}

void cli_run_end(cli_run *run) {
    dowel_record_free(run->record);
    json_decref(run->policy);
}
