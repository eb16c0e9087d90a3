/* Page tokens of listings. */
#include <dowel/buckets.h>

#include <stdlib.h>
#include <string.h>

int dowel_pages_next(dowel_pages *p, const char *token, bool *more, dowel_error *err) {
    *more = token && *token;
    char *next = *more ? strdup(token) : NULL;
    if (*more && !next) return dowel_no_memory(err);
    bool again = next && ((p->token && !strcmp(next, p->token)) || (p->seen && !strcmp(next, p->seen)));
    free(p->token);
    p->token = next;
    if (again) return dowel_fail(err, DOWEL_E_PROTOCOL, "the page token does not advance");
    if (!next || ++p->count < p->next_seen) return 0;
    p->next_seen = 2 * p->count;
    free(p->seen);
    p->seen = strdup(next);
    return p->seen ? 0 : dowel_no_memory(err);
}

void dowel_pages_clear(dowel_pages *p) {
    free(p->token);
    free(p->seen);
    *p = (dowel_pages){0};
}
