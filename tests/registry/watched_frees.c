/* Put in front of the C library (LD_PRELOAD): memory that is given back while it still holds a planted secret gets a line in the file that WATCHED_FREES
 * names, with who gave it back. Only of the program's own code, and of values of jansson that it let go of: what jansson keeps for itself while
 * it reads text, and what is printed, is not the program's to overwrite. New memory is emptied, so that nobody is blamed for what those left in it. */
#define _GNU_SOURCE /* dladdr, memmem */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): the C library's own names */
extern void __libc_free(void *memory);
extern void *__libc_malloc(size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */

static const char pattern[] = "planted-forgotten";

static void note(const char *who, const char *object, void *from) {
    char line[512];
    int size = snprintf(line, sizeof line, "%s %s %p\n", who ? who : "?", object ? object : "?", from);
    const char *path = getenv("WATCHED_FREES");
    int to = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (to >= 0 && write(to, line, (size_t)size) != size) abort();
    if (to >= 0) close(to);
}

__attribute__((visibility("default"))) void *malloc(size_t size) {
    void *memory = __libc_malloc(size);
    if (memory) memset(memory, 0, malloc_usable_size(memory));
    return memory;
}

__attribute__((visibility("default"))) void free(void *memory) {
    static __thread int inside;
    if (memory && !inside) {
        inside = 1;
        if (memmem(memory, malloc_usable_size(memory), pattern, sizeof pattern - 1)) {
            Dl_info info = {0};
            void *from = __builtin_return_address(0);
            dladdr(from, &info);
            bool own = info.dli_fname && strstr(info.dli_fname, "dowel");
            bool value = info.dli_fname && strstr(info.dli_fname, "jansson") && info.dli_sname &&
                         !strcmp(info.dli_sname, "json_delete");
            if (own || value) note(info.dli_sname, info.dli_fname, (void *)((char *)from - (char *)info.dli_fbase));
        }
        inside = 0;
    }
    __libc_free(memory);
}
