/* Clocks of services, where they and this machine's differ: a signature holds for minutes only. */
#include "aws.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOLERANCE 240 /* seconds that a signature may be off; services allow five minutes, some fifteen */

typedef struct clock_of {
    struct clock_of *next;
    char *host;
    int64_t ahead; /* seconds, of this machine's */
} clock_of;

typedef struct clocks {
    pthread_mutex_t lock;
    clock_of *first;
} clocks;

static void *make(dowel *d) {
    (void)d;
    clocks *all = calloc(1, sizeof *all);
    if (all) pthread_mutex_init(&all->lock, NULL);
    return all;
}

static void end(void *value) {
    clocks *all = value;
    for (clock_of *c = all->first, *next; c; c = next) {
        next = c->next;
        free(c->host);
        free(c);
    }
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static clocks *clocks_of(dowel *d) {
    static const char key;
    return dowel_attach(d, &key, make, end);
}

static clock_of *find(const clocks *all, const char *host) {
    clock_of *c = all->first;
    while (c && strcmp(c->host, host) != 0) c = c->next;
    return c;
}

int64_t dowel_aws_time(dowel *d, const char *host) {
    clocks *all = clocks_of(d);
    int64_t ahead = 0;
    if (all) {
        pthread_mutex_lock(&all->lock);
        const clock_of *c = find(all, host);
        if (c) ahead = c->ahead;
        pthread_mutex_unlock(&all->lock);
    }
    return (int64_t)time(NULL) + ahead;
}

static void note(clocks *all, const char *host, int64_t ahead) {
    pthread_mutex_lock(&all->lock);
    clock_of *c = find(all, host);
    if (!c && (c = calloc(1, sizeof *c))) {
        c->host = strdup(host);
        if (c->host) {
            c->next = all->first;
            all->first = c;
        } else {
            free(c);
            c = NULL;
        }
    }
    if (c) c->ahead = ahead;
    pthread_mutex_unlock(&all->lock);
}

/* 20150830T123600Z; 0 when it is none. */
static int64_t parse(const char *date) {
    int64_t time = 0;
    return dowel_aws_parse_time(date, &time) ? 0 : time / 1000000;
}

bool dowel_aws_correct_clock(dowel *d, const char *host, const char *signed_at, int64_t said) {
    int64_t was = parse(signed_at), off = said - was;
    clocks *all = clocks_of(d);
    if (!all || !said || !was || (off > -TOLERANCE && off < TOLERANCE)) return false;
    note(all, host, said - (int64_t)time(NULL));
    return true;
}
