/* XML answers as a tree, read with expat. */
#include <dowel/xml.h>

#include <expat.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64

struct dowel_xml {
    char *name, *text;
    size_t text_size;
    dowel_xml *parent, *first, *last, *next;
};

typedef struct reading {
    XML_Parser parser;
    dowel_xml *root, *at;
    int depth;
    const char *problem;
} reading;

static void stop(reading *r, const char *problem) {
    if (!r->problem) r->problem = problem;
    XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *context, const char *name, const char **attributes) {
    (void)attributes;
    reading *r = context;
    const char *colon = strrchr(name, ':');
    dowel_xml *element = calloc(1, sizeof *element);
    if (element) element->name = strdup(colon ? colon + 1 : name);
    if (!element || !element->name || ++r->depth > MAX_DEPTH) {
        if (element) free(element->name);
        free(element);
        stop(r, r->depth > MAX_DEPTH ? "nested too deeply" : "out of memory");
        return;
    }
    element->parent = r->at;
    if (!r->root) r->root = element;
    if (r->at) {
        if (r->at->last)
            r->at->last->next = element;
        else
            r->at->first = element;
        r->at->last = element;
    }
    r->at = element;
}

static void on_end(void *context, const char *name) {
    (void)name;
    reading *r = context;
    r->at = r->at->parent;
    r->depth--;
}

static void on_text(void *context, const char *text, int size) {
    reading *r = context;
    if (!r->at) return;
    char *grown = realloc(r->at->text, r->at->text_size + (size_t)size + 1);
    if (!grown) {
        stop(r, "out of memory");
        return;
    }
    memcpy(grown + r->at->text_size, text, (size_t)size);
    r->at->text = grown;
    r->at->text_size += (size_t)size;
    grown[r->at->text_size] = 0;
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(context, "a document type is not allowed");
}

int dowel_xml_parse(const char *text, size_t size, dowel_xml **root, dowel_error *err) {
    reading r = {.parser = XML_ParserCreate(NULL)};
    if (!r.parser) return dowel_no_memory(err);
    if (size > 64u << 20) {
        XML_ParserFree(r.parser);
        return dowel_fail(err, DOWEL_E_PROTOCOL, "the answer's XML is larger than 64 MiB");
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    int rc = 0;
    if (XML_Parse(r.parser, text, (int)size, 1) != XML_STATUS_OK)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "the answer is not valid XML: %s",
                        r.problem ? r.problem : XML_ErrorString(XML_GetErrorCode(r.parser)));
    XML_ParserFree(r.parser);
    if (rc)
        dowel_xml_free(r.root);
    else
        *root = r.root;
    return rc;
}

void dowel_xml_free(dowel_xml *element) {
    /* Down to a leaf, free it, back up: no recursion. */
    while (element) {
        if (element->first) {
            dowel_xml *child = element->first;
            element->first = child->next;
            element = child;
            continue;
        }
        dowel_xml *parent = element->parent;
        free(element->name);
        if (element->text) OPENSSL_cleanse(element->text, element->text_size); /* STS answers with keys */
        free(element->text);
        free(element);
        element = parent;
    }
}

const char *dowel_xml_name(const dowel_xml *element) {
    return element->name;
}

const char *dowel_xml_text(const dowel_xml *element) {
    return element->text ? element->text : "";
}

static const dowel_xml *first_named(const dowel_xml *element, const char *name) {
    while (element && name && strcmp(element->name, name)) element = element->next;
    return element;
}

const dowel_xml *dowel_xml_child(const dowel_xml *element, const char *name) {
    return element ? first_named(element->first, name) : NULL;
}

const dowel_xml *dowel_xml_next(const dowel_xml *element, const char *name) {
    return element ? first_named(element->next, name) : NULL;
}

const char *dowel_xml_child_text(const dowel_xml *element, const char *name) {
    const dowel_xml *child = dowel_xml_child(element, name);
    return child ? dowel_xml_text(child) : NULL;
}
