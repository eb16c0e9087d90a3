/* Descriptors without a public name. */
#ifndef DOWEL_TYPES_H
#define DOWEL_TYPES_H

#include <dowel/credentials.h>
#include <dowel/runtime.h>

extern const dowel_task dowel_block_check_task;
extern const dowel_block_type dowel_config_type;

/* dowel_resolver.preset; the context is the handle. */
int dowel_preset(void *context, const char *setting, char **text, dowel_error *err);

#endif
