/* Block types of this module that have no public struct. */
#ifndef DOWEL_TYPES_H
#define DOWEL_TYPES_H

#include <dowel/block.h>

extern const dowel_block_type dowel_secret_type;
extern const dowel_block_type dowel_local_file_system_type;

#endif
