/* Cyclic redundancy checks, as the clouds use them. All are reflected, start at all ones and end inverted. */
#ifndef DOWEL_CRC_H
#define DOWEL_CRC_H

#include <dowel/stream.h>

/* Continues from `crc`, the finished value of the bytes before (0: none). */
uint64_t dowel_crc_update(dowel_digest_kind kind, uint64_t crc, const void *data, size_t size);
size_t dowel_crc_bytes(dowel_digest_kind kind); /* 0: not supported */

#endif
