/* The form of a segment file, shared by the writing and the reading side of store/journal. All numbers little-endian.
 *
 *   0     head, 48 bytes:  magic[8] version:4 writer:4 number:8 size:8 created:8 salt:4 crc:4
 *   512   the same head again
 *   1024  records, each at a multiple of 8:
 *           magic:4 crc:4 | previous:4 sequence:4 length:2 type:1 version:1 payload[length] zeros to a multiple of 8
 *         crc is CRC-32C, begun with the salt, over everything right of the bar. previous is the crc of the record
 *         before (of the first: the salt), sequence counts from 1.
 *         zeros to the end of the file */
#ifndef SLUICE_STORE_JOURNAL_INT_H
#define SLUICE_STORE_JOURNAL_INT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "store/journal.h"

#define HEAD_MAGIC "sluiceJ1"
#define HEAD_VERSION 1u
#define HEAD_BYTES 48u
#define HEAD_SECOND 512u

#define FRAME_MAGIC 0xC51A4A53u /* "SJ", then two bytes that no text has */
#define FRAME_VERSION 1u
#define FRAME_CRC_FROM 8u /* the crc covers the frame from here */
#define TYPE_SEAL 255u
#define SEAL_ROOM 24u /* a frame without payload, rounded up */

static inline void put32(unsigned char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static inline void put64(unsigned char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static inline uint32_t get32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t get64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static inline uint64_t frame_room(size_t payload)
{
    return (JOURNAL_FRAME_BYTES + (uint64_t)payload + 7u) & ~UINT64_C(7);
}

/* `room` as frame_room gave it: the padding is covered too. */
static inline uint32_t frame_crc(const unsigned char *frame, uint64_t room, uint32_t salt)
{
    return sl_crc32c(salt, frame + FRAME_CRC_FROM, (size_t)room - FRAME_CRC_FROM);
}

void journal_head_write(unsigned char *base, const struct journal_head *h);

#endif
