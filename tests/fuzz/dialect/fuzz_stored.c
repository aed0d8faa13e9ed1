/* Stored responses: an answer of a provider's, contents of the store, a query. The first byte says which; whatever comes, what is
 * written is JSON. */
#include "dialect/openai_responses/openai_responses.h"

#include "base/check.h"
#include "base/mem.h"
#include "dialect/json_tree.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check(const struct sl_buf *b, enum json_kind kind)
{
    SL_CHECK(b->over || json_is(sl_buf_str(b), kind));
}

static void run_answer(struct sl_str in, struct sl_arena *a)
{
    struct responses_kept k;
    struct sl_str id = responses_id_peek(in);
    SL_CHECK(id.n == 0 || responses_id_is(id));
    if (!responses_kept_read(in, a, &k))
        return;
    SL_CHECK(responses_id_is(k.id) && json_is(k.object, JSON_OBJECT));
    for (size_t i = 0; i < k.n_items; i++)
        SL_CHECK(responses_id_is(k.items[i]));
}

/* Two turns, cut at a NUL: body and input of the first, the rest is both of the second. */
static void run_turns(struct sl_str in, struct sl_arena *a)
{
    struct responses_turn turns[2];
    struct sl_buf out;
    turns[0].body = sl_str_cut(&in, 0);
    turns[0].input = in.p != NULL ? sl_str_cut(&in, 0) : SL_STR_NONE;
    turns[1].body = turns[1].input = in;
    sl_buf_init(&out, 64u << 20);
    responses_turns_items(turns, 2, a, &out);
    check(&out, JSON_ARRAY);
    struct responses_index *index = responses_index_new(turns, 2, a);
    responses_index_find(index, SL_STR("msg_1"));
    for (unsigned i = 0; i < 4; i++) {
        const struct responses_page page = {
            .limit = 1 + i, .ascending = (i & 1) != 0, .after = i > 1 ? SL_STR("msg_1") : SL_STR_NONE};
        sl_buf_reset(&out);
        if (responses_page_write(turns, 2, &page, a, &out))
            check(&out, JSON_OBJECT);
    }
    sl_buf_done(&out);
}

static void run_object(struct sl_str in, struct sl_arena *a)
{
    struct sl_buf out;
    struct sl_str *ids = NULL;
    sl_buf_init(&out, 64u << 20);
    if (responses_object_as(in, SL_STR("failed"), SL_STR("why"), a, &out))
        check(&out, JSON_OBJECT);
    responses_is_background(in, a);
    responses_references(in, a, &ids);
    sl_buf_done(&out);
}

static void run_query(struct sl_str in, struct sl_arena *a)
{
    struct responses_page page;
    struct request_refusal refusal;
    if (responses_page_read(in, a, &page, &refusal))
        SL_CHECK(page.limit >= 1 && page.limit <= 100 && (page.after.n == 0 || responses_id_is(page.after)));
    else
        SL_CHECK(refusal.error.error == GE_MEMBER_VALUE && refusal.error.param.n > 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_arena a;
    if (n == 0)
        return 0;
    sl_arena_init(&a, NULL);
    struct sl_str in = sl_str_of(data + 1, n - 1);
    switch (data[0] & 3) {
    case 0:
        run_answer(in, &a);
        break;
    case 1:
        run_turns(in, &a);
        break;
    case 2:
        run_object(in, &a);
        break;
    default:
        run_query(in, &a);
        break;
    }
    sl_arena_done(&a);
    return 0;
}
