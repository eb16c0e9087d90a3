/* What this module brings that has no public name. */
#ifndef DOWEL_TYPES_H
#define DOWEL_TYPES_H

#include <dowel/credentials.h>
#include <dowel/runtime.h>

extern const dowel_block_type dowel_local_file_system_type;
extern const dowel_task dowel_block_check_task;
extern const dowel_sealer dowel_handle_sealer;

#endif
