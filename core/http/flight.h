/* One request from its first attempt to its outcome, as the files that send it share it. */
#ifndef DOWEL_FLIGHT_H
#define DOWEL_FLIGHT_H

#include "handle_internal.h"
#include "http_internal.h"

typedef struct dowel_flight {
    dowel *d;
    dowel_http_request *request;
    dowel_http_response *response; /* of the current attempt */
    bool continued;                /* this attempt asked for the rest of a body */
    int64_t received;              /* bytes of a 2xx body that went to the sink, over all attempts */
    char etag[256];                /* of the body whose beginning the sink has */
    bool added_range;              /* Range and If-Match are set by us, not by the caller */
    bool enough;                   /* an error page reached its limit: the rest is not read */
    dowel_error *err;              /* never NULL */
    int stopped;                   /* the code with which a callback stopped the exchange */
} dowel_flight;

/* ---- exchange.c: one attempt ---- */

/* Moves source, sink and digest to where an attempt starts. */
int dowel_flight_begin(dowel_flight *flight, bool first);
/* Hands the request to the transport. *sent: the server may have received some of it. */
int dowel_flight_perform(dowel_flight *flight, bool *sent);
/* Removes the headers that asked for the rest of a body. */
void dowel_flight_end(dowel_flight *flight);
bool dowel_http_is_success(const dowel_http_request *request, int status);

/* ---- explain.c: errors from answers ---- */

/* Fills err from an answer that is not a success, and returns its code. */
int dowel_http_explain(const dowel_http_request *request, const dowel_http_response *response, dowel_error *err);
/* A retry that ran into the deadline: reports the error of the attempt before it instead of "timeout". */
int dowel_http_explain_late(dowel *d, int rc, const dowel_error *before, dowel_error *err);

/* ---- retry.c: rules, budget ---- */

/* The row of the service's table for this answer; NULL: none. */
const dowel_retry_rule *dowel_http_rule(const dowel_http_request *request, const dowel_error *err);
int dowel_http_most_attempts(dowel *d, const dowel_http_request *request);
/* Seconds to wait before the n-th retry, counted from 0. */
double dowel_http_backoff(const dowel_http_service *service, int retry);
/* Takes a retry from the handle's retry budget; false: the budget is used up. */
bool dowel_http_spend_retry(dowel *d, bool network);
/* Refills the budget after a success. */
void dowel_http_earn(dowel *d, bool after_retry);

/* ---- turns.c: pace, one for each service that a handle talks to ---- */

typedef struct dowel_turns dowel_turns;
dowel_turns *dowel_turns_of(dowel *d); /* NULL: out of memory; requests are then not delayed */
/* Waits until a request to the service may start; false: the deadline would pass before. */
bool dowel_turns_wait(dowel *d, dowel_turns *turns, const dowel_http_service *service, int *rc, dowel_error *err);
/* A request that started at `started` has ended. `err` NULL: without an answer, or with success. */
void dowel_turns_ended(dowel *d, dowel_turns *turns, const dowel_http_service *service, double started,
                       const dowel_error *err);

#endif
