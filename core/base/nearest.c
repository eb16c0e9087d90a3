/* Did you mean: the candidate nearest to a mistyped word. */
#include <dowel/fields.h>

#include <string.h>

#define LONGEST 64

/* Edits (insert, delete, replace, swap of neighbours) that lead from one word to the other. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *dowel_nearest(const char *word, const char *const *candidates) {
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 1;
    if (strlen(word) < 2 || strlen(word) > LONGEST) return NULL;
    for (; *candidates; candidates++) {
        size_t d = distance(word, *candidates);
        if (d <= best && (!nearest || d < best)) {
            nearest = *candidates;
            best = d;
        }
    }
    return nearest;
}
