/* Range, If-Range and If-None-Match: whatever comes, a part is within the whole. The first byte is the size's. */
#include "base/check.h"
#include "http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 2, 100, UINT64_C(1) << 40, UINT64_MAX};
    if (size == 0)
        return 0;
    uint64_t whole = sizes[data[0] % (sizeof sizes / sizeof sizes[0])], first = 0, last = 0;
    struct sl_str value = sl_str_of(data + 1, size - 1);
    if (range_read(value, whole, &first, &last) == RANGE_PART)
        SL_CHECK(first <= last && last < whole);
    const struct sl_str tag = SL_STR("\"0123\"");
    if (range_holds(value, tag) && value.n > 0 && sl_str_trim(value).n > 0)
        SL_CHECK(sl_str_find_str(value, tag) >= 0);
    (void)etag_is_listed(value, tag);
    return 0;
}
