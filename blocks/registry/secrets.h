/* Splits a document into what is public and what is sealed. */
#ifndef DOWEL_SECRETS_H
#define DOWEL_SECRETS_H

#include <dowel/runtime.h>

/* Takes the secrets out of a document (a placeholder stays where each was) into an object from JSON pointers to values; references
 * to blocks get their one form {"$block": "type/name"}. Members that a type does not know, and values of another kind than a field's, are
 * INVALID: they could be secrets. `d` finds the types of inline blocks. New references. */
int dowel_secrets_split(dowel *d, const dowel_block_type *type, const json_t *document, json_t **shown,
                        json_t **secrets, dowel_error *err);
/* Writes the mask, or nothing at all, where a stored document has secrets: at placeholders, and whatever stands in a secret field. INVALID where
 * it has members that its type does not know, which could be secrets too. *document is exchanged. */
int dowel_secrets_hide(dowel *d, const dowel_block_type *type, json_t **document, bool omit, dowel_error *err);
/* Puts the secrets back into their places, in place. */
int dowel_secrets_join(json_t *document, const json_t *secrets, dowel_error *err);
/* Writes the mask, or nothing at all, where secrets were, in place. */
void dowel_secrets_mask(json_t *document, bool omit);
bool dowel_secrets_present(const json_t *document);

/* The one text of a document, whatever order its members came in: what is stored, and what a seal binds. Newly allocated. */
char *dowel_document_text(const json_t *document);

#endif
