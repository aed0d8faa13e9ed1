/* Error bodies of any kind: what is read stays within them (or the arena), and always means something. The first line is the
 * value of x-amzn-errortype. */
#include "base/check.h"
#include "dialect/error_read.h"
#include "provider/provider.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static size_t touch(struct sl_str s) /* for the sanitizer: all of it can be read */
{
    size_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str body = sl_str_of(data, n), type = sl_str_cut(&body, '\n');
    struct sl_arena a;
    struct http_headers h = {0};
    struct answer_error e;
    sl_arena_init(&a, NULL);
    http_headers_add(&h, &a, SL_STR("x-amzn-errortype"), type);
    error_read(body, (n & 1) != 0 ? &h : NULL, &a, &e);
    SL_CHECK(touch(e.type) + touch(e.code) + touch(e.message) + touch(e.param) + touch(e.reason) + touch(e.quota) +
                 touch(e.delay) <=
             255 * 8 * (n + 1));
    SL_CHECK(e.message.n <= ERROR_MESSAGE_MAX && (e.status == 0 || (e.status >= 400 && e.status <= 599)));
    struct sl_str text = error_message_text(&e, &a);
    SL_CHECK(text.n <= e.message.n && sl_utf8_valid(text));
    const struct provider_answer r = {.status = 400 + (int)(n % 200),
                                      .type = e.type,
                                      .code = e.code,
                                      .message = e.message,
                                      .reason = e.reason,
                                      .quota = e.quota,
                                      .inner_status = e.status};
    SL_CHECK(provider_fault_of(&r) != PF_NONE && provider_fault_inside(&r) != PF_NONE);
    sl_arena_done(&a);
    return 0;
}
