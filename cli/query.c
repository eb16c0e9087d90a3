/* dowel query: runs SQL and shows its rows. The task that does it comes from a connector; its fields are the flags. */
#include "cli.h"

#include <string.h>

const dowel_task *cli_query_task(cli *c) {
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++) {
        const char *verb = strrchr(task->name, '.');
        if (verb && !strcmp(verb, ".query") && cli_task_word(task)) return task;
    }
    return NULL;
}

static const char *const usage =
    "Usage: dowel query 'SQL'|@FILE|- [--field value ...] [--output FORMAT] [--out FILE] [--json]\n\n"
    "Runs a query and shows its rows; a summary goes to standard error. Without SQL, reads it from standard input.\n\n";

static const char *const examples =
    "\nExamples:\n"
    "  dowel query 'SELECT state, COUNT(*) AS airports FROM trips.airports GROUP BY state' --credentials prod\n"
    "  dowel query @report.sql --out report.csv\n"
    "  dowel query 'SELECT * FROM trips.airports WHERE state = @s' --parameters s=AK\n"
    "  dowel query 'SELECT * FROM trips.airports' --dry-run\n";

int cli_query(cli *c) {
    snprintf(c->help, sizeof c->help, "dowel query --help");
    if (cli_open(c)) return cli_failed(c);
    const dowel_task *task = cli_query_task(c);
    if (!task) {
        dowel_fail(&c->err, DOWEL_E_NOT_FOUND, "no connector of this program runs SQL");
        return cli_failed(c);
    }
    if (!cli_wants_help(c)) return cli_run_task(c, task, true);
    cli_task_help(c, task, usage);
    cli_text(c, stdout, "%s", examples);
    return 0;
}
