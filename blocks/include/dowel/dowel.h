/* dowel/dowel.h: includes core and blocks. Each connector has its own header: <dowel/gcs.h>, <dowel/s3.h> ... */
#ifndef DOWEL_DOWEL_H
#define DOWEL_DOWEL_H

#include <dowel/credentials.h>
#include <dowel/registry.h>
#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a handle with every built-in connector, plus those of `options`, which may be NULL. The caller closes it with dowel_close().
 * Link dowel::dowel to use this function; a program that links single modules calls dowel_open_with(). */
DOWEL_API int dowel_open(dowel **d, const dowel_options *options, dowel_error *err);

/* The version of the library, such as "0.1.0". Static. */
DOWEL_API const char *dowel_version(void);

#ifdef __cplusplus
}
#endif
#endif
