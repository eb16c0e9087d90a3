/* What the files about Amazon's credentials share. */
#ifndef DOWEL_AWS_H
#define DOWEL_AWS_H

#include <dowel/credentials.h>

/* check of the block type */
int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
