/* Responses, all readers and writers: the first byte says which, the rest is what they get. */
#include "dialect/openai_responses/openai_responses.h"

#include "base/check.h"
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const struct dialect foreign = {.name = SL_STR_INIT("anthropic")};

static struct translation *translation(struct sl_arena *a, const struct neutral_request *req, unsigned options)
{
    struct translation *t = SL_ARENA_NEW(a, struct translation);
    struct neutral_notes *notes = SL_ARENA_NEW(a, struct neutral_notes);
    notes->a = a;
    *t = (struct translation){
        .face = (options & 1) != 0 ? &foreign : &openai_responses_dialect,
        .up = (options & 2) != 0 ? &foreign : &openai_responses_dialect,
        .req = req,
        .caps = caps_find(responses_caps, (options & 4) != 0 ? SL_STR("gpt-4.1") : SL_STR("gpt-5")),
        .unsupported = (options & 8) != 0 ? UNSUPPORTED_DROP : UNSUPPORTED_REPORT,
        .up_model = SL_STR("gpt-5"),
        .a = a,
        .notes = notes,
        .id = SL_STR("x1"),
        .show_reasoning = true};
    return t;
}

static void check_json(struct sl_buf *out)
{
    SL_CHECK(!out->over);
    SL_CHECK(json_is(sl_buf_str(out), JSON_OBJECT));
}

static void run_request(struct sl_str in, unsigned options, struct sl_arena *a)
{
    struct neutral_request *req = SL_ARENA_NEW(a, struct neutral_request);
    struct request_refusal refusal;
    struct request_facts facts;
    struct sl_buf out;
    responses_request_decode(OP_RESPONSES, in, a, &facts, &refusal);
    if (!responses_request_read(OP_RESPONSES, in, a, req, &refusal)) {
        SL_CHECK(refusal.error.error != GE_NONE);
        return;
    }
    struct translation *t = translation(a, req, options);
    req->from = t->face;
    sl_buf_init(&out, 64 * in.n + (1 << 20));
    if (responses_request_write(t, &out, &refusal))
        check_json(&out);
    else
        SL_CHECK(refusal.error.error == GE_UNSUPPORTED);
    sl_buf_done(&out);
}

static void run_state(struct sl_str in, struct sl_arena *a)
{
    struct request_refusal refusal;
    struct sl_str body;
    struct sl_buf out;
    sl_buf_init(&out, 64 * in.n + (1 << 20));
    if (responses_input_expand(in, SL_STR("[ {\"type\":\"message\"} ]"), NULL, NULL, a, &body, &refusal)) {
        SL_CHECK(json_is(body, JSON_OBJECT));
        if (responses_input_items(body, SL_STR("x1"), a, &out))
            SL_CHECK(json_is(sl_buf_str(&out), JSON_ARRAY));
    }
    sl_buf_done(&out);
}

static void put(void *owner, const struct neutral_event *e)
{
    const struct neutral_sink *two = owner;
    neutral_put(&two[0], e);
    neutral_put(&two[1], e);
}

static void write_event(void *owner, const struct neutral_event *e)
{
    responses_stream_write(owner, e);
}

/* Somebody goes on where this one broke off: what is written has JSON only, and an end. */
static void run_resume(struct translation *t, struct told *told)
{
    static const struct neutral_event goes_on[] = {
        {.kind = NE_START}, {.kind = NE_TEXT, .text = SL_STR_INIT("on")}, {.kind = NE_FINISH, .finish = FINISH_STOP}};
    struct sl_buf out;
    sl_buf_init(&out, 64u << 20);
    void *writer = responses_stream_write_resume(t, &out, told);
    for (size_t i = 0; writer != NULL && i < 3; i++)
        responses_stream_write(writer, &goes_on[i]);
    if (writer != NULL)
        responses_stream_write_end(writer);
    SL_CHECK(writer == NULL || sl_str_find_str(sl_buf_str(&out), SL_STR("response.completed")) > 0);
    sl_buf_done(&out);
}

static bool read_stream(struct sl_str in, struct translation *t, const struct neutral_sink *sink)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    void *reader = responses_stream_read_begin(t);
    struct stream_unended *unended = responses_unended_new(t->a);
    const struct token_counts usage = {.found = true, .prompt = 1};
    const size_t in_n = in.n;
    bool good = true;
    struct told told;
    told_init(&told, t->a);
    told.unended = unended;
    sse_scanner_init(&sse, 0);
    while (good && sse_next(&sse, &in, &piece) == SSE_PIECE) {
        struct stream_event seen;
        char *kept = sl_memdup0(piece.data.p, piece.data.n);
        responses_stream_watch(NULL, piece.name, piece.data, &seen);
        told_event(&told, &seen, piece.data);
        responses_unended_see(unended, piece.data, &seen);
        good = !piece.has_data || responses_stream_read(reader, piece.name, sl_str_of(kept, piece.data.n), sink);
        sl_free(kept);
    }
    sse_scanner_done(&sse);
    struct sl_str end = SL_STR_NONE; /* once: one or the other */
    if (in_n % 3 != 0)
        end = responses_unended_write(unended, &usage, in_n % 3 == 1);
    SL_CHECK(end.n == 0 || sl_str_ends(end, SL_STR("}\n\n")));
    run_resume(t, &told);
    told_done(&told);
    return responses_stream_read_end(reader, sink) && good;
}

/* A stream (or an answer) becomes a stream and an answer: both can be read again. */
static void run_answer(struct sl_str in, unsigned options, struct sl_arena *a, bool stream)
{
    static const struct neutral_request req = {.n = 1};
    struct translation *t = translation(a, &req, options);
    struct sl_buf out, whole;
    sl_buf_init(&out, 64 * in.n + (1 << 20));
    sl_buf_init(&whole, 64 * in.n + (1 << 20));
    void *writer = responses_stream_write_begin(t, &out);
    struct neutral_collector *c = neutral_collector_new(a);
    struct neutral_sink two[] = {{.put = write_event, .owner = writer}, neutral_collector_sink(c)};
    const struct neutral_sink sink = {.put = put, .owner = two};
    bool good = stream ? read_stream(in, t, &sink) : responses_answer_read(t, in, &sink);
    const struct neutral_answer *answer = neutral_collected(c);
    responses_answer_write(t, answer, &whole);
    check_json(&whole);
    if (good && !answer->failed) {
        responses_stream_write_end(writer);
        struct neutral_collector *again = neutral_collector_new(a);
        const struct neutral_sink back = neutral_collector_sink(again);
        SL_CHECK(read_stream(sl_buf_str(&out), t, &back));
    }
    sl_buf_done(&out);
    sl_buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 1)
        return 0;
    struct sl_arena a;
    struct sl_str in = sl_str_of(data + 1, n - 1);
    sl_arena_init(&a, NULL);
    switch (data[0] >> 4 & 3) {
    case 0:
        run_request(in, data[0] & 15, &a);
        break;
    case 1:
        run_state(in, &a);
        break;
    case 2:
        run_answer(in, data[0] & 15, &a, false);
        break;
    default:
        run_answer(in, data[0] & 15, &a, true);
        break;
    }
    sl_arena_done(&a);
    return 0;
}
