/* Names this process: "host:boot id:pid:start time". */
#ifndef DOWEL_PROCESS_H
#define DOWEL_PROCESS_H

#define DOWEL_PROCESS_SIZE 192

void dowel_process_name(char text[DOWEL_PROCESS_SIZE]);

#endif
