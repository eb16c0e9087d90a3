/* dowel/cli.h: the dowel command as one function, for programs with additional connectors. In the library target
 * dowel::cli. */
#ifndef DOWEL_CLI_COMMAND_H
#define DOWEL_CLI_COMMAND_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the command line and returns the exit status. `connectors` (NULL-terminated; may be NULL) are added to the built-in ones: their
 * block types and tasks have flags, help, completion and history like any other. Usage, hints and errors call the program by the file name of
 * argv[0]; errors of the library, which name commands as `dowel COMMAND`, are shown with that name too. Call it once, from main: it ignores SIGPIPE, takes SIGINT, SIGTERM and SIGHUP (unless it was ignored) while a task runs, and forbids core files. */
DOWEL_API int dowel_cli(int argc, char **argv, const dowel_connector *const *connectors);

#ifdef __cplusplus
}
#endif
#endif
