/* Fields that several tasks of BigQuery have. */
#ifndef DOWEL_BIGQUERY_FIELDS_H
#define DOWEL_BIGQUERY_FIELDS_H

#include "client.h"

/* The values of write_disposition, and the words of the API for them. */
extern const char *const dowel_bq_dispositions[], *const dowel_bq_api_dispositions[];
const char *dowel_bq_write_mode(int disposition); /* NULL: not sent */

#define DOWEL_BQ_CREDENTIALS(type)                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, credentials), .kind = DOWEL_BLOCK, .setting = "gcp-credentials", .blocks = "gcp-credentials",   \
                                     .doc = "Credentials to use; default: Application Default Credentials.",           \
                                     .example = "gcp-credentials/prod"                                                 \
    }
#define DOWEL_BQ_PROJECT(type)                                                                                         \
    {                                                                                                                  \
        DOWEL_AT(type, project), .kind = DOWEL_STRING, .setting = "project",                                           \
                                 .doc = "Project to run in and to bill; default: the project of the credentials."      \
    }
#define DOWEL_BQ_LOCATION(type)                                                                                        \
    {                                                                                                                  \
        DOWEL_AT(type, location), .kind = DOWEL_STRING, .setting = "location", .doc = "Location of the data.",         \
                                  .example = "EU"                                                                      \
    }
#define DOWEL_BQ_ENDPOINT(type)                                                                                        \
    {                                                                                                                  \
        DOWEL_AT(type, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                        \
                                  .doc = "Address of the BigQuery API; default: BIGQUERY_EMULATOR_HOST, or Google's."  \
    }

#endif
