/* Request bodies: what is accepted and spliced is valid JSON again and says what was asked for. */
#include "dialect/openai_chat/openai_chat.h"

#include <yyjson.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct sl_str joined(const struct body_pieces *p, struct sl_arena *a)
{
    char *s = sl_arena_alloc(a, p->bytes);
    size_t n = 0;
    for (int i = 0; i < p->n; i++) {
        memcpy(s + n, p->v[i].iov_base, p->v[i].iov_len);
        n += p->v[i].iov_len;
    }
    SL_CHECK(n == p->bytes);
    return sl_str_of(s, n);
}

static void check_spliced(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                          struct sl_arena *a)
{
    struct body_pieces p;
    openai_request_encode_same(f, body, change, a, &p);
    struct sl_str got = joined(&p, a);
    struct request_facts again;
    struct request_refusal refusal;
    SL_CHECK(openai_request_decode(f->op, got, a, &again, &refusal));
    SL_CHECK(sl_str_eq(again.model, change->model.n > 0 ? change->model : f->model));
    for (unsigned i = 0; i < RM_OURS; i++)
        SL_CHECK(again.at[i].kind == JSON_ABSENT);
    SL_CHECK(again.stream == f->stream && again.max_output == f->max_output && again.n == f->n);
    SL_CHECK(again.payload_bytes == f->payload_bytes && again.messages == f->messages);
    SL_CHECK(p.usage_asked ? again.include_usage == SAID_YES && f->include_usage != SAID_YES
                           : again.include_usage == f->include_usage);
    /* Another reader takes the result if it takes the original (it does not take lone surrogates). */
    yyjson_doc *before = yyjson_read(body.p, body.n, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_doc *after = yyjson_read(got.p, got.n, YYJSON_READ_NUMBER_AS_RAW);
    SL_CHECK(before == NULL || yyjson_is_obj(yyjson_doc_get_root(after)));
    yyjson_doc_free(before);
    yyjson_doc_free(after);
    /* Nothing to do: the same bytes. */
    struct body_pieces same;
    openai_request_encode_same(&again, got, &(struct request_change){.ask_usage = p.usage_asked}, a, &same);
    SL_CHECK(same.n == 1 && same.v[0].iov_base == got.p && same.bytes == got.n);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 1)
        return 0;
    struct sl_str body = sl_str_of(data + 1, n - 1);
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct request_facts f;
    struct request_refusal r;
    enum operation op = (data[0] & 1) != 0 ? OP_EMBEDDINGS : OP_CHAT;
    if (openai_request_decode(op, body, &a, &f, &r)) {
        struct request_change c = {.ask_usage = (data[0] & 2) != 0};
        if ((data[0] & 4) != 0)
            c.model = SL_STR("a \"new\" \\name\xc3\xa4");
        check_spliced(&f, body, &c, &a);
    } else {
        SL_CHECK(r.error.error > GE_NONE && r.error.error < GE_COUNT && r.at <= body.n);
        struct sl_str e = error_body(&a, ERRORS_OPENAI, &r.error);
        yyjson_doc *d = yyjson_read(e.p, e.n, 0);
        SL_CHECK(d != NULL);
        yyjson_doc_free(d);
    }
    sl_arena_done(&a);
    return 0;
}
