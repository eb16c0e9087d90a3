/* What a bundle or a template holds. */
#ifndef DOWEL_BUNDLE_H
#define DOWEL_BUNDLE_H

#include <dowel/registry.h>

/* The list of blocks in what dowel_blocks_export made; `passphrase` may be NULL for a template. New reference; cleanse it. */
int dowel_bundle_blocks(const json_t *exported, const char *origin, const char *passphrase, json_t **blocks,
                        dowel_error *err);

#endif
