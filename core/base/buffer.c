/* Large pieces of memory that go back to the system at once: what malloc keeps for later adds up over the threads of a transfer. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <dowel/stream.h>

#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE = 1 << 17 };

void *dowel_buffer_new(size_t size) {
    if (size < LARGE) return malloc(size ? size : 1);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void dowel_buffer_free(void *memory, size_t size) {
    if (size < LARGE)
        free(memory);
    else if (memory)
        munmap(memory, size);
}
