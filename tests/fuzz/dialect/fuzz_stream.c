/* Streams through the relay: whole and in slices the same comes out and the same is seen. */
#include "dialect/relay_same.h"

#include "base/check.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct result {
    char *p;
    size_t n;
    struct relay_state state;
    bool complete;
};

static void keep(struct result *r, const struct iovec *v, int count)
{
    for (int i = 0; i < count; i++) {
        memcpy(r->p + r->n, v[i].iov_base, v[i].iov_len);
        r->n += v[i].iov_len;
    }
}

enum memory {
    WITH_MEMO,
    WITHOUT_MEMO
};

static void run(struct sl_str in, unsigned options, unsigned step, enum memory memory, struct result *r)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct relay_same relay;
    relay_same_init(&relay, dialect_find(SL_STR("openai")), options, &a);
    if (memory == WITHOUT_MEMO)
        relay.memo = NULL;
    *r = (struct result){.p = sl_malloc(in.n + 1)};
    while (in.n > 0) {
        size_t n = step == 0 || step > in.n ? in.n : step;
        const struct iovec *v;
        int count;
        char *slice = sl_memdup0(in.p, n);
        relay_same_feed(&relay, sl_str_of(slice, n), &v, &count);
        keep(r, v, count);
        sl_free(slice);
        in = sl_str_from(in, n);
        step = step * 5 % 61;
    }
    r->state = relay.state;
    r->complete = relay_same_complete(&relay);
    relay_same_done(&relay);
    sl_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    struct sl_str in = sl_str_of(data + 2, n - 2);
    struct result whole, sliced;
    run(in, data[0] & 3, 0, WITHOUT_MEMO, &whole); /* each event looked at for itself */
    run(in, data[0] & 3, 1 + data[1] % 60, WITH_MEMO, &sliced);
    SL_CHECK(whole.n <= in.n);
    SL_CHECK(whole.n == sliced.n && memcmp(whole.p, sliced.p, whole.n) == 0);
    SL_CHECK(whole.complete == sliced.complete);
    SL_CHECK(whole.state.saw_content == sliced.state.saw_content && whole.state.saw_done == sliced.state.saw_done);
    SL_CHECK(whole.state.saw_finish == sliced.state.saw_finish && whole.state.saw_error == sliced.state.saw_error);
    SL_CHECK(whole.state.events == sliced.state.events && whole.state.output_bytes == sliced.state.output_bytes);
    SL_CHECK(whole.state.output_bytes <= in.n);
    SL_CHECK(memcmp(&whole.state.usage, &sliced.state.usage, sizeof whole.state.usage) == 0);
    sl_free(whole.p);
    sl_free(sliced.p);
    return 0;
}
