/* Names this process, and tells what became of another one by its name. */
#ifndef DOWEL_PROCESS_H
#define DOWEL_PROCESS_H

#include <stdbool.h>

#define DOWEL_PROCESS_SIZE 512

/* `nonce` tells apart the handles of one process. */
void dowel_process_name(const char *nonce, char text[DOWEL_PROCESS_SIZE]);
/* Whether the process has certainly ended: same machine, boot and pid namespace, and its pid is gone. */
bool dowel_process_is_gone(const char *process);
/* Whether nothing can be told of it from here: another machine, boot or container, or a name of an earlier version. */
bool dowel_process_is_elsewhere(const char *process);
/* Whether it certainly was on another machine, whose files are not the ones here. */
bool dowel_process_was_on_another_machine(const char *process);

#endif
