/* The chat format's codec, fed with anything. The first byte says with what: a request (written again, for a provider of the same
 * format, it must be read), a stream in slices, a whole answer. What clients get of a stream is whole only when its reader says so,
 * and is a stream that the same reader takes. */
#include "dialect/codec.h"

#include "base/check.h"
#include "dialect/json_tree.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct setup {
    struct sl_arena a;
    struct neutral_notes notes;
    struct neutral_request req;
    struct translation t;
    struct sl_buf out;
    struct neutral_collector *collector;
    void *writer;
    unsigned starts, finishes, calls;
    bool failed, done;
};

static void begin(struct setup *s, unsigned flags)
{
    static const char *const models[] = {"gpt-4o", "gpt-5", "gpt-6-sol", "some-model"};
    static const char *const faces[] = {"openai", "anthropic", "openai-responses", "gemini"};
    static const struct sl_str stops[] = {SL_STR_INIT("ab"), SL_STR_INIT("a\\n")}, wrapped[] = {SL_STR_INIT("f")};
    *s = (struct setup){.starts = 0};
    sl_arena_init(&s->a, NULL);
    sl_buf_init(&s->out, 256u << 20);
    s->notes.a = &s->a;
    s->req =
        (struct neutral_request){.from = dialect_find(sl_str_c(faces[flags & 3])), .n = 1, .model = SL_STR("alias")};
    s->req.include_usage = SAID_YES;
    s->req.legacy_functions = (flags & 64) != 0;
    s->t = (struct translation){
        .face = dialect_find(SL_STR("openai")), .up = dialect_find(SL_STR("openai")), .req = &s->req};
    s->t.a = &s->a;
    s->t.notes = &s->notes;
    s->t.up_model = sl_str_c(models[flags >> 2 & 3]);
    s->t.platform = flags & 16 ? SL_STR("compatible") : SL_STR_NONE;
    s->t.caps = caps_find(openai_chat_codec.caps, s->t.up_model);
    s->t.id = SL_STR("x1");
    s->t.show_reasoning = true;
    s->t.unsupported = flags & 32 ? UNSUPPORTED_DROP : UNSUPPORTED_REPORT;
    if (flags & 128) {
        s->req.stops = stops;
        s->req.n_stops = s->t.stops_kept_back = 2;
        s->t.wrapped = wrapped;
        s->t.n_wrapped = 1;
    }
    s->collector = neutral_collector_new(&s->a);
}

static void end(struct setup *s)
{
    sl_buf_done(&s->out);
    sl_arena_done(&s->a);
}

static void take(void *owner, const struct neutral_event *e)
{
    struct setup *s = owner;
    const struct neutral_sink collect = neutral_collector_sink(s->collector);
    s->starts += e->kind == NE_START;
    s->finishes += e->kind == NE_FINISH;
    SL_CHECK(s->starts <= 1 && (s->starts == 1 || e->kind == NE_ERROR));
    SL_CHECK(!s->failed && !s->done);
    s->failed = e->kind == NE_ERROR;
    s->done = e->kind == NE_DONE;
    if (e->kind == NE_CALL_BEGIN)
        SL_CHECK(e->id.n > 0 && e->name.n > 0);
    neutral_put(&collect, e);
    if (s->writer != NULL && e->kind != NE_ERROR && e->kind != NE_DONE)
        openai_chat_codec.stream_write(s->writer, e);
}

static void try_request(struct sl_str body, unsigned flags)
{
    struct setup s, again;
    struct request_refusal refusal;
    begin(&s, flags);
    const struct dialect *from = s.req.from;
    if (openai_chat_codec.request_read(OP_CHAT, body, &s.a, &s.req, &refusal)) {
        s.req.from = from;
        if (openai_chat_codec.request_write(&s.t, &s.out, &refusal)) {
            struct sl_str out = sl_buf_str(&s.out);
            SL_CHECK(json_is(out, JSON_OBJECT));
            begin(&again, flags);
            bool read = openai_chat_codec.request_read(OP_CHAT, out, &again.a, &again.req, &refusal);
            SL_CHECK(read || sl_str_eq(refusal.error.param, SL_STR("messages"))); /* all of them empty */
            end(&again);
        } else {
            SL_CHECK(refusal.error.error != GE_NONE && refusal.error.param.n > 0);
        }
    } else {
        SL_CHECK(refusal.error.error != GE_NONE);
    }
    end(&s);
}

static bool feed(struct setup *s, struct sl_str in, size_t step, bool write)
{
    const struct neutral_sink to = {.put = take, .owner = s};
    struct sse_scanner sse;
    bool fine = true;
    sse_scanner_init(&sse, 0);
    void *reader = openai_chat_codec.stream_read_begin(&s->t);
    s->writer = write ? openai_chat_codec.stream_write_begin(&s->t, &s->out) : NULL;
    while (in.n > 0 && fine) {
        struct sl_str slice = sl_str_head(in, step);
        struct sse_piece piece;
        while (fine && sse_next(&sse, &slice, &piece) == SSE_PIECE)
            if (piece.kind == SSE_EVENT && piece.has_data)
                fine = openai_chat_codec.stream_read(reader, piece.name, piece.data, &to);
        in = sl_str_from(in, step);
    }
    fine = fine && openai_chat_codec.stream_read_end(reader, &to) && !s->failed;
    if (fine && write)
        openai_chat_codec.stream_write_end(s->writer);
    s->writer = NULL;
    sse_scanner_done(&sse);
    return fine;
}

static struct sl_str answer_of(struct setup *s)
{
    struct sl_buf out;
    sl_buf_init(&out, 256u << 20);
    openai_chat_codec.answer_write(&s->t, neutral_collected(s->collector), &out);
    struct sl_str text = sl_arena_str(&s->a, sl_buf_str(&out));
    sl_buf_done(&out);
    SL_CHECK(json_is(text, JSON_OBJECT));
    return text;
}

static void try_stream(struct sl_str body, unsigned flags)
{
    struct setup s, again;
    begin(&s, flags);
    if (feed(&s, body, 1 + body.n % 61, true)) {
        SL_CHECK(s.finishes > 0);
        answer_of(&s);
        begin(&again, flags & ~128u);
        SL_CHECK(feed(&again, sl_buf_str(&s.out), 4096, false));
        SL_CHECK(again.finishes >= s.finishes);
        end(&again);
    }
    end(&s);
}

static void try_answer(struct sl_str body, unsigned flags)
{
    struct setup s, again;
    begin(&s, flags);
    const struct neutral_sink to = {.put = take, .owner = &s};
    if (openai_chat_codec.answer_read(&s.t, body, &to) && !s.failed) {
        struct sl_str text = answer_of(&s);
        begin(&again, flags & ~128u);
        const struct neutral_sink to_again = {.put = take, .owner = &again};
        SL_CHECK(openai_chat_codec.answer_read(&again.t, text, &to_again) && !again.failed);
        end(&again);
    }
    end(&s);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    struct sl_str body = sl_str_of(data + 2, n - 2);
    if (data[0] % 3 == 0)
        try_request(body, data[1]);
    else if (data[0] % 3 == 1)
        try_stream(body, data[1]);
    else
        try_answer(body, data[1]);
    return 0;
}
