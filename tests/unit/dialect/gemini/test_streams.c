/* Answers and streams: what is read from Google's, and what Gemini clients get. Cases: gemini.md 7, 8, 10; translate-gemini.md 8, 9,
 * 12, 14, 15, 19, 20.2 to 20.4. */
#include "dialect/gemini/gemini_int.h"

#include "gemini_test.h"

/* One line for each part, for comparing. */
static struct sl_str shown(const struct neutral_answer *answer)
{
    static const char *const kinds[] = {
        [NP_TEXT] = "text",     [NP_REFUSAL] = "refusal", [NP_REASONING] = "thought", [NP_TOOL_CALL] = "call",
        [NP_HOSTED] = "hosted", [NP_IMAGE] = "image",     [NP_AUDIO] = "audio",
    };
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        const struct neutral_answer_choice *c = &answer->choices[i];
        for (const struct neutral_part *p = c->parts; p != NULL; p = p->next) {
            sl_buf_addf(&out, "%s", kinds[p->kind]);
            const struct sl_str texts[] = {p->text, p->name, p->arguments, p->type, p->media.data};
            for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
                if (texts[k].n > 0)
                    sl_buf_addf(&out, " " SL_STR_FMT, SL_STR_ARG(texts[k]));
            struct carrier s = carrier_unpack(&arena, p->signature);
            if (p->signature.n > 0)
                sl_buf_addf(&out, " %s=" SL_STR_FMT, s.vendor == CARRIER_NONE ? "raw" : "carried",
                            SL_STR_ARG(s.payload));
            sl_buf_addf(&out, "%s\n", p->custom ? " custom" : "");
        }
        sl_buf_addf(&out, "finish %d", (int)c->finish);
        for (uint32_t k = 0; k < c->n_citations; k++)
            sl_buf_addf(&out, " cites " SL_STR_FMT " %d-%d", SL_STR_ARG(c->citations[k].url), (int)c->citations[k].from,
                        (int)c->citations[k].to);
        sl_buf_addf(&out, i + 1 < answer->n_choices ? "\n" : "");
    }
    const struct token_counts *u = &answer->usage;
    if (u->found)
        sl_buf_addf(&out, " usage %d %d %d %d", (int)u->prompt, (int)u->cached, (int)u->completion, (int)u->reasoning);
    if (answer->failed)
        sl_buf_addf(&out, " error %d " SL_STR_FMT " " SL_STR_FMT " " SL_STR_FMT, answer->error.status,
                    SL_STR_ARG(answer->error.type), SL_STR_ARG(answer->error.code), SL_STR_ARG(answer->error.message));
    return kept(&out);
}

#define EV(json) "data: " json "\r\n\r\n"
#define CAND(parts, more) "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts "]}" more "}]"
#define USE(p, c, t, total)                                                                                            \
    ",\"usageMetadata\":{\"promptTokenCount\":" #p ",\"candidatesTokenCount\":" #c ",\"thoughtsTokenCount\":" #t       \
    ",\"totalTokenCount\":" #total "}"
#define STOP ",\"finishReason\":\"STOP\""
#define CALL(args) "{\"functionCall\":{\"name\":\"weather\",\"args\":" args "},\"thoughtSignature\":\"EpcB\"}"

/* translate-gemini.md 20.2 */
#define WORKED                                                                                                         \
    EV("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Checking. \",\"thought\":true}]}}],"  \
       "\"usageMetadata\":{\"promptTokenCount\":40,\"thoughtsTokenCount\":20,\"totalTokenCount\":60},\"responseId\":"  \
       "\"r1\"}")                                                                                                      \
    EV(CAND(CALL("{\"city\":\"Rome\"}"), "") "}")                                                                      \
    EV(CAND("{\"text\":\"\"}", STOP) USE(40, 12, 31, 83) "}")

static const struct {
    const char *in, *out;
    bool fails; /* not whole */
} streams[] = {
    {WORKED, "thought Checking. \ncall weather {\"city\":\"Rome\"} carried=EpcB\nfinish 4 usage 40 0 43 31", false},
    /* STOP on every chunk; pieces are one text; LF line ends */
    {"data: " CAND("{\"text\":\"Hel\"}", STOP) "}\n\ndata: " CAND("{\"text\":\"lo\"}", STOP) USE(1, 2, 0, 3) "}\n\n",
     "text Hello\nfinish 1 usage 1 0 2 0", false},
    /* the end without content, in its three forms */
    {EV(CAND("{\"text\":\"a\"}", "") "}") EV("{\"candidates\":[{\"content\":{},\"finishReason\":\"MAX_TOKENS\"}]}"),
     "text a\nfinish 3", false},
    {EV(CAND("{\"text\":\"a\"}", "") "}") EV("{\"candidates\":[{\"finishReason\":\"STOP\"}]}"), "text a\nfinish 1",
     false},
    {EV("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":null},\"finishReason\":\"STOP\"}]}"), "finish 1",
     false},
    /* two calls of one name, in two chunks; no arguments; a signature by itself */
    {EV(CAND("{\"functionCall\":{\"name\":\"f\"}}", "") "}")
         EV(CAND("{\"functionCall\":{\"name\":\"f\",\"args\":{ \"a\" : 1.0 }}}", "") "}")
             EV(CAND("{\"text\":\"\",\"thoughtSignature\":\"EqX\"}", STOP) "}"),
     "call f {}\ncall f {\"a\":1.0}\nfinish 4", false},
    /* nothing says that it is over */
    {EV(CAND("{\"text\":\"a\"}", "") "}"), "text a\nfinish 0", true},
    {"", "", true},
    {EV("{\"usageMetadata\":{\"promptTokenCount\":1}}"), " usage 1 0 0 0", true},
    /* a blocked prompt: 20.4 */
    {EV("{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{\"promptTokenCount\":9,"
        "\"totalTokenCount\":9}}"),
     "finish 5 usage 9 0 0 0", false},
    {EV(CAND("{\"text\":\"a\"}", ",\"finishReason\":\"SAFETY\"") "}"), "text a\nfinish 5", false},
    /* ends that are failures when nothing was said */
    {EV(CAND("", ",\"finishReason\":\"OTHER\"") "}"),
     " error 502 OTHER upstream_no_content The model gave no usable answer.", true},
    {EV(CAND("{\"text\":\"a\"}", ",\"finishReason\":\"BRAND_NEW\"") "}"), "text a\nfinish 9", false},
    {EV(CAND("", ",\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"call:f{\"") "}"),
     " error 502 MALFORMED_FUNCTION_CALL malformed_function_call call:f{", true},
    /* errors: as an event, in a list, in a message within a message */
    {EV(CAND("{\"text\":\"a\"}", "") "}")
         EV("{\"error\":{\"code\":503,\"message\":\"over\",\"status\":\"UNAVAILABLE\"}}"),
     "text a\nfinish 0 error 503 UNAVAILABLE  over", true},
    {EV("[{\"error\":{\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"reason\":\"RATE_LIMIT_EXCEEDED\"}]}}]"),
     " error 429 RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED m", true},
    {EV("{\"error\":{\"code\":400,\"message\":\"Bad: {\\\"error\\\":{\\\"code\\\":429,\\\"message\\\":\\\"slow\\\","
        "\\\"status\\\":\\\"RESOURCE_EXHAUSTED\\\"}}\",\"status\":\"INVALID_ARGUMENT\"}}"),
     " error 429 RESOURCE_EXHAUSTED  slow", true},
    /* usage: of each count the newest report; counts as texts; thoughts that are within the candidates */
    {EV(CAND("{\"text\":\"a\"}", "") ",\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"}}") EV(
         CAND("{\"text\":\"b\"}", "") ",\"usageMetadata\":{\"promptTokenCount\":\"30\",\"cachedContentTokenCount\":10,"
                                      "\"toolUsePromptTokenCount\":5}}")
         EV(CAND("", STOP) ",\"usageMetadata\":{\"promptTokenCount\":28,\"candidatesTokenCount\":4}}"),
     "text ab\nfinish 1 usage 33 10 4 0", false},
    {EV(CAND("{\"text\":\"a\"}", STOP) USE(10, 30, 20, 40) "}"), "text a\nfinish 1 usage 10 0 30 20", false},
    /* arguments in pieces: gemini.md 8.4 */
    {EV(CAND("{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}", "") "}") EV(CAND(
         "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"x\\\"\",\"willContinue\":true},"
         "{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"y\"}],\"willContinue\":true}}",
         "") "}")
         EV(CAND(
             "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.n\",\"numberValue\":1.50},{\"jsonPath\":\"$['k k']\","
             "\"boolValue\":true},{\"jsonPath\":\"$.z\",\"nullValue\":null},{\"jsonPath\":\"$.t[]\"}],\"willContinue\":true}}",
             "") "}") EV(CAND("{\"functionCall\":{}}", STOP) "}"),
     "call f {\"a\":{\"b\":[\"x\\\"y\"]},\"n\":1.50,\"k k\":true,\"z\":null,\"t\":[]}\nfinish 4", false},
    {EV(CAND("{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}", STOP) "}"), "", true},
    /* pictures; those of its thinking stay out */
    {EV(CAND(
         "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"},\"thought\":true},{\"inlineData\":{\"mimeType\":"
         "\"image/png\",\"data\":\"BBBB\"}}",
         STOP) "}"),
     "image BBBB\nfinish 1", false},
    /* code that ran at Google, as text */
    {EV(CAND(
         "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1+1\"}},{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_OK\","
         "\"output\":\"2\"}}",
         STOP) "}"),
     "text \\n```python\\n1+1\\n```\\n\\n```output\\n2\\n```\\n\nfinish 1", false},
    /* two answers */
    {EV("{\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"},{\"index\":0,"
        "\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}"),
     "text a\nfinish 1\ntext b\nfinish 1", false},
    /* bytes of a text are not its characters */
    {EV(CAND(
         "{\"text\":\"\xc3\xa4\xe2\x82\xac\\ud83d\\ude00z\"}", STOP
         ",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":\"t\"}}],\"groundingSupports\":["
         "{\"segment\":{\"startIndex\":2,\"endIndex\":9},\"groundingChunkIndices\":[0,7]}]}") "}"),
     "text \xc3\xa4\xe2\x82\xac\\ud83d\\ude00z\nfinish 1 cites u 1-3", false},
};

static void reads_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct stream_result r =
            read_stream(translation("openai", "gemini", "gemini-3.8-flash"), sl_str_c(streams[i].in));
        struct sl_str got = shown(r.answer);
        if (!sl_str_eq(got, sl_str_c(streams[i].out)) || r.whole == streams[i].fails || r.broken)
            fail_msg("%s\ngot  %.*s (%s)\nwant %s", streams[i].in, SL_STR_ARG(got), r.whole ? "whole" : "not whole",
                     streams[i].out);
    }
}

/* Ids of calls: one for each, the same each time, in the spelling of the client's format. */
static void makes_ids(void **state)
{
    (void)state;
    const struct neutral_part *a, *b;
    a = read_stream(translation("openai", "gemini", "gemini-3.8-flash"), SL_STR(WORKED)).answer->choices[0].parts->next;
    b = read_stream(translation("anthropic", "gemini", "gemini-3.8-flash"), SL_STR(WORKED))
            .answer->choices[0]
            .parts->next;
    assert_true(sl_str_starts(a->id, SL_STR("call_")) && a->id.n == 29);
    assert_true(sl_str_starts(b->id, SL_STR("toolu_")));
    assert_true(sl_str_eq(sl_str_from(a->id, 5), sl_str_from(b->id, 6)));
    struct carrier c = carrier_unpack(&arena, a->signature);
    assert_true(c.vendor == CARRIER_GOOGLE && sl_str_eq(c.family, SL_STR("gemini-3")));
}

static struct sl_str client_stream(struct translation *t, struct sl_str bytes, bool *out_whole)
{
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    void *writer = t->face->codec->stream_write_begin(t, &out);
    const struct neutral_sink sink = {.put = t->face->codec->stream_write, .owner = writer};
    void *reader = t->up->codec->stream_read_begin(t);
    struct sse_scanner sse;
    struct sse_piece piece;
    bool good = true;
    sse_scanner_init(&sse, 0);
    while (good && sse_next(&sse, &bytes, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data)
            good = t->up->codec->stream_read(reader, piece.name, piece.data, &sink);
    bool rest = sse_rest(&sse).n > 0;
    sse_scanner_done(&sse);
    *out_whole = good && t->up->codec->stream_read_end(reader, &sink) && !rest;
    if (*out_whole)
        t->face->codec->stream_write_end(writer);
    return kept(&out);
}

/* Cut anywhere, an answer is whole only where the finish was met; read in slices it is the same. */
static void survives_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct sl_str in = sl_str_c(streams[i].in);
        struct sl_str full = shown(read_stream(translation("openai", "gemini", "gemini-3.8-flash"), in).answer);
        for (size_t n = 0; n < in.n; n++) {
            struct sl_arena keep = arena;
            sl_arena_init(&arena, NULL);
            char *cut = malloc(n + 1);
            memcpy(cut, in.p, n);
            struct stream_result r =
                read_stream(translation("openai", "gemini", "gemini-3.8-flash"), sl_str_of(cut, n));
            bool every = sl_str_find_str(in, SL_STR("STOP\"}]}\n\ndata")) >
                         0; /* STOP on every chunk: any end may be one */
            if (r.whole && !every && !sl_str_eq(shown(r.answer), full))
                fail_msg("%s\ncut at %zu is whole: %.*s", streams[i].in, n, SL_STR_ARG(shown(r.answer)));
            free(cut);
            sl_arena_done(&arena);
            arena = keep;
        }
    }
}

/* -- Gemini clients ------------------------------------------------------------------------------------------------------------ */

#define A(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define CLAUDE                                                                                                         \
    A("message_start", ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"         \
                       "\"claude-opus-4-6\",\"content\":[],\"usage\":{\"input_tokens\":10,"                            \
                       "\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":2,\"output_tokens\":1}}")        \
    A("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","                \
                             "\"signature\":\"\"}")                                                                    \
    A("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm \"}")              \
    A("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"ok\"}")               \
    A("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqC/\"}")           \
    A("content_block_stop", ",\"index\":0")                                                                            \
    A("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")                       \
    A("content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Looking\"}")                  \
    A("content_block_stop", ",\"index\":1")                                                                            \
    A("content_block_start",                                                                                           \
      ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\","                       \
      "\"input\":{}}")                                                                                                 \
    A("content_block_delta",                                                                                           \
      ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"x\\\":\"}")                       \
    A("content_block_delta", ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" 1.0}\"}")      \
    A("content_block_stop", ",\"index\":2")                                                                            \
    A("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{"                  \
                       "\"output_tokens\":30}")                                                                        \
    A("message_stop", "")

/* Puts what a client got together again, as its SDK does: texts joined, parts in order. */
static void each_chunk_is_fine(struct sl_str out)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    sse_scanner_init(&sse, 0);
    while (sse_next(&sse, &out, &piece) == SSE_PIECE) {
        assert_int_equal(piece.kind, SSE_EVENT);
        assert_true(sl_str_starts(piece.raw, SL_STR("data: {")) && sl_str_ends(piece.raw, SL_STR("}\r\n\r\n")));
        assert_int_equal(piece.name.n, 0);
        assert_true(sl_str_find(piece.data, '\n') < 0 && sl_str_find(piece.data, '\r') < 0);
        yyjson_doc *d = yyjson_read(piece.data.p, piece.data.n, 0);
        assert_non_null(d);
        assert_true(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "candidates")) > 0);
        yyjson_doc_free(d);
    }
    assert_int_equal(sse_rest(&sse).n, 0);
    sse_scanner_done(&sse);
}

static void writes_streams(void **state)
{
    (void)state;
    bool whole;
    struct translation *t = translation("gemini", "anthropic", "claude-opus-4-6");
    struct sl_str out = client_stream(t, SL_STR(CLAUDE), &whole);
    assert_true(whole);
    each_chunk_is_fine(out);
    /* What an SDK makes of it: read again with our own reader, as a Gemini client of ours. */
    struct translation *again = translation("gemini", "gemini", "mine");
    const struct neutral_answer *answer = read_stream(again, out).answer;
    struct sl_str got = shown(answer);
    assert_true(sl_str_starts(got, SL_STR("thought hm ok\ntext Looking\ncall f {\"x\":1.0} raw=")));
    assert_true(sl_str_ends(got, SL_STR("finish 4 usage 17 5 30 0")));
    const struct neutral_part *call = answer->choices[0].parts->next->next;
    assert_true(sl_str_eq(call->id, SL_STR("toolu_1")));
    struct neutral_part *thought = gem_envelope_unpack(&arena, call->signature);
    assert_non_null(thought);
    assert_true(sl_str_eq(thought->text, SL_STR("hm ok")));
    assert_true(sl_str_eq(carrier_unpack(&arena, thought->signature).payload, SL_STR("EqC/")));
    assert_true(thought->next != NULL && thought->next->kind == NP_TEXT && thought->next->next == NULL); /* "Looking" */
    /* Not shown to whoever did not ask, but carried all the same. */
    t = translation("gemini", "anthropic", "claude-opus-4-6");
    t->show_reasoning = false;
    out = client_stream(t, SL_STR(CLAUDE), &whole);
    assert_true(sl_str_find_str(out, SL_STR("hm ok")) < 0 && sl_str_find_str(out, SL_STR("thoughtSignature")) > 0);
}

static void writes_one_array(void **state)
{
    (void)state;
    bool whole;
    struct translation *t = translation("gemini", "anthropic", "claude-opus-4-6");
    t->stream_array = true;
    struct sl_str out = client_stream(t, SL_STR(CLAUDE), &whole);
    assert_true(whole && sl_str_starts(out, SL_STR("[{")) && sl_str_ends(out, SL_STR("}]")));
    assert_true(sl_str_find_str(out, SL_STR("}\r\n,\r\n{")) > 0);
    yyjson_doc *d = yyjson_read(out.p, out.n, 0);
    assert_true(yyjson_arr_size(yyjson_doc_get_root(d)) >= 3);
    yyjson_doc_free(d);
    const struct neutral_sink nowhere = neutral_collector_sink(neutral_collector_new(&arena));
    assert_true(gemini_answer_read(translation("gemini", "gemini", "mine"), out, &nowhere));
}

/* The assembled stream is the answer that is not streamed. */
static void stream_is_answer(void **state)
{
    (void)state;
    bool whole;
    struct translation *t = translation("gemini", "anthropic", "claude-opus-4-6");
    struct sl_str events = client_stream(t, SL_STR(CLAUDE), &whole), plain;
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    gemini_answer_write(t, read_stream(t, SL_STR(CLAUDE)).answer, &out);
    plain = kept(&out);
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    assert_true(gemini_answer_read(translation("gemini", "gemini", "mine"), plain, &sink));
    struct sl_str one = shown(neutral_collected(c));
    struct sl_str two = shown(read_stream(translation("gemini", "gemini", "mine"), events).answer);
    if (!sl_str_eq(one, two))
        fail_msg("%.*s\n%.*s", SL_STR_ARG(one), SL_STR_ARG(two));
    assert_true(sl_str_find_str(plain, SL_STR("\"modelVersion\":\"mine\"")) > 0);
    assert_true(sl_str_find_str(plain, SL_STR("\"responseId\":\"x1\"")) > 0);
}

static void put(void *writer, struct neutral_event e)
{
    gemini_stream_write(writer, &e);
}

/* Any order of events: text behind an open call waits for it; calls that mix; no start, no end of calls, no usage. */
static void survives_any_order(void **state)
{
    (void)state;
    struct translation *t = translation("gemini", "openai", "gpt-4o");
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    void *w = gemini_stream_write_begin(t, &out);
    put(w, (struct neutral_event){.kind = NE_CALL_BEGIN, .call = 0, .id = SL_STR("a"), .name = SL_STR("f")});
    put(w, (struct neutral_event){.kind = NE_CALL_BEGIN, .call = 1, .id = SL_STR("b"), .name = SL_STR("g")});
    put(w, (struct neutral_event){.kind = NE_CALL_ARGS, .call = 0, .text = SL_STR("{\\n\\\"a\\\":")});
    put(w, (struct neutral_event){.kind = NE_CALL_ARGS, .call = 1, .text = SL_STR("[1]")});
    put(w, (struct neutral_event){.kind = NE_TEXT, .block = 2, .text = SL_STR("be")});
    put(w, (struct neutral_event){.kind = NE_TEXT, .block = 2, .text = SL_STR("hind")});
    put(w, (struct neutral_event){.kind = NE_CALL_ARGS, .call = 0, .text = SL_STR("1}")});
    put(w, (struct neutral_event){.kind = NE_CALL_ARGS, .call = 9, .text = SL_STR("?")});
    put(w, (struct neutral_event){.kind = NE_CALL_END, .call = 9});
    assert_int_equal(out.n, 0);
    put(w, (struct neutral_event){.kind = NE_CALL_END, .call = 0});
    assert_true(out.n > 0);
    gemini_stream_write_end(w);
    struct sl_str got = kept(&out);
    each_chunk_is_fine(got);
    struct sl_str one = shown(read_stream(translation("gemini", "gemini", "mine"), got).answer);
    assert_true(sl_str_eq(one, SL_STR("call f {\"a\":1}\ncall g {\"value\":[1]}\ntext behind\nfinish 4")));
}

static struct sl_str broken_call(enum neutral_finish finish)
{
    struct translation *t = translation("gemini", "openai", "gpt-4o");
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    void *w = gemini_stream_write_begin(t, &out);
    put(w, (struct neutral_event){.kind = NE_CALL_BEGIN, .call = 0, .id = SL_STR("a"), .name = SL_STR("f")});
    put(w, (struct neutral_event){.kind = NE_CALL_ARGS, .call = 0, .text = SL_STR("{oh")});
    put(w, (struct neutral_event){.kind = NE_FINISH, .finish = finish});
    gemini_stream_write_end(w);
    struct sl_str got = kept(&out);
    each_chunk_is_fine(got);
    assert_true(sl_str_find_str(got, SL_STR("oh")) < 0);
    return got;
}

static void tells_broken_arguments(void **state)
{
    (void)state;
    struct sl_str got = broken_call(FINISH_TOOL_CALLS);
    assert_true(sl_str_find_str(got, SL_STR("\"finishReason\":\"MALFORMED_FUNCTION_CALL\"")) > 0);
    got = broken_call(FINISH_LENGTH); /* cut by the limit, not broken by the model */
    assert_true(sl_str_find_str(got, SL_STR("\"finishReason\":\"MAX_TOKENS\"")) > 0);
}

/* Nothing came and it was over: a client still gets its one candidate. */
static void ends_without_content(void **state)
{
    (void)state;
    struct translation *t = translation("gemini", "openai", "gpt-4o");
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    gemini_stream_write_end(gemini_stream_write_begin(t, &out));
    struct sl_str got = kept(&out);
    expect_json(
        sl_str_from(got, 6),
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
        "\"index\":0}],\"modelVersion\":\"mine\",\"responseId\":\"x1\"}");
    const struct neutral_answer none = {.n_choices = 0,
                                        .usage = {.found = true, .prompt = 3, .completion = 2, .reasoning = 1}};
    sl_buf_init(&out, 1 << 20);
    gemini_answer_write(t, &none, &out);
    assert_true(
        sl_str_find_str(kept(&out), SL_STR("\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":1,"
                                           "\"thoughtsTokenCount\":1,\"totalTokenCount\":5}")) > 0);
}

/* -- Whole answers ---------------------------------------------------------------------------------------------------------------- */

static struct sl_str read_answer(struct translation *t, const char *body, bool *out_fine)
{
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    *out_fine = t->up->codec->answer_read(t, sl_str_c(body), &sink);
    return shown(neutral_collected(c));
}

static void reads_answers(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        bool fails;
    } rows[] = {
        {CAND("{\"text\":\"A\",\"thoughtSignature\":\"EqD\"}", STOP ",\"avgLogprobs\":-0.1") USE(5, 2, 1, 8) "}",
         "text A\nfinish 1 usage 5 0 3 1", false},
        {"[" CAND("{\"text\":\"A\"}", "") "},\r\n" CAND("{\"text\":\"B\"}", STOP) "}]", "text AB\nfinish 1", false},
        {"{}", "", true},
        {"{\"candidates\":[]}", "", true},
        {"{\"candidates\":7}", "", true},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":7}]}}]}", "", true},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":\"x\"}}]}}]}", "", true},
        {"<html>", "", true},
        {"", "", true},
        {"{\"error\":\"text\"}", " error 0   text", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool fine;
        struct translation *t = translation("openai", "gemini", "gemini-3.8-flash");
        struct sl_str got = read_answer(t, rows[i].in, &fine);
        if (fine == rows[i].fails || !sl_str_eq(got, sl_str_c(rows[i].out)))
            fail_msg("%s\ngot  %.*s\nwant %s", rows[i].in, SL_STR_ARG(got), rows[i].out);
    }
}

static void restores_names_and_inputs(void **state)
{
    (void)state;
    struct translation *t = translation("openai", "gemini", "gemini-3.8-flash");
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct neutral_tool custom = {.kind = NT_CUSTOM, .name = SL_STR("9 lives")}, plain = {.name = SL_STR("f")};
    custom.next = &plain;
    req->tools = &custom;
    t->req = req;
    struct sl_str changed = names_out(&t->names, &names_gemini, custom.name, &arena);
    struct sl_str body =
        sl_arena_printf(&arena,
                        CAND("{\"functionCall\":{\"name\":\"" SL_STR_FMT "\",\"args\":{\"input\":\"a\\nb\"}}},"
                             "{\"functionCall\":{\"name\":\"default_api.f\"}},{\"functionCall\":{\"name\":"
                             "\"default_api.other\"}}",
                             STOP) "}",
                        SL_STR_ARG(changed));
    bool fine;
    struct sl_str got = read_answer(t, body.p, &fine);
    assert_true(fine);
    assert_true(sl_str_eq(got, SL_STR("call a\\nb 9 lives custom\ncall f {}\ncall default_api.other {}\nfinish 4")));
}

static void counts(void **state)
{
    (void)state;
    struct translation *t = translation("anthropic", "gemini", "gemini-3.8-flash");
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    req->kind = NO_COUNT_TOKENS;
    t->req = req;
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    assert_true(gemini_answer_read(t, SL_STR("{\"totalTokens\":31,\"promptTokensDetails\":[]}"), &sink));
    assert_int_equal(neutral_collected(c)->usage.prompt, 31);
    struct sl_buf out;
    sl_buf_init(&out, 1000);
    gemini_answer_write(t, neutral_collected(c), &out);
    expect_json(kept(&out), "{\"totalTokens\":31}");
    assert_false(gemini_answer_read(t, SL_STR("{\"totalTokens\":\"many\"}"), &sink));
}

/* Log-probabilities and citations there and back. */
static void keeps_details(void **state)
{
    (void)state;
    static const char body[] = CAND(
        "{\"text\":\"\xc3\xa4z\"}", STOP
        ",\"index\":0,\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":\"t\"}}],"
        "\"groundingSupports\":[{\"segment\":{\"startIndex\":2,\"endIndex\":3,\"text\":\"z\"},"
        "\"groundingChunkIndices\":[0]}]},\"logprobsResult\":{\"topCandidates\":[{\"candidates\":[{\"token\":\"a\","
        "\"logProbability\":-0.10}]}],\"chosenCandidates\":[{\"token\":\"a\",\"logProbability\":-0.10}]}")
        USE(5, 2, 1, 8) ",\"modelVersion\":\"mine\",\"responseId\":\"x1\"}";
    struct translation *t = translation("gemini", "gemini", "gemini-3.8-flash");
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    assert_true(gemini_answer_read(t, sl_str_c(body), &sink));
    struct sl_buf out;
    sl_buf_init(&out, 10000);
    gemini_answer_write(t, neutral_collected(c), &out);
    expect_json(kept(&out), body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_cuts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_one_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stream_is_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_broken_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_without_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restores_names_and_inputs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_details, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
