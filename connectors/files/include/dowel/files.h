/* dowel/files.h: the connector for files of this machine. Its block type "local-file-system" {basepath: path, follow_links: boolean} is a folder: it can
 * store results of tasks, and its files are objects (dowel/objects.h) for `dowel cp`, `sync`, `ls` and `rm`. */
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
