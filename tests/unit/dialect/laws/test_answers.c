/* The laws of answers (laws.h: a, b, e, f, h) over generated ones: a provider of one format tells an answer, a client of another
 * reads what the translation makes of it. Both ends are played by the codecs of those formats, whose own tests hold them against
 * recorded traffic; here they are held against each other. Argument: cases for each pair. */
#include "laws.h"

#include "dialect/json_tree.h"
#include "dialect/relay_same.h"
#include "dialect/relay_translate.h"
#include "http/sse.h"

#define EVENTS_MAX 96u
#define CALLS_MAX 4u

/* == A generated answer ============================================================================================= */

struct generated {
    struct neutral_event events[EVENTS_MAX];
    unsigned n;
    unsigned block, calls;
};

static void add(struct generated *g, struct neutral_event e)
{
    assert_true(g->n < EVENTS_MAX);
    e.block = g->block;
    g->events[g->n++] = e;
}

/* Whole escapes each, so that a text may be cut between any two. */
static struct sl_str piece(void)
{
    static const char *const pieces[] = {"a",
                                         "Hello",
                                         " ",
                                         "\\n\\n",
                                         "\\\"quoted\\\"",
                                         "\\\\",
                                         "\\u00e9",
                                         "\xc3\xa9",
                                         "\\ud83d\\ude00",
                                         "\xf0\x9f\x98\x80",
                                         "<b>&amp;</b>",
                                         "data: x",
                                         "\\u2028",
                                         "\\/",
                                         "{\\\"a\\\":",
                                         "```",
                                         "\\t",
                                         "[DONE]",
                                         "event: message",
                                         "0"};
    return sl_str_c(pieces[below(sizeof pieces / sizeof pieces[0])]);
}

static struct sl_str words(unsigned most)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 16);
    for (unsigned i = 1 + below(most); i > 0; i--)
        sl_buf_adds(&b, piece());
    return kept(&b);
}

static const char *const arguments_of[] = {
    "",
    "{}",
    "{\"city\":\"Oslo\"}",
    "{\"n\":12345678901234567890,\"f\":1.0e-7,\"g\":-0.0}",
    "{ \"a\" : [1, 2,\t3], \"b\":null }",
    "{\"text\":\"line\\nwith \\\"quotes\\\" and \\\\\"}",
    "{\"deep\":{\"a\":[{\"b\":[[]]}]}}",
    "{\"\\u00e9\":\"\\ud83d\\ude00\",\"\xc3\xa9\":true}",
    "{\"same\":1,\"same\":2}",
    "{\"input\":\"x\",\"value\":{\"type\":\"object\"},\"name\":\"f\",\"arguments\":\"{}\"}",
};

/* Arguments in pieces, cut where no escape is cut. */
static void add_arguments(struct generated *g, uint32_t call, struct sl_str inside)
{
    while (inside.n > 0) {
        size_t n = 1 + below(24);
        n = n < inside.n ? n : inside.n;
        while (n < inside.n && (inside.p[n - 1] == '\\' || ((unsigned char)inside.p[n] & 0xC0) == 0x80))
            n++;
        size_t slash = n; /* \uXXXX, and a pair of them, in one */
        for (size_t i = 0; i + 1 < n; i++)
            if (inside.p[i] == '\\') {
                size_t end = inside.p[i + 1] == 'u' ? i + 6 : i + 2;
                slash = end > n ? end : n;
                i = end - 1;
            }
        n = slash < inside.n ? slash : inside.n;
        add(g, (struct neutral_event){.kind = NE_CALL_ARGS, .call = call, .text = sl_str_head(inside, n)});
        inside = sl_str_from(inside, n);
    }
}

static void add_call(struct generated *g)
{
    static const char *const ids[] = {"call_", "toolu_01", "call_abcdefghijklmnopqrstuvwx"};
    static const char *const names[] = {"f", "get_weather", "mcp__server__tool-name", "_private"};
    uint32_t call = g->calls++;
    add(g, (struct neutral_event){.kind = NE_CALL_BEGIN,
                                  .call = call,
                                  .id = sl_arena_printf(&arena, "%s%u", ids[below(3)], call),
                                  .name = sl_str_c(names[below(4)])});
    add_arguments(g, call,
                  json_escape(sl_str_c(arguments_of[below(sizeof arguments_of / sizeof arguments_of[0])]), &arena));
    add(g, (struct neutral_event){.kind = NE_CALL_END, .call = call});
    g->block++;
}

static void add_text(struct generated *g, enum neutral_event_kind kind)
{
    for (unsigned i = 1 + below(4); i > 0; i--)
        add(g, (struct neutral_event){.kind = kind, .text = words(3)});
    g->block++;
}

static void add_usage(struct generated *g)
{
    struct token_counts u = {.found = true, .completion = below(5000), .cached = one_in(2) ? below(3000) : 0};
    u.cache_write = one_in(3) ? below(900) : 0;
    u.prompt = u.cached + u.cache_write + below(2000);
    u.reasoning = u.completion > 0 && one_in(2) ? below((unsigned)u.completion) : 0;
    u.total = u.prompt + u.completion;
    add(g, (struct neutral_event){.kind = NE_USAGE, .usage = u});
}

static enum neutral_finish some_finish(const struct generated *g, enum format up)
{
    static const enum neutral_finish finishes[] = {FINISH_STOP, FINISH_STOP, FINISH_LENGTH, FINISH_CONTENT_FILTER};
    enum neutral_finish f = finishes[below(4)];
    if (f == FINISH_CONTENT_FILTER && g->calls > 0)
        f = FINISH_STOP; /* no provider does */
    if (f == FINISH_STOP && g->calls > 0 && up != GEMINI)
        f = FINISH_TOOL_CALLS;
    return f;
}

static void generate(struct generated *g, enum format up)
{
    g->n = g->block = g->calls = 0;
    add(g, (struct neutral_event){.kind = NE_START, .id = SL_STR("abc123"), .model = SL_STR("the-model")});
    if (one_in(2))
        add_text(g, NE_REASONING);
    bool refuses = (up == CHAT || up == RESPONSES) && one_in(12);
    for (unsigned blocks = refuses ? 0 : below(4); blocks > 0; blocks--) {
        if (one_in(2) || g->calls == CALLS_MAX)
            add_text(g, NE_TEXT);
        else
            add_call(g);
        if (one_in(8))
            add(g, (struct neutral_event){.kind = NE_PING});
    }
    if (refuses)
        add_text(g, NE_REFUSAL);
    bool late = one_in(2);
    if (!late)
        add_usage(g);
    add(g, (struct neutral_event){.kind = NE_FINISH, .finish = some_finish(g, up)});
    if (late)
        add_usage(g);
}

/* == What an answer says ============================================================================================== */

struct said_call {
    struct sl_str id, name, arguments;
};

struct says {
    struct sl_str text, thought, refusal; /* plain */
    struct said_call calls[CALLS_MAX + 1];
    unsigned n_calls;
    enum neutral_finish finish;
    struct token_counts usage;
};

static struct sl_str joined(const struct neutral_part *parts, enum neutral_part_kind kind)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    for (const struct neutral_part *p = parts; p != NULL; p = p->next)
        if (p->kind == kind)
            sl_buf_adds(&b, json_plain(p->text, &arena));
    return kept(&b);
}

static struct says says_of(const struct neutral_answer *answer)
{
    struct says s = {.usage = answer->usage};
    const struct neutral_answer_choice *c = answer->n_choices > 0 ? &answer->choices[0] : NULL;
    if (c == NULL)
        return s;
    s.text = joined(c->parts, NP_TEXT);
    s.thought = joined(c->parts, NP_REASONING);
    s.refusal = joined(c->parts, NP_REFUSAL);
    for (const struct neutral_part *p = c->parts; p != NULL; p = p->next)
        if (p->kind == NP_TOOL_CALL && s.n_calls <= CALLS_MAX)
            s.calls[s.n_calls++] = (struct said_call){.id = p->id, .name = p->name, .arguments = p->arguments};
    s.finish = c->finish;
    if (s.finish == FINISH_STOP || s.finish == FINISH_TOOL_CALLS)
        s.finish = s.n_calls > 0 ? FINISH_TOOL_CALLS : FINISH_STOP; /* formats differ in who says so */
    return s;
}

static void expect_text(const char *what, struct sl_str want, struct sl_str got)
{
    if (!sl_str_eq(want, got))
        FAIL_CASE("%s: " SL_STR_FMT " became " SL_STR_FMT, what, SL_STR_ARG(want), SL_STR_ARG(got));
}

/* JSON without the blanks between its tokens. */
static struct sl_str compact(struct sl_str raw)
{
    struct sl_buf b;
    bool inside = false;
    sl_buf_init(&b, 1u << 20);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (inside || (c != ' ' && c != '\t' && c != '\n' && c != '\r'))
            sl_buf_addc(&b, c);
        if (inside && c == '\\')
            sl_buf_addc(&b, raw.p[++i]);
        else if (c == '"')
            inside = !inside;
    }
    return kept(&b);
}

/* Law (f). exact: arguments are texts on both sides; where one has them as a value, blanks between tokens are nobody's. */
static void expect_calls(const struct says *want, const struct says *got, bool exact)
{
    if (want->n_calls != got->n_calls)
        FAIL_CASE("%u calls became %u", want->n_calls, got->n_calls);
    for (unsigned i = 0; i < want->n_calls; i++) {
        const struct said_call *w = &want->calls[i], *g = &got->calls[i];
        expect_text("id", w->id, g->id);
        expect_text("name", w->name, g->name);
        bool none = w->arguments.n == 0 && sl_str_eq(g->arguments, SL_STR("{}"));
        if (!none)
            expect_text("arguments", exact ? w->arguments : compact(w->arguments),
                        exact ? g->arguments : compact(g->arguments));
    }
}

/* Law (e): the members that both conventions have; and those that are told always sum. */
static void expect_usage(const struct token_counts *want, const struct token_counts *got, enum format up,
                         enum format face)
{
    bool writes = up != GEMINI && face != GEMINI;
    bool thinks = up != MESSAGES && face != MESSAGES;
    bool same = got->found && want->prompt == got->prompt && want->completion == got->completion &&
                want->cached == got->cached && (!writes || want->cache_write == got->cache_write) &&
                (!thinks || want->reasoning == got->reasoning);
    if (!same)
        FAIL_CASE("usage %u %u %u %u %u became %u %u %u %u %u", (unsigned)want->prompt, (unsigned)want->completion,
                  (unsigned)want->cached, (unsigned)want->cache_write, (unsigned)want->reasoning, (unsigned)got->prompt,
                  (unsigned)got->completion, (unsigned)got->cached, (unsigned)got->cache_write,
                  (unsigned)got->reasoning);
    assert_true(got->cached + got->cache_write <= got->prompt && got->reasoning <= got->completion);
}

static enum neutral_finish finish_through(const struct says *want, enum format up, enum format face)
{
    bool refused = want->refusal.n > 0 && (up == MESSAGES || face == MESSAGES);
    return refused ? FINISH_CONTENT_FILTER : want->finish;
}

static void expect_same(const struct says *want, const struct says *got, enum format up, enum format face)
{
    bool has_refusals = up != GEMINI && up != MESSAGES && face != GEMINI && face != MESSAGES;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, want->text);
    if (!has_refusals)
        sl_buf_adds(&b, want->refusal);
    expect_text("text", kept(&b), got->text);
    if (has_refusals)
        expect_text("refusal", want->refusal, got->refusal);
    expect_text("thought", want->thought, got->thought);
    expect_calls(want, got, up != GEMINI && face != GEMINI);
    if (finish_through(want, up, face) != got->finish)
        FAIL_CASE("finish %d became %d", want->finish, got->finish);
    expect_usage(&want->usage, &got->usage, up, face);
}

/* == The ends of the line =============================================================================================== */

/* The client wishes for usage and thoughts; nothing else of a request decides how an answer looks. */
static const struct neutral_request *plain_request(enum format face)
{
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    req->from = dialect_find(sl_str_c(formats[face].dialect));
    req->model = SL_STR("mine");
    req->n = 1;
    req->include_usage = SAID_YES;
    req->stream = true;
    req->reasoning =
        (struct neutral_reasoning){.effort = EFFORT_HIGH, .budget = 4096, .visible = SAID_YES}; /* thoughts are shown */
    return req;
}

/* The provider's bytes. */
static struct sl_str told(enum format up, const struct generated *g)
{
    struct translation *t = translation(up, up, plain_request(up));
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    void *w = t->up->codec->stream_write_begin(t, &out);
    for (unsigned i = 0; i < g->n; i++)
        t->up->codec->stream_write(w, &g->events[i]);
    t->up->codec->stream_write_end(w);
    return kept(&out);
}

static struct says heard_stream(enum format face, struct sl_str bytes)
{
    struct translation *t = translation(face, face, plain_request(face));
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    void *reader = t->up->codec->stream_read_begin(t);
    struct sse_scanner sse;
    struct sse_piece p;
    sse_scanner_init(&sse, 0);
    while (sse_next(&sse, &bytes, &p) == SSE_PIECE)
        if (p.kind == SSE_EVENT && p.has_data && !t->up->codec->stream_read(reader, p.name, p.data, &sink))
            FAIL_CASE("the client's stream breaks its format: " SL_STR_FMT, SL_STR_ARG(p.data));
    assert_int_equal(sse_rest(&sse).n, 0);
    sse_scanner_done(&sse);
    if (!t->up->codec->stream_read_end(reader, &sink))
        FAIL_CASE("the client's stream is not whole");
    const struct neutral_answer *answer = neutral_collected(c);
    if (answer->failed)
        FAIL_CASE("the client's stream is an error");
    return says_of(answer);
}

static struct says heard_whole(enum format face, struct sl_str body)
{
    struct translation *t = translation(face, face, plain_request(face));
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    if (!t->up->codec->answer_read(t, body, &sink))
        FAIL_CASE("the client's answer breaks its format: " SL_STR_FMT, SL_STR_ARG(body));
    return says_of(neutral_collected(c));
}

/* Through the gateway, in slices of at most `step` bytes; false: it was no success. */
static bool relayed(enum format up, enum format face, struct sl_str bytes, size_t step, struct sl_str *out)
{
    struct translation *t = translation(face, up, plain_request(face));
    struct relay_translate r;
    struct sl_buf all;
    sl_buf_init(&all, 1u << 20);
    relay_translate_init(&r, t, 0);
    bool good = true;
    while (bytes.n > 0 && good) {
        struct sl_str slice = sl_str_head(bytes, 1 + sl_rand_below(&chance, step));
        const struct iovec *v;
        int n;
        enum relay_feed f = relay_translate_feed(&r, slice, &v, &n);
        for (int i = 0; i < n; i++)
            sl_buf_add(&all, v[i].iov_base, v[i].iov_len);
        good = f == RELAY_MORE || f == RELAY_DONE;
        bytes = sl_str_from(bytes, slice.n);
    }
    good = relay_translate_end(&r, 0) && good;
    if (good)
        sl_buf_adds(&all, r.state.terminal);
    relay_translate_done(&r);
    *out = kept(&all);
    return good;
}

/* What goes in and out, for whoever looks for a fault: LAWS_SHOW=1. */
static void shown(struct sl_str in, struct sl_str out)
{
    if (getenv("LAWS_SHOW") == NULL)
        return;
    fwrite(in.p, 1, in.n, stdout);
    fwrite("\n-->\n", 1, 5, stdout);
    fwrite(out.p, 1, out.n, stdout);
    fflush(stdout);
}

/* == The laws =============================================================================================================== */

static struct says truth_of(const struct generated *g)
{
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    for (unsigned i = 0; i < g->n; i++)
        neutral_put(&sink, &g->events[i]);
    return says_of(neutral_collected(c));
}

static void same_bytes(enum format up, struct sl_str bytes) /* law (a) */
{
    struct relay_same r;
    struct sl_buf all;
    struct sl_str left = bytes;
    sl_buf_init(&all, 1u << 20);
    relay_same_init(&r, dialect_find(sl_str_c(formats[up].dialect)), 0, &arena);
    while (left.n > 0) {
        struct sl_str slice = sl_str_head(left, 1 + below(200));
        const struct iovec *v;
        int n;
        relay_same_feed(&r, slice, &v, &n);
        for (int i = 0; i < n; i++)
            sl_buf_add(&all, v[i].iov_base, v[i].iov_len);
        left = sl_str_from(left, slice.n);
    }
    sl_buf_adds(&all, r.state.terminal);
    if (!relay_same_complete(&r))
        FAIL_CASE("not complete");
    relay_same_done(&r);
    expect_text("bytes", bytes, kept(&all));
}

static void whole_and_cut(enum format up, enum format face, const struct generated *g, const struct says *from_stream)
{
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    for (unsigned i = 0; i < g->n; i++)
        neutral_put(&sink, &g->events[i]);
    struct translation *ends = translation(up, up, plain_request(up)), *t = translation(face, up, plain_request(face));
    struct sl_buf b;
    struct relay_state state;
    sl_buf_init(&b, 1u << 20);
    ends->up->codec->answer_write(ends, neutral_collected(c), &b);
    struct sl_str body = kept(&b);
    sl_buf_init(&b, 1u << 20);
    if (!relay_translate_answer(t, body, false, &b, &state))
        FAIL_CASE("the whole answer was not taken: " SL_STR_FMT, SL_STR_ARG(body));
    struct sl_str out = kept(&b);
    shown(body, out);
    struct says got = heard_whole(face, out);
    expect_same(from_stream, &got, face, face); /* law (b) */
    sl_buf_init(&b, 1u << 20);
    struct translation *again = translation(face, up, plain_request(face));
    if (relay_translate_answer(again, sl_str_head(body, below((unsigned)body.n)), false, &b, &state)) /* law (h) */
        FAIL_CASE("half an answer was taken");
    sl_buf_done(&b);
}

static void cut_stream(enum format up, enum format face, struct sl_str bytes, const struct says *want)
{
    struct sl_str out, half = sl_str_head(bytes, below((unsigned)bytes.n));
    if (!relayed(up, face, half, 4096, &out))
        return;
    struct says got = heard_stream(face, out); /* behind the finish: nothing but counts may be missing */
    got.usage = want->usage;
    expect_same(want, &got, face, face);
}

static void one_case(enum format up, enum format face)
{
    struct generated g;
    struct sl_str out;
    generate(&g, up);
    struct says truth = truth_of(&g);
    struct sl_str bytes = told(up, &g);
    if (up == face)
        same_bytes(up, bytes);
    if (!relayed(up, face, bytes, one_in(4) ? 16 : 2048, &out))
        FAIL_CASE("the stream was not taken: " SL_STR_FMT, SL_STR_ARG(bytes));
    shown(bytes, out);
    struct says got = heard_stream(face, out);
    expect_same(&truth, &got, up, face); /* laws (c), (e), (f) */
    whole_and_cut(up, face, &g, &got);
    if (one_in(3))
        cut_stream(up, face, bytes, &got);
}

static void test_generated(void **state)
{
    const struct pair *p = *state;
    double began = cpu_s();
    for (unsigned n = 0; n < cases_per_pair; n++) {
        begin_case(p->up, p->face, n);
        one_case(p->up, p->face);
    }
    cpu_of_pairs += cpu_s() - began;
}

/* Every offset of a few streams: law (h). */
static void test_every_cut(void **state)
{
    (void)state;
    unsigned cuts = 0;
    for (int up = 0; up < FORMATS; up++)
        for (int face = 0; face < FORMATS; face++)
            for (unsigned n = 0; n < 1; n++) {
                struct generated g;
                struct sl_str out;
                begin_case((enum format)up, (enum format)face, n);
                generate(&g, (enum format)up);
                struct sl_str bytes = told((enum format)up, &g);
                assert_true(relayed((enum format)up, (enum format)face, bytes, bytes.n, &out));
                struct says want = heard_stream((enum format)face, out);
                for (size_t at = 0; at < bytes.n; at++, cuts++) {
                    if (!relayed((enum format)up, (enum format)face, sl_str_head(bytes, at), bytes.n, &out))
                        continue;
                    struct says got = heard_stream((enum format)face, out);
                    got.usage = want.usage;
                    expect_same(&want, &got, (enum format)face, (enum format)face);
                }
            }
    printf("%u cuts\n", cuts);
}

int main(int argc, char **argv)
{
    cases_per_pair = 1400; /* about 5 s with the address sanitizer */
    take_arguments(argc, argv);
    struct pair pairs[FORMATS * FORMATS];
    struct CMUnitTest tests[FORMATS * FORMATS + 1];
    each_pair(pairs, tests, test_generated);
    tests[FORMATS * FORMATS] = (struct CMUnitTest)cmocka_unit_test(test_every_cut);
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    printf("%u answers for each of 16 pairs, %.1f s of CPU\n", cases_per_pair, cpu_of_pairs);
    return failed;
}
