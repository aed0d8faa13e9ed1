#include "base/reader.h"

struct sl_str sl_read_str16(struct sl_reader *r)
{
    return sl_read_bytes(r, (size_t)sl_read_uint(r, 2));
}
