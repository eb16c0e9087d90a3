/* Reads bundles and templates. */
#ifndef DOWEL_BUNDLE_H
#define DOWEL_BUNDLE_H

#include <dowel/registry.h>

/* *blocks: the array of blocks in a result of dowel_blocks_export(), a new reference; release it with dowel_json_cleanse(). `passphrase` may be
 * NULL for a template. */
int dowel_bundle_blocks(const json_t *exported, const char *origin, const char *passphrase, json_t **blocks,
                        dowel_error *err);

#endif
