#include "base/writer.h"

void sl_write_str16(struct sl_writer *w, struct sl_str s)
{
    if (s.n > UINT16_MAX)
        s.n = UINT16_MAX;
    sl_write_uint(w, s.n, 2);
    sl_write_bytes(w, s.p, s.n);
}
