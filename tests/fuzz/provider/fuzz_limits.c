/* Headers about limits, one "name: value" a line, and what the headroom makes of them: nothing that is said makes a share out of range,
 * and nothing keeps a target away for longer than five minutes. */
#include "base/check.h"
#include "base/clock.h"
#include "upstream/headroom.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str rest = sl_str_of((const char *)data, n);
    struct http_headers h = {0};
    struct sl_arena a;
    struct provider_limits l;
    struct headroom room = {0};
    struct headroom_mark m = {.set = false};
    const struct headroom_need need = {.input = n, .output = n / 2, .most = n % 7 == 0 ? UINT64_MAX : n};
    const int64_t now = 1000 * SL_SEC;
    sl_arena_init(&a, NULL);
    while (rest.p != NULL && rest.n > 0) {
        struct sl_str line = sl_str_cut(&rest, '\n'), name = sl_str_cut(&line, ':');
        http_headers_add(&h, &a, name, sl_str_trim(line.p != NULL ? line : SL_STR("")));
    }
    bool known = provider_limits_read(&h, INT64_C(1795000000) * SL_SEC, &l);
    SL_CHECK(known == (l.known != 0));
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        const struct provider_limit *v = &l.by[i];
        if ((l.known & 1u << i) != 0)
            SL_CHECK(v->limit > 0 && v->remaining >= 0 && v->remaining <= v->limit && v->reset_ns >= -1);
    }
    headroom_take(&room, &l, &m, now);
    for (unsigned i = 0; i < 4; i++) {
        headroom_send(&room, &need, &m);
        SL_CHECK(headroom_left(&room, &need, now + i * SL_SEC) <= HEADROOM_WHOLE);
    }
    headroom_take(&room, &l, &m, now);
    SL_CHECK(headroom_left(&room, &need, now + 300 * SL_SEC) == HEADROOM_WHOLE);
    sl_arena_done(&a);
    return 0;
}
