/* dowel/dowel.h: core and blocks. Connectors have their own headers: <dowel/gcs.h>, <dowel/s3.h> ... */
#ifndef DOWEL_DOWEL_H
#define DOWEL_DOWEL_H

#include <dowel/credentials.h>
#include <dowel/registry.h>
#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a handle with every built-in connector. `options` may be NULL; its `connectors` are added to the built-in ones. In the
 * library target dowel::dowel; a program that links single modules calls dowel_open_with. */
DOWEL_API int dowel_open(dowel **d, const dowel_options *options, dowel_error *err);

/* "0.1.0" */
DOWEL_API const char *dowel_version(void);

#ifdef __cplusplus
}
#endif
#endif
