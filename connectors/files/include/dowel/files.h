/* dowel/files.h: folders of this machine as places for objects: block type local-file-system. */
#ifndef DOWEL_FILES_H
#define DOWEL_FILES_H

#include <dowel/connector.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_files_connector;

#ifdef __cplusplus
}
#endif
#endif
