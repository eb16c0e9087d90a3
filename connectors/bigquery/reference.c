/* Parses the names of tables and datasets in all common spellings. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a name, which point into `text`; `project` is NULL if the name has none. */
typedef struct parts {
    char *text;
    const char *project, *dataset, *table;
} parts;

static int refuse_table(const char *text, const char *why, dowel_error *err) {
    (void)dowel_fail(err, DOWEL_E_INVALID, "\"%.200s\" is not a table: %s", text, why);
    dowel_error_hint(err, "write dataset.table, project.dataset.table or project:dataset.table");
    return DOWEL_E_INVALID;
}

static int refuse_dataset(const char *text, const char *why, dowel_error *err) {
    (void)dowel_fail(err, DOWEL_E_INVALID, "\"%.200s\" is not a dataset: %s", text, why);
    dowel_error_hint(err, "write dataset, project.dataset or project:dataset");
    return DOWEL_E_INVALID;
}

/* A copy without the quotes of SQL: backticks around all of it or around parts, or the brackets of legacy SQL around all of it. NULL with *why:
 * the quotes do not match. */
static char *unquoted(const char *text, const char **why) {
    size_t length = strlen(text), ticks = 0, used = 0;
    bool brackets = length > 1 && *text == '[' && text[length - 1] == ']';
    char *copy = malloc(length + 1);
    *why = NULL;
    for (size_t i = brackets; copy && i < length - brackets; i++) {
        /* Quotes must enclose a whole part. */
        bool edge = i == 0 || i + 1 == length || strchr(".:", text[i - 1]) || strchr(".:", text[i + 1]);
        if (text[i] == '`' && !(ticks++ % 2) && i && !strchr(".:", text[i - 1])) *why = "a backtick is inside a name";
        if (text[i] == '`' && !edge) *why = "a backtick is inside a name";
        if (text[i] != '`') copy[used++] = text[i];
    }
    if (!copy || ticks % 2) *why = copy ? "a backtick is missing" : "out of memory";
    if (brackets && ticks) *why = "brackets (legacy SQL) and backticks (standard SQL) cannot be combined";
    if (*why) {
        free(copy);
        return NULL;
    }
    copy[used] = 0;
    return copy;
}

/* Cuts the text behind the project, which may be "project:", "domain.com:project:", "domain.com:project." or "project.". `below` is the number of
 * dots in the rest. Returns what is wrong, or NULL. */
static const char *split_project(char *text, size_t below, char **project, char **rest) {
    char *colon = strrchr(text, ':'), *from = colon ? colon + 1 : text;
    size_t dots = 0;
    for (char *p = from; *p; p++) dots += *p == '.';
    *project = NULL;
    *rest = from;
    if (dots > below + 1) return "it has too many parts";
    if (dots < below) return "it has too few parts";
    if (colon && dots == below) { /* project:rest, or domain.com:project:rest */
        char *first = strchr(text, ':');
        *colon = 0;
        if (strchr(text, '.') && first == colon) return "a dataset must follow a project with a domain";
        *project = text;
        return NULL;
    }
    if (colon && (strchr(text, ':') != colon || !memchr(text, '.', (size_t)(colon - text))))
        return "it has too many parts";
    if (dots > below) { /* project.rest, or domain.com:project.rest */
        char *dot = strchr(from, '.');
        *dot = 0;
        *project = text;
        *rest = dot + 1;
    }
    return NULL;
}

static bool is_word(const char *text, const char *others) {
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strspn(text, word);
    while (text[n] && strchr(others, text[n])) n += 1 + strspn(text + n + 1, word);
    return *text && !text[n];
}

/* project, or domain.com:project */
static bool is_project(const char *text) {
    const char *colon = strchr(text, ':'), *dot = strchr(text, '.');
    if (!colon) return is_word(text, "-");
    return dot && dot > text && dot < colon && is_word(text, ":.-") && is_word(colon + 1, "-");
}

static const char *table_trouble(const char *table) {
    const char *partition = strchr(table, '$');
    if (!*table) return "the table's name is empty";
    for (const char *p = table; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("\"'/\\`[](){}<>?!@,;&%+=~^|#", *p))
            return "the table's name has a character that BigQuery does not allow";
    if (*table == ' ' || table[strlen(table) - 1] == ' ') return "the table's name begins or ends with a blank";
    if (partition && (partition == table || !is_word(partition + 1, "_")))
        return "the text after the $ is not a partition";
    return NULL;
}

/* Splits a name into `p`; *why is what is wrong with it, or NULL. `has_table`: a table, not a dataset. The caller frees p->text. */
static void read_parts(const char *text, bool has_table, parts *p, const char **why) {
    char *project = NULL, *rest = NULL;
    *p = (parts){.text = unquoted(text, why)};
    if (*why) return;
    *why = split_project(p->text, has_table, &project, &rest);
    if (*why) return;
    p->project = project;
    p->dataset = rest;
    char *dot = has_table ? strchr(rest, '.') : NULL;
    if (dot) {
        *dot = 0;
        p->table = dot + 1;
    }
    if (project && !is_project(project))
        *why = "the project's name is not valid";
    else if (!is_word(p->dataset, "_-"))
        *why = "a dataset's name consists of letters, digits and underscores";
    else if (has_table)
        *why = table_trouble(p->table ? p->table : "");
}

int dowel_bq_table(const dowel_bq *bq, const char *text, json_t **reference, dowel_error *err) {
    parts p;
    const char *why;
    read_parts(text, true, &p, &why);
    int rc = why ? refuse_table(text, why, err) : 0;
    if (!rc) {
        *reference = json_pack("{s:s,s:s,s:s}", "projectId", p.project ? p.project : bq->project, "datasetId",
                               p.dataset, "tableId", p.table);
        if (!*reference) rc = refuse_table(text, "it is not UTF-8", err);
    }
    free(p.text);
    return rc;
}

int dowel_bq_dataset(const dowel_bq *bq, const char *text, json_t **reference, dowel_error *err) {
    parts p;
    const char *why;
    read_parts(text, false, &p, &why);
    int rc = why ? refuse_dataset(text, why, err) : 0;
    if (!rc) {
        *reference = json_pack("{s:s,s:s}", "projectId", p.project ? p.project : bq->project, "datasetId", p.dataset);
        if (!*reference) rc = dowel_no_memory(err);
    }
    free(p.text);
    return rc;
}
