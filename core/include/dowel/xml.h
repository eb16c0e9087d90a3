/* dowel/xml.h: reads the XML answers of services into a tree. Names are without their namespace. Immutable once read. */
#ifndef DOWEL_XML_H
#define DOWEL_XML_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_xml dowel_xml; /* an element */

/* Parses a document; *root is the root element, which the caller frees. Document types and entities are refused. */
DOWEL_API int dowel_xml_parse(const char *text, size_t size, dowel_xml **root, dowel_error *err);
DOWEL_API void dowel_xml_free(dowel_xml *root);

DOWEL_API const char *dowel_xml_name(const dowel_xml *element);
/* The character data directly in the element; "" when there is none. Borrowed. */
DOWEL_API const char *dowel_xml_text(const dowel_xml *element);
/* The first child of that name (NULL: any name), and the next sibling of that name; NULL when there is none. */
DOWEL_API const dowel_xml *dowel_xml_child(const dowel_xml *element, const char *name);
DOWEL_API const dowel_xml *dowel_xml_next(const dowel_xml *element, const char *name);
/* The text of the first child of that name, or NULL. Borrowed. `element` may be NULL. */
DOWEL_API const char *dowel_xml_child_text(const dowel_xml *element, const char *name);

#ifdef __cplusplus
}
#endif
#endif
