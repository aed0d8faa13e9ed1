/* Gemini's format: requests, streams, answers and schemas of any bytes. What is taken can be written again, and what is written is
 * JSON that is taken. The first byte says which; some of its bits, how. */
#include "dialect/gemini/gemini_int.h"

#include "base/check.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct sl_arena arena;

static struct sl_str kept(struct sl_buf *b)
{
    SL_CHECK(!b->over);
    struct sl_str s = sl_arena_str(&arena, sl_buf_str(b));
    sl_buf_done(b);
    return s;
}

static struct translation *translation(unsigned how, const struct neutral_request *req)
{
    static const char *const models[] = {"gemini-3-flash-preview", "gemini-2.0-flash", "gemma-4-31b-it",
                                         "gemini-2.5-pro"};
    struct translation *t = SL_ARENA_NEW(&arena, struct translation);
    t->notes = SL_ARENA_NEW(&arena, struct neutral_notes);
    t->notes->a = &arena;
    t->face = dialect_find((how & 16) != 0 ? SL_STR("anthropic") : SL_STR("gemini"));
    t->up = &gemini_dialect;
    t->req = req;
    t->a = &arena;
    t->up_model = sl_str_c(models[how >> 2 & 3]);
    t->caps = caps_find(gemini_caps, t->up_model);
    t->platform = (how & 32) != 0 ? SL_STR("vertex") : SL_STR_NONE;
    t->unsupported = (how & 64) != 0 ? UNSUPPORTED_DROP : UNSUPPORTED_REPORT;
    t->show_reasoning = (how & 128) == 0;
    t->id = SL_STR("x");
    return t;
}

static void check_refusal(const struct request_refusal *r)
{
    SL_CHECK(r->error.error > GE_NONE && r->error.error < GE_COUNT);
    SL_CHECK(json_is(error_body(&arena, ERRORS_GEMINI, &r->error), JSON_OBJECT));
}

static void try_request(struct sl_str body, unsigned how)
{
    struct neutral_request req = {.model = SL_STR("m")}, again = {.model = SL_STR("m")};
    struct request_refusal refusal = {.at = 0};
    struct request_facts facts = {.model = SL_STR("m")};
    struct body_pieces pieces;
    const struct request_change change = {
        .ask_usage = true, .platform = (how & 32) != 0 ? SL_STR("vertex") : SL_STR_NONE, .counts = (how & 64) != 0};
    if (gemini_request_decode(OP_GENERATE, body, &arena, &facts, &refusal)) {
        struct sl_buf same;
        sl_buf_init(&same, body.n + 4096);
        gemini_request_encode_same(&facts, body, &change, &arena, &pieces);
        for (int i = 0; i < pieces.n; i++)
            sl_buf_add(&same, pieces.v[i].iov_base, pieces.v[i].iov_len);
        SL_CHECK(json_is(kept(&same), JSON_OBJECT));
    } else {
        check_refusal(&refusal);
    }
    if (!gemini_request_read((how & 1) != 0 ? OP_GENERATE_COUNT : OP_GENERATE, body, &arena, &req, &refusal)) {
        check_refusal(&refusal);
        return;
    }
    struct translation *t = translation(how & ~16u, &req);
    struct sl_buf out;
    sl_buf_init(&out, 64u << 20);
    bool fine = gemini_request_write(t, &out, &refusal);
    struct sl_str written = kept(&out);
    if (!fine) {
        check_refusal(&refusal);
        return;
    }
    SL_CHECK(json_is(written, JSON_OBJECT));
    SL_CHECK(gemini_request_read(OP_GENERATE, written, &arena, &again, &refusal));
}

static void check_events(struct sl_str out)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    sse_scanner_init(&sse, 64u << 20);
    while (sse_next(&sse, &out, &piece) == SSE_PIECE) {
        SL_CHECK(piece.kind == SSE_EVENT && sl_str_starts(piece.raw, SL_STR("data: {")));
        SL_CHECK(json_is(piece.data, JSON_OBJECT));
    }
    SL_CHECK(sse_rest(&sse).n == 0);
    sse_scanner_done(&sse);
}

static void try_stream(struct sl_str in, unsigned how)
{
    struct neutral_request req = {.model = SL_STR("m")};
    struct translation *t = translation(how & ~16u, &req);
    struct sl_buf out;
    struct sse_scanner sse;
    struct sse_piece piece;
    bool good = true;
    sl_buf_init(&out, 64u << 20);
    sse_scanner_init(&sse, 0);
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink collect = neutral_collector_sink(c);
    void *writer = gemini_stream_write_begin(t, &out);
    const struct neutral_sink write = {.put = gemini_stream_write, .owner = writer};
    void *readers[] = {gemini_stream_read_begin(t), gemini_stream_read_begin(t)};
    struct stream_memo *memo = SL_ARENA_NEW(&arena, struct stream_memo);
    while (good && sse_next(&sse, &in, &piece) == SSE_PIECE) {
        struct stream_event e;
        gemini_stream_watch(memo, piece.name, piece.data, &e);
        SL_CHECK(e.output_bytes <= piece.data.n);
        if (!piece.has_data)
            continue;
        good = gemini_stream_read(readers[0], piece.name, piece.data, &collect);
        SL_CHECK(good == gemini_stream_read(readers[1], piece.name, piece.data, &write));
    }
    sse_scanner_done(&sse);
    bool whole = good && gemini_stream_read_end(readers[0], &collect);
    SL_CHECK(whole == (good && gemini_stream_read_end(readers[1], &write)));
    if (whole)
        gemini_stream_write_end(writer);
    check_events(kept(&out));
    sl_buf_init(&out, 64u << 20);
    gemini_answer_write(t, neutral_collected(c), &out);
    SL_CHECK(json_is(kept(&out), JSON_OBJECT));
}

static void try_answer(struct sl_str in, unsigned how)
{
    struct neutral_request req = {.model = SL_STR("m"), .kind = (how & 1) != 0 ? NO_COUNT_TOKENS : NO_GENERATE};
    struct translation *t = translation(how, &req);
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    struct sl_buf out;
    struct answer_facts f;
    gemini_answer_decode(in, &f);
    SL_CHECK(f.content_bytes <= in.n);
    bool fine = gemini_answer_read(t, in, &sink);
    const struct neutral_answer *answer = neutral_collected(c);
    sl_buf_init(&out, 64u << 20);
    gemini_answer_write(t, answer, &out);
    SL_CHECK(json_is(kept(&out), JSON_OBJECT));
    if (!fine || (how & 1) != 0)
        return;
    sl_buf_init(&out, 64u << 20);
    void *writer = gemini_stream_write_begin(t, &out);
    const struct neutral_sink events = {.put = gemini_stream_write, .owner = writer};
    neutral_replay(answer, &arena, &events);
    gemini_stream_write_end(writer);
    check_events(kept(&out));
}

static void try_schema(struct sl_str in, unsigned how)
{
    struct sl_str out, again;
    bool lost;
    enum gem_schema_use use = (how & 4) != 0 ? GEM_FOR_TOOL : GEM_FOR_ANSWER;
    if (gem_schema_json(&arena, in, use, &out, &lost) == GEM_SCHEMA_FINE) {
        SL_CHECK(json_is(out, JSON_OBJECT));
        SL_CHECK(gem_schema_openapi(&arena, out, GEM_FOR_ANSWER, &again, &lost) == GEM_SCHEMA_FINE);
        SL_CHECK(json_is(again, JSON_OBJECT));
        SL_CHECK(json_is(gem_schema_back(&arena, again), JSON_OBJECT));
    }
    if (gem_schema_openapi(&arena, in, use, &out, &lost) == GEM_SCHEMA_FINE)
        SL_CHECK(json_is(out, JSON_OBJECT));
    if (json_is(in, JSON_OBJECT))
        SL_CHECK(json_is(gem_schema_back(&arena, in), JSON_OBJECT));
}

/* However the bytes are cut, the pictures in them are the same. */
static void try_pictures(struct sl_str body, unsigned how)
{
    struct gemini_pictures whole = {.count = 0}, cut = {.count = 0};
    size_t step = how % 13 + 1;
    gemini_pictures_feed(&whole, body);
    for (; body.n > step; body = sl_str_from(body, step))
        gemini_pictures_feed(&cut, sl_str_head(body, step));
    gemini_pictures_feed(&cut, body);
    SL_CHECK(whole.count == cut.count && whole.depth == cut.depth && whole.in_string == cut.in_string);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    struct sl_str in = sl_str_of(data + 2, n - 2);
    unsigned how = data[1];
    sl_arena_init(&arena, NULL);
    switch (data[0] & 3) {
    case 0:
        try_request(in, how);
        break;
    case 1:
        try_stream(in, how);
        break;
    case 2:
        try_pictures(in, how);
        try_answer(in, how);
        break;
    default:
        try_schema(in, how);
        break;
    }
    sl_arena_done(&arena);
    return 0;
}
