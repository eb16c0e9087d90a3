/* A listing as a stream that is asked for one object after the other: a thread of its own reads ahead a little. */
#ifndef DOWEL_LISTING_H
#define DOWEL_LISTING_H

#include "place.h"

/* What a listing told of one object; its own memory. */
typedef struct dowel_item {
    dowel_object object; /* `name` is the whole one */
    const char *name;    /* relative to the place */
    char text[];
} dowel_item;

typedef struct dowel_listing dowel_listing;

typedef struct dowel_listing_options {
    const char *const *include, *const *exclude;
    bool ordered;                 /* out of byte order is an error */
    bool may_be_absent;           /* a folder that is not there is an empty one */
    const dowel_folder_id *apart; /* not entered, but told as odd with the code CONFLICT; NULL: none */
} dowel_listing_options;

/* Everything below the place's folder that `include` and `exclude` want. */
int dowel_listing_start(dowel *d, const dowel_place *place, const dowel_listing_options *options,
                        dowel_listing **listing, dowel_error *err);
/* The next one; the caller frees it. NULL at the end. One thread at a time. */
int dowel_listing_next(dowel_listing *listing, dowel_item **item, dowel_error *err);
/* Whether the place holds anything at all, wanted or not. After the end. */
bool dowel_listing_found_any(const dowel_listing *listing);
/* Stops it where it is. NULL is allowed. */
void dowel_listing_close(dowel_listing *listing);

/* A copy of what is known of an object. NULL when out of memory. */
dowel_item *dowel_item_of(const dowel_object *object, size_t prefix);

#endif
