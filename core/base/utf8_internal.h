/* UTF-8, one character at a time. */
#ifndef DOWEL_UTF8_H
#define DOWEL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads the character at `p`, of at most `size` bytes. Returns its length, or 0 where the bytes are not UTF-8 (overlong forms and
 * surrogates are not). */
size_t dowel_utf8_read(const unsigned char *p, size_t size, uint32_t *character);

#endif
