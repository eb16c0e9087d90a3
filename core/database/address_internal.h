/* A parsed DOWEL_DATABASE_URL. */
#ifndef DOWEL_DATABASE_ADDRESS_H
#define DOWEL_DATABASE_ADDRESS_H

#include <dowel/error.h>

typedef enum dowel_database_kind {
    DOWEL_DATABASE_SQLITE,
    DOWEL_DATABASE_MEMORY,
    DOWEL_DATABASE_POSTGRES
} dowel_database_kind;

typedef struct dowel_database_address {
    dowel_database_kind kind;
    char *path;     /* SQLite: the file; PostgreSQL: the whole URL, for libpq alone */
    char *shown;    /* for messages: without a password */
    char *password; /* PostgreSQL: decoded, so that it can be kept out of messages; NULL: none in the URL */
} dowel_database_address;

/* "sqlite:PATH", "memory:", "postgresql://[user[:password]@][host[:port],...][/database][?name=value&...]". Messages never quote text that may be part of a password. */
int dowel_database_address_parse(const char *url, dowel_database_address *address, dowel_error *err);
/* Zero members are allowed. */
void dowel_database_address_clear(dowel_database_address *address);

#endif
