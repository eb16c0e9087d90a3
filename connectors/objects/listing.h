/* A listing as a stream of objects; a thread reads a little ahead. */
#ifndef DOWEL_LISTING_H
#define DOWEL_LISTING_H

#include "glob.h"
#include "place.h"

/* A copy of one object of a listing. */
typedef struct dowel_item {
    dowel_object object; /* `name` is the whole one */
    const char *name;    /* relative to the place */
    char text[];
} dowel_item;

typedef struct dowel_listing dowel_listing;

typedef struct dowel_listing_options {
    dowel_filter *filter; /* used by this listing alone while it runs; NULL: all */
    bool ordered;         /* names out of byte order are an error */
    bool may_be_absent;   /* a missing folder counts as an empty one */
    const dowel_folder_id
        *apart; /* a folder that is not entered but reported as odd with the code CONFLICT; NULL: none */
} dowel_listing_options;

/* Lists everything below the place's folder that its pattern and the filter want. */
int dowel_listing_start(dowel *d, const dowel_place *place, const dowel_listing_options *options,
                        dowel_listing **listing, dowel_error *err);
/* The next one; the caller frees it. NULL at the end. One thread at a time. */
int dowel_listing_next(dowel_listing *listing, dowel_item **item, dowel_error *err);
/* Whether anything is below the place, or matches its pattern, whatever the other filters say. Call after the end. */
bool dowel_listing_found_any(const dowel_listing *listing);
/* Stops the listing. NULL is allowed. */
void dowel_listing_close(dowel_listing *listing);

/* NULL when out of memory. */
dowel_item *dowel_item_of(const dowel_object *object, size_t prefix);

#endif
