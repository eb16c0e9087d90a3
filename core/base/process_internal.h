/* A name for this process, by which another process can find out whether it still runs. */
#ifndef DOWEL_PROCESS_H
#define DOWEL_PROCESS_H

#include <stdbool.h>

#define DOWEL_PROCESS_SIZE 512

/* `nonce` distinguishes the handles of one process. */
void dowel_process_name(const char *nonce, char text[DOWEL_PROCESS_SIZE]);
/* Whether the process has certainly ended: same machine, boot and pid namespace, and its pid is gone. */
bool dowel_process_is_gone(const char *process);
/* Whether its state cannot be seen from here: another machine, boot or container, or a name of an earlier version. */
bool dowel_process_is_elsewhere(const char *process);
/* Whether it certainly ran on another machine, which has other files. */
bool dowel_process_was_on_another_machine(const char *process);

#endif
