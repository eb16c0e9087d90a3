/* Fields that several tasks of BigQuery have. */
#ifndef DOWEL_BIGQUERY_FIELDS_H
#define DOWEL_BIGQUERY_FIELDS_H

#include "client.h"

/* Names of write_disposition and what the API calls them. */
extern const char *const dowel_bq_dispositions[], *const dowel_bq_api_dispositions[];
const char *dowel_bq_write_mode(int disposition); /* NULL: the service's own */

#define DOWEL_BQ_CREDENTIALS(type)                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials",                                 \
                                     .doc = "Who calls; without: Application Default Credentials.",                    \
                                     .example = "gcp-credentials/prod"                                                 \
    }
#define DOWEL_BQ_PROJECT(type)                                                                                         \
    {                                                                                                                  \
        DOWEL_AT(type, project), .kind = DOWEL_STRING,                                                                 \
                                 .doc = "Project to work in, which pays; without: the credentials' own."               \
    }
#define DOWEL_BQ_LOCATION(type)                                                                                        \
    { DOWEL_AT(type, location), .kind = DOWEL_STRING, .doc = "Location of the data.", .example = "EU" }
#define DOWEL_BQ_ENDPOINT(type)                                                                                        \
    {                                                                                                                  \
        DOWEL_AT(type, endpoint),                                                                                      \
            .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                                              \
            .doc = "Address of a server that speaks BigQuery; without: BIGQUERY_EMULATOR_HOST, else Google's."         \
    }

#endif
