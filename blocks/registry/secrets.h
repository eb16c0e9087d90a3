/* Splits a document into its public part and its secrets. */
#ifndef DOWEL_SECRETS_H
#define DOWEL_SECRETS_H

#include <dowel/runtime.h>

/* *shown: a copy of the document with placeholders instead of secrets, and with references to blocks as {"$block": "type/name"}. *secrets: an
 * object from JSON pointers to values. Both are new references. INVALID: the document has an unknown member, or a value of the wrong kind; both
 * could be secrets. `d` provides the types of inline blocks. */
int dowel_secrets_split(dowel *d, const dowel_block_type *type, const json_t *document, json_t **shown,
                        json_t **secrets, dowel_error *err);
/* Replaces the secrets of a stored document by the mask, or removes them: placeholders, and any other value of a secret field. INVALID: it has
 * an unknown member, which could be a secret. *document is replaced. */
int dowel_secrets_hide(dowel *d, const dowel_block_type *type, json_t **document, bool omit, dowel_error *err);
/* Replaces the placeholders in `document` by the secrets. CORRUPT: they do not match. */
int dowel_secrets_join(json_t *document, const json_t *secrets, dowel_error *err);
/* Replaces the placeholders in `document` by the mask, or removes them. */
void dowel_secrets_mask(json_t *document, bool omit);
/* Whether the document has placeholders. */
bool dowel_secrets_present(const json_t *document);

/* The document as JSON with sorted keys: the text that is stored and that the seal authenticates. Newly allocated; NULL: out of memory. */
char *dowel_document_text(const json_t *document);

#endif
