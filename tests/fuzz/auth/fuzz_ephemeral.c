/* Ephemeral keys: no bytes are one that was not signed, what is made of them reads back, and finding one in a head stays within it. */
#include "auth/ephemeral.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tls_hmac pepper;
    static bool prepared;
    struct sl_str bytes = sl_str_of(data, size), text;
    struct ephemeral e, back;
    struct sl_arena a;
    if (!prepared)
        tls_hmac_init(&pepper, SL_STR("pepper of nobody's"));
    prepared = true;
    sl_arena_init(&a, NULL);
    SL_CHECK(!ephemeral_read(&pepper, bytes, &a, &e));
    e = (struct ephemeral){.expires_s = (int64_t)size, .model = sl_str_head(bytes, EPHEMERAL_MODEL_MAX)};
    e.session = sl_str_head(sl_str_from(bytes, e.model.n), EPHEMERAL_SESSION_MAX);
    if (e.model.n > 0) {
        text = ephemeral_write(&pepper, &e, &a);
        SL_CHECK(ephemeral_read(&pepper, text, &a, &back) && sl_str_eq(back.model, e.model) &&
                 sl_str_eq(back.session, e.session) && back.expires_s == e.expires_s);
    }
    struct http_headers h = {0};
    http_headers_add(&h, &a, SL_STR("sec-websocket-protocol"), bytes);
    if (ephemeral_find(&h, &text))
        SL_CHECK(text.p >= bytes.p && text.p + text.n <= bytes.p + bytes.n);
    sl_arena_done(&a);
    return 0;
}
