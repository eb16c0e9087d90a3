/* dowel/xml.h: parses XML answers of services into a tree. Names have no namespace prefix. The tree is immutable; any thread may read it. */
#ifndef DOWEL_XML_H
#define DOWEL_XML_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_xml dowel_xml; /* an element */

/* Parses a document of at most 64 MiB; *root is the root element, which the caller frees. PROTOCOL if it is not well-formed, is nested deeper than 64
 * elements, or has a document type. */
DOWEL_API int dowel_xml_parse(const char *text, size_t size, dowel_xml **root, dowel_error *err);
DOWEL_API void dowel_xml_free(dowel_xml *root);

DOWEL_API const char *dowel_xml_name(const dowel_xml *element);
/* The character data directly inside the element; "" if there is none. Borrowed. */
DOWEL_API const char *dowel_xml_text(const dowel_xml *element);
/* The first child, and the next sibling, of this name (NULL: any); NULL if there is none. `element` may be NULL. */
DOWEL_API const dowel_xml *dowel_xml_child(const dowel_xml *element, const char *name);
DOWEL_API const dowel_xml *dowel_xml_next(const dowel_xml *element, const char *name);
/* The text of the first child of this name; NULL if there is none. Borrowed. `element` may be NULL. */
DOWEL_API const char *dowel_xml_child_text(const dowel_xml *element, const char *name);

#ifdef __cplusplus
}
#endif
#endif
