/* What the files about Amazon's credentials share. */
#ifndef DOWEL_AWS_H
#define DOWEL_AWS_H

#include "aws_profile.h"

#include <dowel/credentials.h>

/* check of the block type */
int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* Host as libcurl sends it, without the scheme's own port; *rest is what follows it in the URL. Newly allocated. */
char *dowel_aws_host(const char *url, const char **rest);

/* A path below the home folder; false when HOME is not set. */
bool dowel_aws_home(const char *below, char path[DOWEL_AWS_PATH_SIZE]);
/* The whole of a small file, followed by a NUL that does not count. Newly allocated: cleanse it before free(). */
int dowel_aws_read_file(const char *path, size_t limit, char **text, size_t *size, dowel_error *err);

#endif
