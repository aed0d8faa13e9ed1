/* Messages, all readers and writers: the first byte says which, the second for whom; the rest is what they get. What is written must
 * keep the order that Anthropic asks for, whatever was read. */
#include "dialect/anthropic/anthropic.h"

#include "base/check.h"
#include "base/mem.h"
#include "dialect/json_tree.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const struct dialect foreign = {.name = SL_STR_INIT("openai")};

static struct translation *translation(struct sl_arena *a, struct neutral_request *req, unsigned options)
{
    static const struct sl_str models[] = {SL_STR_INIT("claude-opus-5-5"), SL_STR_INIT("claude-opus-4-8"),
                                           SL_STR_INIT("claude-sonnet-4-5"), SL_STR_INIT("gemini")},
                               platforms[] = {SL_STR_INIT(""), SL_STR_INIT("bedrock"), SL_STR_INIT("vertex"),
                                              SL_STR_INIT("")};
    struct translation *t = SL_ARENA_NEW(a, struct translation);
    struct neutral_notes *notes = SL_ARENA_NEW(a, struct neutral_notes);
    struct sl_str *wrapped = SL_ARENA_NEW(a, struct sl_str);
    notes->a = a;
    *wrapped = SL_STR("w");
    *t = (struct translation){.face = (options & 1) != 0 ? &foreign : &anthropic_dialect,
                              .up = (options & 2) != 0 ? &foreign : &anthropic_dialect,
                              .req = req,
                              .caps = caps_find(anthropic_caps, models[options >> 2 & 3]),
                              .unsupported = (options & 64) != 0 ? UNSUPPORTED_DROP : UNSUPPORTED_REPORT,
                              .up_model = models[options >> 2 & 3],
                              .platform = platforms[options >> 4 & 3],
                              .a = a,
                              .notes = notes,
                              .id = SL_STR("x1"),
                              .estimate_input = 5000,
                              .show_reasoning = (options & 128) == 0};
    if ((options & 128) != 0) {
        t->json_tool = SL_STR("j");
        t->wrapped = wrapped;
        t->n_wrapped = 1;
        t->json_asked_in_words = (options & 64) != 0;
    }
    return t;
}

/* -- Requests ------------------------------------------------------------------------------------------------------------------ */

static bool type_is(const struct json_tree *t, const struct json_node *v, const char *type)
{
    return json_text_is(t, json_get(t, v, SL_STR("type")), sl_str_c(type));
}

/* Every call of the assistant's has its result in front of the next message, in order. */
static void check_results(const struct json_tree *t, const struct json_node *assistant, const struct json_node *user)
{
    const struct json_node *result = json_child(json_get(t, user, SL_STR("content")));
    for (JSON_EACH(t, json_get(t, assistant, SL_STR("content")), it)) {
        if (!type_is(t, it, "tool_use"))
            continue;
        SL_CHECK(result != NULL && type_is(t, result, "tool_result"));
        SL_CHECK(sl_str_eq(json_get_inside(t, it, SL_STR("id")), json_get_inside(t, result, SL_STR("tool_use_id"))));
        result = json_sibling(t, result);
    }
    for (; result != NULL; result = json_sibling(t, result))
        SL_CHECK(!type_is(t, result, "tool_result"));
}

static void check_conversation(struct sl_str body, struct sl_arena *a)
{
    struct json_tree t;
    SL_CHECK(json_tree_read(&t, body, a));
    const struct json_node *list = json_get(&t, json_root(&t), SL_STR("messages")), *before = NULL;
    SL_CHECK(json_kind_of(list) == JSON_ARRAY && list->children > 0);
    for (JSON_EACH(&t, list, it)) {
        const struct json_node *role = json_get(&t, it, SL_STR("role"));
        SL_CHECK(json_get(&t, it, SL_STR("content"))->children > 0);
        if (before == NULL)
            SL_CHECK(json_text_is(&t, role, SL_STR("user")));
        else
            SL_CHECK(!sl_str_eq(json_inside_of(&t, role), json_get_inside(&t, before, SL_STR("role"))));
        if (before != NULL && json_text_is(&t, json_get(&t, before, SL_STR("role")), SL_STR("assistant")))
            check_results(&t, before, it);
        before = it;
    }
}

static void run_request(struct sl_str in, unsigned options, struct sl_arena *a)
{
    struct neutral_request *req = SL_ARENA_NEW(a, struct neutral_request), again = {.n = 1};
    struct request_refusal refusal;
    struct request_facts facts;
    struct sl_buf out;
    enum operation op = (options & 3) == 3 ? OP_MESSAGES_COUNT : OP_MESSAGES;
    anthropic_request_decode(op, in, a, &facts, &refusal);
    if (!anthropic_codec.request_read(op, in, a, req, &refusal)) {
        SL_CHECK(refusal.error.error != GE_NONE);
        return;
    }
    struct translation *t = translation(a, req, options);
    req->from = t->face;
    sl_buf_init(&out, 64 * in.n + (1 << 20));
    if (anthropic_codec.request_write(t, &out, &refusal)) {
        SL_CHECK(!out.over);
        check_conversation(sl_buf_str(&out), a);
        again.model = SL_STR("m");
        SL_CHECK(anthropic_codec.request_read(op, sl_buf_str(&out), a, &again, &refusal));
    } else {
        SL_CHECK(refusal.error.error != GE_NONE && refusal.error.param.n > 0);
    }
    sl_buf_done(&out);
}

/* The body of a relayed request stays JSON when members are cut out of it. */
static void run_same(struct sl_str in, unsigned options, struct sl_arena *a)
{
    static const struct sl_str platforms[] = {SL_STR_INIT(""), SL_STR_INIT("bedrock"), SL_STR_INIT("vertex"),
                                              SL_STR_INIT("")};
    struct request_facts facts;
    struct request_refusal refusal;
    struct body_pieces pieces;
    struct sl_buf out;
    if (!anthropic_request_decode(OP_MESSAGES, in, a, &facts, &refusal))
        return;
    const struct request_change change = {
        .model = SL_STR("other"), .platform = platforms[options & 3], .counts = (options & 4) != 0};
    anthropic_request_encode_same(&facts, in, &change, a, &pieces);
    sl_buf_init(&out, in.n + 4096);
    for (int i = 0; i < pieces.n; i++)
        sl_buf_add(&out, pieces.v[i].iov_base, pieces.v[i].iov_len);
    SL_CHECK(out.n == pieces.bytes);
    SL_CHECK(json_is(sl_buf_str(&out), JSON_OBJECT));
    sl_buf_done(&out);
    SL_CHECK(json_is(anthropic_body_from_vertex(in, SL_STR("a \"model\""), a), JSON_OBJECT));
}

/* -- Answers -------------------------------------------------------------------------------------------------------------------- */

static void put(void *owner, const struct neutral_event *e)
{
    const struct neutral_sink *two = owner;
    neutral_put(&two[0], e);
    neutral_put(&two[1], e);
}

static void write_event(void *owner, const struct neutral_event *e)
{
    anthropic_codec.stream_write(owner, e);
}

static bool read_stream(struct sl_str in, struct translation *t, const struct neutral_sink *sink)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    struct stream_memo memo = {0};
    void *reader = anthropic_codec.stream_read_begin(t);
    bool good = true;
    sse_scanner_init(&sse, 0);
    while (good && sse_next(&sse, &in, &piece) == SSE_PIECE) {
        struct stream_event seen, alone;
        char *kept = sl_memdup0(piece.data.p, piece.data.n);
        struct sl_str data = sl_str_of(kept, piece.data.n);
        anthropic_stream_watch(&memo, piece.name, data, &seen);
        anthropic_stream_watch(NULL, piece.name, data, &alone);
        SL_CHECK(seen.kind == alone.kind && seen.output_bytes == alone.output_bytes && seen.finish == alone.finish);
        good = !piece.has_data || anthropic_codec.stream_read(reader, piece.name, data, sink);
        sl_free(kept);
    }
    sse_scanner_done(&sse);
    return anthropic_codec.stream_read_end(reader, sink) && good;
}

/* message_start, ping, blocks one after the other without gaps, message_delta, message_stop. */
static void check_grammar(struct sl_str in, struct sl_arena *a)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    uint64_t index = 0, said = 0;
    bool open = false, begun = false, ended = false, stopped = false;
    sse_scanner_init(&sse, 64u << 20);
    while (sse_next(&sse, &in, &piece) == SSE_PIECE) {
        struct json_tree t;
        SL_CHECK(piece.kind == SSE_EVENT && json_tree_read(&t, piece.data, a));
        const struct json_node *at = json_get(&t, json_root(&t), SL_STR("index"));
        SL_CHECK(json_text_is(&t, json_get(&t, json_root(&t), SL_STR("type")), piece.name) && !stopped);
        SL_CHECK(at == NULL || (json_u64_of(&t, at, &said) && said == index && begun && !ended));
        if (sl_str_eq(piece.name, SL_STR("message_start"))) {
            SL_CHECK(!begun);
            begun = true;
        } else if (sl_str_eq(piece.name, SL_STR("content_block_start"))) {
            SL_CHECK(!open);
            open = true;
        } else if (sl_str_eq(piece.name, SL_STR("content_block_delta"))) {
            SL_CHECK(open);
        } else if (sl_str_eq(piece.name, SL_STR("content_block_stop"))) {
            SL_CHECK(open);
            open = false;
            index++;
        } else if (sl_str_eq(piece.name, SL_STR("message_delta"))) {
            SL_CHECK(begun && !open && !ended);
            ended = true;
        } else if (sl_str_eq(piece.name, SL_STR("message_stop"))) {
            SL_CHECK(ended);
            stopped = true;
        } else {
            SL_CHECK(sl_str_eq(piece.name, SL_STR("ping")) && begun);
        }
    }
    SL_CHECK(stopped && sse_rest(&sse).n == 0);
    sse_scanner_done(&sse);
}

static void run_answer(struct sl_str in, unsigned options, struct sl_arena *a, bool stream)
{
    struct neutral_tool custom = {.kind = NT_CUSTOM, .name = SL_STR("c")};
    struct neutral_request req = {.n = 1, .tools = &custom, .reasoning = {.budget = (options & 32) != 0 ? -2 : -1}};
    struct translation *t = translation(a, &req, options);
    struct sl_buf out, whole;
    sl_buf_init(&out, 64 * in.n + (1 << 20));
    sl_buf_init(&whole, 64 * in.n + (1 << 20));
    void *writer = anthropic_codec.stream_write_begin(t, &out);
    struct neutral_collector *c = neutral_collector_new(a);
    struct neutral_sink two[] = {{.put = write_event, .owner = writer}, neutral_collector_sink(c)};
    const struct neutral_sink sink = {.put = put, .owner = two};
    bool good = stream ? read_stream(in, t, &sink) : anthropic_codec.answer_read(t, in, &sink);
    anthropic_codec.answer_write(t, neutral_collected(c), &whole);
    SL_CHECK(!whole.over && json_is(sl_buf_str(&whole), JSON_OBJECT));
    if (good) {
        anthropic_codec.stream_write_end(writer);
        SL_CHECK(!out.over);
        check_grammar(sl_buf_str(&out), a);
    }
    struct answer_facts facts;
    anthropic_answer_decode(in, &facts);
    struct sl_str blocks = stream ? anthropic_blocks_of_events(in, a) : SL_STR_NONE;
    SL_CHECK(blocks.n == 0 || json_is(blocks, JSON_ARRAY));
    sl_buf_done(&out);
    sl_buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    char *kept = sl_memdup0(data + 2, n - 2);
    struct sl_str in = sl_str_of(kept, n - 2);
    switch (data[0] % 4) {
    case 0:
        run_request(in, data[1], &a);
        break;
    case 1:
        run_answer(in, data[1], &a, true);
        break;
    case 2:
        run_answer(in, data[1], &a, false);
        break;
    default:
        run_same(in, data[1], &a);
    }
    sl_free(kept);
    sl_arena_done(&a);
    return 0;
}
