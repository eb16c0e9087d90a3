/* Descriptors without a public name. */
#ifndef DOWEL_TYPES_H
#define DOWEL_TYPES_H

#include <dowel/credentials.h>
#include <dowel/runtime.h>

extern const dowel_task dowel_block_check_task;

#endif
