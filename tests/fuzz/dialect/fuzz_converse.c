/* Converse: requests of any face written, streams and answers of any bytes read and told on. What is written is JSON; a stream that was
 * broken off is never whole. The first byte says which, and in which face. */
#include "base/check.h"
#include "dialect/aws_stream.h"
#include "dialect/bedrock_converse/bedrock_converse.h"
#include "dialect/json_tree.h"
#include "dialect/relay_translate.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const char *const faces[] = {"openai", "anthropic", "gemini", "openai-responses"};
static const enum operation operations[] = {OP_CHAT, OP_MESSAGES, OP_GENERATE, OP_RESPONSES};
static const char *const models[] = {"us.amazon.nova-2-lite-v1:0", "meta.llama3-3-70b-instruct-v1:0",
                                     "mistral.mistral-large-2407-v1:0", "openai.gpt-oss-120b-1:0"};

static struct translation *translation(struct sl_arena *a, unsigned how, const struct neutral_request *req)
{
    struct translation *t = SL_ARENA_NEW(a, struct translation);
    *t = (struct translation){.face = dialect_find(sl_str_c(faces[how & 3])),
                              .up = &bedrock_converse_dialect,
                              .req = req,
                              .up_model = sl_str_c(models[how >> 2 & 3]),
                              .unsupported = (how & 16) != 0 ? UNSUPPORTED_DROP : UNSUPPORTED_REPORT,
                              .platform = SL_STR("bedrock"),
                              .a = a,
                              .show_reasoning = true,
                              .json_tool = (how & 32) != 0 ? SL_STR("json_response") : SL_STR_NONE,
                              .json_asked_in_words = (how & 33) == 1,
                              .id = SL_STR("x")};
    t->caps = caps_find(bedrock_converse_caps, t->up_model);
    t->notes = SL_ARENA_NEW(a, struct neutral_notes);
    t->notes->a = a;
    return t;
}

static void try_request(struct sl_arena *a, struct sl_str body, unsigned how)
{
    struct neutral_request req = {.model = SL_STR("m"), .from = dialect_find(sl_str_c(faces[how & 3]))};
    struct request_refusal refusal = {.at = 0};
    struct sl_buf out;
    if (!req.from->codec->request_read(operations[how & 3], body, a, &req, &refusal))
        return;
    struct translation *t = translation(a, how & 31u, &req);
    t->json_asked_in_words = false;
    sl_buf_init(&out, 64u << 20);
    if (bedrock_converse_codec.request_write(t, &out, &refusal))
        SL_CHECK(json_is(sl_buf_str(&out), JSON_OBJECT));
    else
        SL_CHECK(refusal.error.error > GE_NONE && refusal.error.error < GE_COUNT);
    sl_buf_done(&out);
}

static void try_stream(struct sl_arena *a, struct sl_str bytes, unsigned how, bool framed)
{
    struct neutral_request req = {.model = SL_STR("m"), .from = dialect_find(sl_str_c(faces[how & 3]))};
    struct relay_translate r;
    struct aws_stream frames;
    const struct iovec *v;
    int n;
    relay_translate_init(&r, translation(a, how, &req), 0);
    aws_stream_init(&frames, 0);
    frames.plain = true;
    size_t half = bytes.n / 2;
    for (int i = 0; i < 2; i++) {
        struct sl_str part = i == 0 ? sl_str_head(bytes, half) : sl_str_from(bytes, half), events = part;
        if (framed)
            aws_stream_feed(&frames, part, &events);
        if (relay_translate_feed(&r, events, &v, &n) == RELAY_BROKEN)
            r.state.saw_error = true;
    }
    bool whole = !r.state.saw_error && relay_translate_end(&r, 0);
    SL_CHECK(!whole || r.state.saw_finish);
    relay_translate_done(&r);
    aws_stream_done(&frames);
}

static void try_answer(struct sl_arena *a, struct sl_str body, unsigned how)
{
    struct neutral_request req = {.model = SL_STR("m"), .from = dialect_find(sl_str_c(faces[how & 3]))};
    struct relay_state state;
    struct sl_buf out;
    sl_buf_init(&out, 64u << 20);
    if (relay_translate_answer(translation(a, how, &req), body, false, &out, &state))
        SL_CHECK(json_is(sl_buf_str(&out), JSON_OBJECT));
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_arena a;
    if (n < 2)
        return 0;
    struct sl_str rest = sl_str_of(data + 2, n - 2);
    sl_arena_init(&a, NULL);
    switch (data[0] & 3) {
    case 0:
        try_request(&a, rest, data[1]);
        break;
    case 1:
        try_stream(&a, rest, data[1], false);
        break;
    case 2:
        try_stream(&a, rest, data[1], true);
        break;
    default:
        try_answer(&a, rest, data[1]);
    }
    sl_arena_done(&a);
    return 0;
}
