/* Answers and streams of Messages: what events they become, and what becomes of events. Apostrophes stand for quotes. */
#include "dialect/anthropic/anthropic.h"
#include "dialect/json_tree.h"
#include "dialect/relay_translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct dialect foreign = {.name = SL_STR_INIT("openai")};

struct fixture {
    struct sl_arena a;
    struct neutral_notes notes;
    struct neutral_request req;
    struct translation t;
    struct sl_buf dump;
};

static struct sl_str quoted(struct sl_arena *a, const char *text)
{
    char *p = sl_arena_cstr(a, sl_str_c(text));
    for (char *q = p; *q != 0; q++)
        if (*q == '\'')
            *q = '"';
    return sl_str_c(p);
}

static void begin(struct fixture *f, const struct dialect *face, const struct dialect *up)
{
    memset(f, 0, sizeof *f);
    sl_arena_init(&f->a, NULL);
    sl_buf_init(&f->dump, 1u << 24);
    f->notes.a = &f->a;
    f->req = (struct neutral_request){.from = face, .model = SL_STR("alias"), .n = 1, .reasoning = {.budget = -2}};
    f->t = (struct translation){.face = face,
                                .up = up,
                                .req = &f->req,
                                .caps = caps_find(anthropic_caps, SL_STR("claude-opus-5")),
                                .up_model = SL_STR("claude-opus-5"),
                                .a = &f->a,
                                .notes = &f->notes,
                                .id = SL_STR("1"),
                                .estimate_input = 118,
                                .show_reasoning = true};
}

static void end(struct fixture *f)
{
    sl_buf_done(&f->dump);
    sl_arena_done(&f->a);
}

/* -- Events as text ----------------------------------------------------------------------------------------------------------- */

static void dump_usage(struct sl_buf *to, const struct token_counts *u)
{
    if (u->found)
        sl_buf_addf(to, " %u/%u+%u/%u:%u=%u", (unsigned)u->prompt, (unsigned)u->cached, (unsigned)u->cache_write,
                    (unsigned)u->completion, (unsigned)u->reasoning, (unsigned)u->total);
}

static void dump(void *owner, const struct neutral_event *e)
{
    static const char *const names[] = {"start",    "text",  "think",   "sign",  "redacted", "refusal",
                                        "call",     "args",  "callend", "media", "cite",     "hosted",
                                        "logprobs", "usage", "finish",  "ping",  "error",    "done"};
    struct sl_buf *to = owner;
    sl_buf_addf(to, "%s", names[e->kind]);
    if (e->kind == NE_CALL_BEGIN || e->kind == NE_CALL_ARGS || e->kind == NE_CALL_END)
        sl_buf_addf(to, " #%u", e->call);
    else if (e->kind < NE_USAGE && e->kind != NE_START)
        sl_buf_addf(to, " @%u", e->block);
    const struct sl_str views[] = {
        e->id,         e->name,          e->model,        e->text,          e->type, e->raw, e->stop_sequence,
        e->error.type, e->error.message, e->citation.url, e->citation.title};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (views[i].n > 0)
            sl_buf_addf(to, " " SL_STR_FMT, SL_STR_ARG(views[i]));
    if (e->kind == NE_FINISH)
        sl_buf_addf(to, " =%d", (int)e->finish);
    if (e->kind == NE_CITATION)
        sl_buf_addf(to, " %d-%d", (int)e->citation.from, (int)e->citation.to);
    if (e->custom)
        sl_buf_addf(to, " custom");
    dump_usage(to, &e->usage);
    sl_buf_addc(to, '\n');
}

/* Feeds a stream; gives what stream_read_end says, and false when an event breaks the format. */
static bool feed(struct fixture *f, struct sl_str bytes, const struct neutral_sink *to)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    bool good = true;
    void *state = anthropic_codec.stream_read_begin(&f->t);
    sse_scanner_init(&sse, 0);
    while (good && sse_next(&sse, &bytes, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data)
            good = anthropic_codec.stream_read(state, piece.name, piece.data, to);
    good = good && anthropic_codec.stream_read_end(state, to) && sse_rest(&sse).n == 0;
    sse_scanner_done(&sse);
    return good;
}

/* -- Streams that are read ------------------------------------------------------------------------------------------------------ */

#define EV(name, more) "event: " name "\ndata: {'type':'" name "'" more "}\n\n"
#define START                                                                                                          \
    EV("message_start",                                                                                                \
       ",'message':{'id':'msg_01A','type':'message','role':'assistant','model':'claude-opus-5','content':[],"          \
       "'stop_reason':null,'usage':{'input_tokens':31,'cache_read_input_tokens':4,'cache_creation_input_tokens':2,"    \
       "'output_tokens':2}}")
#define STARTED "start msg_01A claude-opus-5 37/4+2/2:0=39\n"
#define BLOCK(i, block) EV("content_block_start", ",'index':" i ",'content_block':{" block "}")
#define DELTA(i, delta) EV("content_block_delta", ",'index':" i ",'delta':{" delta "}")
#define CLOSE(i) EV("content_block_stop", ",'index':" i)
#define TEXT(i, text) DELTA(i, "'type':'text_delta','text':'" text "'")
#define JSON(i, text) DELTA(i, "'type':'input_json_delta','partial_json':'" text "'")
#define STOP(reason, more)                                                                                             \
    EV("message_delta",                                                                                                \
       ",'delta':{'stop_reason':'" reason "','stop_sequence':null" more "},'usage':{'output_tokens':58}")
#define OVER EV("message_stop", "")
#define USED "usage 37/4+2/58:0=95\n"

static const struct {
    const char *name, *stream, *events;
    bool whole;
} streams[] = {
    {"text",
     START BLOCK("0", "'type':'text','text':''") EV("ping", "") TEXT("0", "Hel") TEXT("0", "lo \\u00e9") CLOSE("0")
         STOP("end_turn", "") OVER,
     STARTED "ping\ntext @0 Hel\ntext @0 lo \\u00e9\n" USED "finish end_turn =1\ndone\n", true},
    {"thinking and one tool (anthropic.md 4.5)",
     START BLOCK("0", "'type':'thinking','thinking':'','signature':''")
         DELTA("0", "'type':'signature_delta','signature':'EqQB'") CLOSE("0")
             BLOCK("1", "'type':'tool_use','id':'toolu_01B','name':'get_weather','input':{}") JSON("1", "")
                 JSON("1", "{\\'city\\':\\'Oslo\\'}") CLOSE("1") STOP("tool_use", "") OVER,
     STARTED "sign @0 slc1.ant.claude.RXFRQg\ncall #0 toolu_01B get_weather\nargs #0 {\\'city\\':\\'Oslo\\'}\n"
             "callend #0\n" USED "finish tool_use =4\ndone\n",
     true},
    {"two tools, one without arguments, one with its input at once",
     START BLOCK("0", "'type':'tool_use','id':'a','name':'f','input':{}") CLOSE("0")
         BLOCK("1", "'type':'tool_use','id':'b','name':'g','input':{'x':1}") CLOSE("1") STOP("tool_use", "") OVER,
     STARTED "call #0 a f\nargs #0 {}\ncallend #0\ncall #1 b g\nargs #1 {\\'x\\':1}\ncallend #1\n" USED
             "finish tool_use =4\ndone\n",
     true},
    {"redacted, shown thinking",
     START BLOCK("0", "'type':'redacted_thinking','data':'Rd'") CLOSE("0")
         BLOCK("1", "'type':'thinking','thinking':'','signature':''")
             DELTA("1", "'type':'thinking_delta','thinking':'Hm'") CLOSE("1") STOP("end_turn", "") OVER,
     STARTED "redacted @0 slc1.antr.claude.UmQ\nthink @1 Hm\n" USED "finish end_turn =1\ndone\n", true},
    {"search with citations",
     START BLOCK("0", "'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','input':{}")
         JSON("0", "{\\'query\\':\\'q\\'}") CLOSE("0")
             BLOCK("1", "'type':'web_search_tool_result','tool_use_id':'srvtoolu_1','content':[]") CLOSE("1")
                 BLOCK("2", "'type':'text','text':''") TEXT("2", "\\u00e4b") CLOSE("2")
                     BLOCK("3", "'type':'text','text':'','citations':[]")
                         DELTA("3", "'type':'citations_delta','citation':{'type':'web_search_result_location',"
                                    "'url':'https://x','title':'T','cited_text':'c'}") TEXT("3", "cd") CLOSE("3")
                             STOP("end_turn", "") OVER,
     STARTED "hosted @0 srvtoolu_1 server_tool_use {'type':'server_tool_use','id':'srvtoolu_1','name':'web_search',"
             "'input':{'query':'q'}}\n"
             "hosted @1 web_search_tool_result {'type':'web_search_tool_result','tool_use_id':'srvtoolu_1',"
             "'content':[]}\n"
             "text @2 \\u00e4b\ntext @3 cd\ncite @3 https://x T 2-4\n" USED "finish end_turn =1\ndone\n",
     true},
    {"refusal", START STOP("refusal", ",'stop_details':{'type':'refusal','category':'bio','explanation':'No.'}") OVER,
     STARTED USED "finish No. =5\ndone\n", true},
    {"two message_delta; unknown event, delta and block",
     START EV("novelty", ",'x':1") BLOCK("0", "'type':'text','text':'a'") DELTA("0", "'type':'new_delta','y':2")
         CLOSE("0") BLOCK("1", "'type':'hologram','z':1") CLOSE("1")
             EV("message_delta", ",'delta':{'stop_reason':null},'usage':{'output_tokens':9,'input_tokens':null}")
                 STOP("max_tokens", "") OVER,
     STARTED "text @0 a\nhosted @1 hologram {'type':'hologram','z':1}\nusage 37/4+2/9:0=46\n" USED
             "finish max_tokens =3\ndone\n",
     true},
    {"iterations are added",
     START EV("message_delta",
              ",'delta':{'stop_reason':'end_turn'},'usage':{'output_tokens':10,'output_tokens_details':"
              "{'thinking_tokens':6},'iterations':[{'type':'compaction','input_tokens':100,'output_tokens':20,"
              "'cache_read_input_tokens':0,'cache_creation_input_tokens':0},{'type':'message','input_tokens':31,"
              "'output_tokens':10}]}") OVER,
     STARTED "usage 137/4+2/30:6=167\nfinish end_turn =1\ndone\n", true},
    {"error after a delta",
     START BLOCK("0", "'type':'text','text':''") TEXT("0", "a")
         EV("error", ",'error':{'type':'overloaded_error','message':'Overloaded'}"),
     STARTED "text @0 a\nerror overloaded_error Overloaded\n", false},
    {"cut behind message_delta", START BLOCK("0", "'type':'text','text':'a'") CLOSE("0") STOP("end_turn", ""),
     STARTED "text @0 a\n" USED "finish end_turn =1\n", true},
    {"cut before", START BLOCK("0", "'type':'text','text':'a'") CLOSE("0"), STARTED "text @0 a\n", false},
    {"no start", OVER, "", false},
    {"no JSON", START "event: ping\ndata: {\n\n", STARTED, false},
    {"a delta of nothing", START JSON("3", "{}"), STARTED, false},
    {"text without a start of its block", START TEXT("0", "a") STOP("end_turn", "") OVER,
     STARTED "text @0 a\n" USED "finish end_turn =1\ndone\n", true},
};
#define STREAMS (sizeof streams / sizeof streams[0])

static void test_streams_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        struct fixture f;
        begin(&f, &foreign, &anthropic_dialect);
        const struct neutral_sink to = {dump, &f.dump};
        bool whole = feed(&f, quoted(&f.a, streams[i].stream), &to);
        if (!sl_str_eq(sl_buf_str(&f.dump), quoted(&f.a, streams[i].events)))
            fail_msg("%s:\n%.*s", streams[i].name, SL_STR_ARG(sl_buf_str(&f.dump)));
        if (whole != streams[i].whole)
            fail_msg("%s: whole is %d", streams[i].name, whole);
        end(&f);
    }
}

static void ignore(void *owner, const struct neutral_event *e)
{
    (void)owner, (void)e;
}

/* Cut anywhere before its message_delta a stream is never whole. */
static void test_streams_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        struct fixture f;
        begin(&f, &foreign, &anthropic_dialect);
        struct sl_str all = quoted(&f.a, streams[i].stream);
        ptrdiff_t delta = sl_str_find_str(all, SL_STR("\"stop_reason\":\""));
        for (size_t n = 0; n < all.n; n++) {
            struct fixture g;
            begin(&g, &foreign, &anthropic_dialect);
            const struct neutral_sink to = {ignore, NULL};
            bool whole = feed(&g, sl_str_head(all, n), &to);
            if (whole && (delta < 0 || n <= (size_t)delta))
                fail_msg("%s: whole after %zu bytes", streams[i].name, n);
            end(&g);
        }
        end(&f);
    }
}

/* -- JSON in other ways ------------------------------------------------------------------------------------------------------------ */

#define TOOL_JSON(text)                                                                                                \
    BLOCK("1", "'type':'tool_use','id':'a','name':'json_response','input':{}") JSON("1", text) CLOSE("1")
#define SAYS(text) BLOCK("0", "'type':'text','text':''") TEXT("0", text) CLOSE("0")

static const struct {
    const char *name, *stream, *events;
    bool tool, wrapped, words, custom;
} forms[] = {
    {"the tool's input is the text", START SAYS("Sure.") TOOL_JSON("{\\'a\\':1}") STOP("tool_use", "") OVER,
     STARTED "text @1 {\\'a\\':1}\n" USED "finish tool_use =1\ndone\n", .tool = true},
    {"the tool was not called", START SAYS("Sure.") STOP("end_turn", "") OVER,
     STARTED "text @0 Sure.\n" USED "finish end_turn =1\ndone\n", .tool = true},
    {"wrapped", START TOOL_JSON("{\\'value\\': [1, 2]}") STOP("tool_use", "") OVER,
     STARTED "text @0 [1, 2]\n" USED "finish tool_use =1\ndone\n", .tool = true, .wrapped = true},
    {"a fence", START SAYS("```json\\n{\\'a\\':1}\\n```\\n") STOP("end_turn", "") OVER,
     STARTED "text @0 {\\'a\\':1}\n" USED "finish end_turn =1\ndone\n", .words = true},
    {"a fence in pieces",
     START BLOCK("0", "'type':'text','text':''") TEXT("0", "``") TEXT("0", "`js") TEXT("0", "on\\n{") TEXT("0", "}\\n`")
         TEXT("0", "``") CLOSE("0") STOP("end_turn", "") OVER,
     STARTED "text @0 {\ntext @0 }\n" USED "finish end_turn =1\ndone\n", .words = true},
    {"no fence", START SAYS("{\\'a\\':\\'`\\'}\\n") STOP("end_turn", "") OVER,
     STARTED "text @0 {\\'a\\':\\'`\\'}\\n\n" USED "finish end_turn =1\ndone\n", .words = true},
    {"a custom tool",
     START BLOCK("1", "'type':'tool_use','id':'a','name':'patch','input':{}") JSON("1", "{\\'inp")
         JSON("1", "ut\\':\\'x\\\\ny\\'}") CLOSE("1") STOP("tool_use", "") OVER,
     STARTED "call #0 a patch custom\nargs #0 x\\ny\ncallend #0\n" USED "finish tool_use =4\ndone\n", .custom = true},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct fixture f;
        struct sl_str name = SL_STR("json_response");
        struct neutral_tool tool = {.kind = NT_CUSTOM, .name = SL_STR("patch")};
        begin(&f, &foreign, &anthropic_dialect);
        f.t.json_tool = forms[i].tool ? name : SL_STR_NONE;
        f.t.wrapped = &name;
        f.t.n_wrapped = forms[i].wrapped;
        f.t.json_asked_in_words = forms[i].words;
        f.req.tools = forms[i].custom ? &tool : NULL;
        const struct neutral_sink to = {dump, &f.dump};
        assert_true(feed(&f, quoted(&f.a, forms[i].stream), &to));
        if (!sl_str_eq(sl_buf_str(&f.dump), quoted(&f.a, forms[i].events)))
            fail_msg("%s:\n%.*s", forms[i].name, SL_STR_ARG(sl_buf_str(&f.dump)));
        end(&f);
    }
}

/* -- There and back --------------------------------------------------------------------------------------------------------------------- */

static void run_relay(struct fixture *f, struct sl_str in, size_t step, struct sl_buf *out)
{
    struct relay_translate r;
    relay_translate_init(&r, &f->t, 0);
    for (size_t n; in.n > 0; in = sl_str_from(in, n)) {
        const struct iovec *v;
        int count;
        n = step < in.n ? step : in.n;
        relay_translate_feed(&r, sl_str_head(in, n), &v, &count);
        for (int k = 0; k < count; k++)
            sl_buf_add(out, v[k].iov_base, v[k].iov_len);
    }
    if (relay_translate_end(&r, 0))
        sl_buf_adds(out, r.state.terminal);
    relay_translate_done(&r);
}

/* Read and written again in its own format a stream says the same, however it is sliced. */
static void test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        struct fixture f, g;
        struct sl_buf whole, sliced, first, second;
        if (!streams[i].whole || strstr(streams[i].stream, "_tool_result") != NULL ||
            strstr(streams[i].stream, "hologram") != NULL)
            continue;
        begin(&f, &anthropic_dialect, &anthropic_dialect);
        begin(&g, &anthropic_dialect, &anthropic_dialect);
        f.t.id = g.t.id = SL_STR("01A");
        f.req.model = g.req.model = SL_STR("claude-opus-5");
        sl_buf_init(&whole, 1u << 24);
        sl_buf_init(&sliced, 1u << 24);
        sl_buf_init(&first, 1u << 24);
        sl_buf_init(&second, 1u << 24);
        struct sl_str in = quoted(&f.a, streams[i].stream);
        run_relay(&f, in, in.n, &whole);
        run_relay(&g, in, 1, &sliced);
        assert_true(sl_str_eq(sl_buf_str(&whole), sl_buf_str(&sliced)));
        const struct neutral_sink to_first = {dump, &first}, to_second = {dump, &second};
        assert_true(feed(&f, in, &to_first));
        assert_true(feed(&g, sl_buf_str(&whole), &to_second));
        struct sl_str a = sl_buf_str(&first), b = sl_buf_str(&second); /* but for life signs and the end */
        ptrdiff_t ping = sl_str_find_str(b, SL_STR("ping\n")), usage_a = sl_str_find_str(a, SL_STR("usage ")),
                  usage_b = sl_str_find_str(b, SL_STR("usage "));
        assert_true(ping > 0 && usage_a > 0 && usage_b > 0);
        if (sl_str_find_str(a, SL_STR("ping\n")) < 0 &&
            !sl_str_eq(sl_str_from(sl_str_head(a, (size_t)usage_a), (size_t)ping),
                       sl_str_from(sl_str_head(b, (size_t)usage_b), (size_t)ping + 5)))
            fail_msg("%s:\n%.*s\n%.*s", streams[i].name, SL_STR_ARG(a), SL_STR_ARG(b));
        sl_buf_done(&whole);
        sl_buf_done(&sliced);
        sl_buf_done(&first);
        sl_buf_done(&second);
        end(&f);
        end(&g);
    }
}

/* -- Streams that are written --------------------------------------------------------------------------------------------------------------- */

#define T(s) SL_STR_INIT(s)
#define P(block_, text_)                                                                                               \
    {                                                                                                                  \
        .kind = NE_TEXT, .block = block_, .text = T(text_)                                                             \
    }
#define R(block_, text_)                                                                                               \
    {                                                                                                                  \
        .kind = NE_REASONING, .block = block_, .text = T(text_)                                                        \
    }
#define C(call_, id_, name_)                                                                                           \
    {                                                                                                                  \
        .kind = NE_CALL_BEGIN, .call = call_, .id = T(id_), .name = T(name_)                                           \
    }
#define A(call_, text_)                                                                                                \
    {                                                                                                                  \
        .kind = NE_CALL_ARGS, .call = call_, .text = T(text_)                                                          \
    }
#define E(call_)                                                                                                       \
    {                                                                                                                  \
        .kind = NE_CALL_END, .call = call_                                                                             \
    }
#define F(f)                                                                                                           \
    {                                                                                                                  \
        .kind = NE_FINISH, .finish = f                                                                                 \
    }
#define U(p_, r_, c_)                                                                                                  \
    {                                                                                                                  \
        .kind = NE_USAGE, .usage = {.found = true, .prompt = p_, .cached = r_, .completion = c_, .total = p_ + c_ }    \
    }

static const struct {
    const char *name;
    struct neutral_event events[12];
    const char *out; /* what is between message_start and message_stop, one event a line, frames shortened */
} written[] = {
    {"worked example 20.3",
     {{.kind = NE_START},
      R(0, "Hm"),
      C(0, "a", "f"),
      C(1, "b", "g"),
      A(1, "{\\\"y\\\""),
      A(0, "{\\\"x\\\":1}"),
      A(1, ":2}"),
      F(FINISH_STOP),
      U(120, 100, 30)},
     "start 0 thinking\nthinking Hm\nsignature slc1.oth.claude.\nstop 0\nstart 1 tool_use a f\njson {\"x\":1}\nstop 1\n"
     "start 2 tool_use b g\njson {\"y\"\njson :2}\nstop 2\ndelta tool_use 20 100 30\n"},
    {"text behind a call that is not complete waits",
     {C(0, "a", "f"), A(0, "{"), P(1, "x"), A(0, "}"), P(1, "y"), F(FINISH_TOOL_CALLS)},
     "start 0 tool_use a f\njson {\njson }\nstop 0\nstart 1 text\ntext x\ntext y\nstop 1\ndelta tool_use 118 0 2\n"},
    {"nothing at all", {F(FINISH_STOP)}, "delta end_turn 118 0 0\n"},
    {"no finish", {P(0, "a")}, "start 0 text\ntext a\nstop 0\ndelta end_turn 118 0 1\n"},
    {"empty texts make no block", {P(0, ""), R(0, ""), F(FINISH_STOP)}, "delta end_turn 118 0 0\n"},
    {"arguments that are no object",
     {C(0, "a", "f"), A(0, "[1,"), A(0, "2]"), E(0), C(1, "b", "g"), E(1), C(2, "c", "h"), A(2, "nonsense"), E(2)},
     "start 0 tool_use a f\njson {\"value\":[1,2]}\nstop 0\nstart 1 tool_use b g\njson {}\nstop 1\n"
     "start 2 tool_use c h\njson {\"_raw\":\"nonsense\"}\nstop 2\ndelta tool_use 118 0 4\n"},
    {"sound in pieces, some with words",
     {{.kind = NE_MEDIA, .is_audio = true, .text = T("Su")},
      {.kind = NE_MEDIA, .is_audio = true, .media = {.data = T("AAAA")}},
      {.kind = NE_MEDIA, .is_audio = true, .text = T("re")},
      F(FINISH_STOP)},
     "start 0 text\ntext Su\ntext re\nstop 0\ndelta end_turn 118 0 1\n"},
    {"sound without words",
     {{.kind = NE_MEDIA, .is_audio = true, .media = {.data = T("AAAA")}},
      {.kind = NE_MEDIA, .is_audio = true, .media = {.data = T("AAAA")}},
      F(FINISH_STOP)},
     "start 0 text\ntext [audio]\nstop 0\ndelta end_turn 118 0 2\n"},
    {"arguments that are null",
     {C(0, "a", "f"), A(0, "null"), E(0)},
     "start 0 tool_use a f\njson {}\nstop 0\ndelta tool_use 118 0 2\n"},
    {"refusal",
     {{.kind = NE_REFUSAL, .text = T("No.")}, F(FINISH_STOP)},
     "start 0 text\ntext No.\nstop 0\ndelta refusal 118 0 1\n"},
    {"a signature on a call (Gemini)",
     {R(0, "Hm"),
      {.kind = NE_CALL_BEGIN, .block = 1, .id = T("a"), .name = T("f"), .signature = T("slc1.goo.g.RQ")},
      A(0, "{}"),
      {.kind = NE_CALL_BEGIN, .block = 2, .call = 1, .id = T("b"), .name = T("f"), .signature = T("slc1.goo.g.Rg")},
      A(1, "{}")},
     "start 0 thinking\nthinking Hm\nsignature slc1.goo.g.RQ\nstop 0\nstart 1 tool_use a f\njson {}\nstop 1\n"
     "start 2 thinking\nsignature slc1.goo.g.Rg\nstop 2\nstart 3 tool_use b f\njson {}\nstop 3\n"
     "delta tool_use 118 0 2\n"},
    {"encrypted thoughts",
     {{.kind = NE_REDACTED, .text = T("slc1.oai.gpt-5.RQ")}, P(1, "x")},
     "start 0 thinking\nsignature slc1.oai.gpt-5.RQ\nstop 0\nstart 1 text\ntext x\nstop 1\ndelta end_turn 118 0 1\n"},
    {"stop sequence",
     {P(0, "x"), {.kind = NE_FINISH, .finish = FINISH_STOP_SEQUENCE, .stop_sequence = T("END")}},
     "start 0 text\ntext x\nstop 0\ndelta stop_sequence 118 0 1\n"},
};

static const struct json_node *get(const struct json_tree *t, const struct json_node *of, const char *name)
{
    return json_get(t, of, sl_str_c(name));
}

/* One event in short. */
static void shorten(struct sl_buf *to, struct sl_str name, struct sl_str data, struct sl_arena *a)
{
    struct json_tree t;
    assert_true(json_tree_read(&t, data, a));
    const struct json_node *root = json_root(&t);
    assert_true(json_text_is(&t, get(&t, root, "type"), name));
    const struct json_node *delta = get(&t, root, "delta"), *block = get(&t, root, "content_block"),
                           *usage = get(&t, root, "usage");
    static const char *const texts[][2] = {
        {"text", "text"}, {"thinking", "thinking"}, {"signature", "signature"}, {"json", "partial_json"}};
    if (sl_str_eq(name, SL_STR("content_block_start"))) {
        sl_buf_addf(to, "start " SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(json_raw_of(&t, get(&t, root, "index"))),
                    SL_STR_ARG(json_inside_of(&t, get(&t, block, "type"))));
        if (get(&t, block, "id") != NULL)
            sl_buf_addf(to, " " SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(json_inside_of(&t, get(&t, block, "id"))),
                        SL_STR_ARG(json_inside_of(&t, get(&t, block, "name"))));
    } else if (sl_str_eq(name, SL_STR("content_block_stop"))) {
        sl_buf_addf(to, "stop " SL_STR_FMT, SL_STR_ARG(json_raw_of(&t, get(&t, root, "index"))));
    } else if (sl_str_eq(name, SL_STR("message_delta"))) {
        sl_buf_addf(to, "delta " SL_STR_FMT " " SL_STR_FMT " " SL_STR_FMT " " SL_STR_FMT,
                    SL_STR_ARG(json_inside_of(&t, get(&t, delta, "stop_reason"))),
                    SL_STR_ARG(json_raw_of(&t, get(&t, usage, "input_tokens"))),
                    SL_STR_ARG(json_raw_of(&t, get(&t, usage, "cache_read_input_tokens"))),
                    SL_STR_ARG(json_raw_of(&t, get(&t, usage, "output_tokens"))));
    } else if (sl_str_eq(name, SL_STR("content_block_delta"))) {
        for (size_t i = 0; i < 4; i++)
            if (get(&t, delta, texts[i][1]) != NULL)
                sl_buf_addf(to, "%s " SL_STR_FMT, texts[i][0],
                            SL_STR_ARG(json_plain_of(&t, get(&t, delta, texts[i][1]), a)));
    } else {
        return;
    }
    sl_buf_addc(to, '\n');
}

static void write_events(struct fixture *f, const struct neutral_event *events, size_t n, struct sl_buf *out)
{
    void *state = anthropic_codec.stream_write_begin(&f->t, out);
    for (size_t i = 0; i < n; i++)
        if (events[i].kind != NE_START || i == 0)
            anthropic_codec.stream_write(state, &events[i]);
    anthropic_codec.stream_write_end(state);
}

static void test_streams_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        struct fixture f;
        struct sl_buf out;
        begin(&f, &anthropic_dialect, &foreign);
        sl_buf_init(&out, 1u << 24);
        write_events(&f, written[i].events, 12, &out);
        struct sse_scanner sse;
        struct sse_piece piece;
        struct sl_str in = sl_buf_str(&out), last = SL_STR_NONE;
        unsigned n = 0;
        sse_scanner_init(&sse, 0);
        for (; sse_next(&sse, &in, &piece) == SSE_PIECE; n++) {
            assert_true(n > 0 || sl_str_eq(piece.name, SL_STR("message_start")));
            last = piece.name;
            shorten(&f.dump, piece.name, piece.data, &f.a);
        }
        assert_true(sl_str_eq(last, SL_STR("message_stop")));
        if (!sl_str_eq(sl_buf_str(&f.dump), sl_str_c(written[i].out)))
            fail_msg("%s:\n%.*s", written[i].name, SL_STR_ARG(sl_buf_str(&f.dump)));
        sse_scanner_done(&sse);
        sl_buf_done(&out);
        end(&f);
    }
}

/* -- From other formats ----------------------------------------------------------------------------------------------------------------- */

#define CHUNK(more) "data: {'id':'c','object':'chat.completion.chunk','created':1,'model':'m'," more "}\n\n"
#define CHOICE(delta, finish) CHUNK("'choices':[{'index':0,'delta':{" delta "},'finish_reason':" finish "}]")
#define CALLS(call) CHOICE("'tool_calls':[{" call "}]", "null")

/* translate-openai-anthropic.md 20.3, through the reader of chat completions. */
static void test_from_chat(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_buf out;
    begin(&f, &anthropic_dialect, dialect_find(SL_STR("openai")));
    f.t.up_model = SL_STR("gpt-oss");
    sl_buf_init(&out, 1u << 24);
    struct sl_str in = quoted(
        &f.a,
        CHOICE("'role':'assistant','content':''", "null") CHOICE("'reasoning_content':'Hm'", "null")
            CALLS("'index':0,'id':'a','type':'function','function':{'name':'f','arguments':''}")
                CALLS("'index':1,'id':'b','type':'function','function':{'name':'g','arguments':'{\\'y\\''}")
                    CALLS("'index':0,'function':{'arguments':'{\\'x\\':1}'}")
                        CALLS("'index':1,'function':{'arguments':':2}'}") CHOICE("", "'stop'") CHUNK(
                            "'choices':[],'usage':{'prompt_tokens':120,'completion_tokens':30,"
                            "'total_tokens':150,'prompt_tokens_details':{'cached_tokens':100}}") "data: [DONE]\n\n");
    run_relay(&f, in, in.n, &out);
    struct sse_scanner sse;
    struct sse_piece piece;
    struct sl_str events = sl_buf_str(&out);
    sse_scanner_init(&sse, 0);
    while (sse_next(&sse, &events, &piece) == SSE_PIECE)
        shorten(&f.dump, piece.name, piece.data, &f.a);
    sse_scanner_done(&sse);
    struct sl_str want = SL_STR(
        "start 0 thinking\nthinking Hm\nsignature slc1.oth.gpt-oss.cmVhc29uaW5nX2NvbnRlbnQ\nstop 0\nstart 1 tool_use a f\n"
        "json {\"x\":1}\nstop 1\nstart 2 tool_use b g\njson {\"y\"\njson :2}\nstop 2\n"
        "delta tool_use 20 100 30\n");
    if (!sl_str_eq(sl_buf_str(&f.dump), want))
        fail_msg("%.*s", SL_STR_ARG(sl_buf_str(&f.dump)));
    assert_true(sl_str_find_str(sl_buf_str(&out), SL_STR("\"id\":\"msg_1\"")) > 0);
    assert_true(sl_str_find_str(sl_buf_str(&out), SL_STR("\"input_tokens\":118")) > 0);
    sl_buf_done(&out);
    end(&f);
}

/* -- Whole answers -------------------------------------------------------------------------------------------------------------------------- */

#define HEAD "{'id':'msg_1','type':'message','role':'assistant','model':'alias','content':["
#define TAIL(reason, input, output)                                                                                    \
    "],'stop_reason':'" reason "','stop_sequence':null,'usage':{'input_tokens':" input                                 \
    ",'cache_creation_input_tokens':0,'cache_read_input_tokens':0,'cache_creation':{'ephemeral_5m_input_tokens':0,"    \
    "'ephemeral_1h_input_tokens':0},'output_tokens':" output ",'service_tier':'standard'}}"

static const char *const answers[] = {
    HEAD "{'type':'text','text':'Hello \\u00e9'}" TAIL("end_turn", "25", "140"),
    HEAD TAIL("end_turn", "25", "0"),
    HEAD
    "{'type':'thinking','thinking':'Hm','signature':'Eq=='},{'type':'redacted_thinking','data':'Rd'},"
    "{'type':'text','text':'a'},{'type':'tool_use','id':'toolu_1','name':'w','input':{'a': 1.0,'b':[{}]}},"
    "{'type':'text','text':'b'},{'type':'tool_use','id':'toolu_2','name':'w','input':{}}" TAIL("tool_use", "1", "2"),
};

/* Its own answer comes back byte for byte; told as a stream it says the same. */
static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fixture f;
        struct sl_buf out, stream, again;
        begin(&f, &anthropic_dialect, &anthropic_dialect);
        sl_buf_init(&out, 1u << 24);
        sl_buf_init(&stream, 1u << 24);
        sl_buf_init(&again, 1u << 24);
        struct relay_state seen;
        struct sl_str body = quoted(&f.a, answers[i]);
        assert_true(relay_translate_answer(&f.t, body, false, &out, &seen));
        if (!sl_str_eq(sl_buf_str(&out), body))
            fail_msg("%.*s\n%.*s", SL_STR_ARG(body), SL_STR_ARG(sl_buf_str(&out)));
        assert_true(relay_translate_answer(&f.t, body, true, &stream, &seen));
        struct neutral_collector *c = neutral_collector_new(&f.a);
        const struct neutral_sink sink = neutral_collector_sink(c);
        assert_true(feed(&f, sl_buf_str(&stream), &sink));
        anthropic_codec.answer_write(&f.t, neutral_collected(c), &again);
        if (!sl_str_eq(sl_buf_str(&again), body))
            fail_msg("%.*s\n%.*s", SL_STR_ARG(body), SL_STR_ARG(sl_buf_str(&again)));
        sl_buf_done(&out);
        sl_buf_done(&stream);
        sl_buf_done(&again);
        end(&f);
    }
}

static void test_answer_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{", "{}", "{'content':7}", "{'content':[7]}"};
    struct fixture f;
    begin(&f, &foreign, &anthropic_dialect);
    const struct neutral_sink to = {dump, &f.dump};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(anthropic_codec.answer_read(&f.t, quoted(&f.a, bad[i]), &to));
    sl_buf_reset(&f.dump);
    assert_true(anthropic_codec.answer_read(
        &f.t, quoted(&f.a, "{'type':'error','error':{'type':'api_error','message':'m'}}"), &to));
    assert_true(sl_str_eq(sl_buf_str(&f.dump), SL_STR("error api_error m\n")));
    end(&f);
}

/* Who asked for no thinking gets none; who does not want to see it gets the signature only. */
static void test_thinking_hidden(void **state)
{
    (void)state;
    static const struct neutral_event events[] = {
        R(0, "Hm"), {.kind = NE_SIGNATURE, .text = T("slc1.oai.gpt-5.RQ")}, P(1, "x")};
    for (int asked = 0; asked < 2; asked++) {
        struct fixture f;
        begin(&f, &anthropic_dialect, &foreign);
        f.req.reasoning.budget = asked ? -2 : -1;
        f.t.show_reasoning = false;
        write_events(&f, events, 3, &f.dump);
        struct sl_str out = sl_buf_str(&f.dump);
        assert_true((sl_str_find_str(out, SL_STR("\"thinking\"")) >= 0) == (asked == 1));
        assert_true((sl_str_find_str(out, SL_STR("slc1.oai.gpt-5.RQ")) >= 0) == (asked == 1));
        assert_true(sl_str_find_str(out, SL_STR("Hm")) < 0);
        end(&f);
    }
}

/* -- In passing --------------------------------------------------------------------------------------------------------------------------- */

static void test_watch(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        enum stream_kind kind;
        uint32_t output;
        bool finish, usage;
    } rows[] = {
        {"{'type':'message_start','message':{'usage':{'input_tokens':31,'output_tokens':2}}}", SK_ROLE, 0, false, true},
        {"{'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}}", SK_ROLE, 0, false,
         false},
        {"{'type':'content_block_start','index':0,'content_block':{'type':'tool_use','id':'a','name':'fn','input':{}}}",
         SK_CONTENT, 2, false, false},
        {"{'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'Hel'}}", SK_CONTENT, 3, false,
         false},
        {"{'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'lo, you'}}   ", SK_CONTENT, 7,
         false, false},
        {"{'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta','partial_json':''}}", SK_ROLE, 0,
         false, false},
        {"{'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta','partial_json':'{}'}}", SK_CONTENT,
         2, false, false},
        {"{'type':'ping'}", SK_ROLE, 0, false, false},
        {"{'type':'message_delta','delta':{'stop_reason':'end_turn'},'usage':{'output_tokens':58}}", SK_FINISH, 0, true,
         true},
        {"{'type':'message_stop'}", SK_DONE, 0, false, false},
        {"{'type':'error','error':{'type':'api_error','message':'m'}}", SK_ERROR, 0, false, false},
        {"{'type':'novelty','delta':{'text':'x'}}", SK_OTHER, 1, false, false},
        {"{'type':'message_stop'", SK_OTHER, 0, false, false},
        {"", SK_EMPTY, 0, false, false},
        {"x", SK_OTHER, 0, false, false},
    };
    struct fixture f;
    struct stream_memo memo = {0};
    begin(&f, &anthropic_dialect, &anthropic_dialect);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stream_event e;
        anthropic_stream_watch(&memo, SL_STR_NONE, quoted(&f.a, rows[i].data), &e);
        if (e.kind != rows[i].kind || e.output_bytes != rows[i].output || e.finish != rows[i].finish ||
            e.has_usage != rows[i].usage)
            fail_msg("%s: %d %u %d %d", rows[i].data, (int)e.kind, e.output_bytes, e.finish, e.has_usage);
        if (e.finish) /* merged over both reports */
            assert_true(e.usage.prompt == 31 && e.usage.completion == 58);
    }
    end(&f);
}

/* -- A turn that is sent back ---------------------------------------------------------------------------------------------------- */

static void test_blocks_of_events(void **state)
{
    (void)state;
    static const char stream[] = EV("message_start", ",'message':{'content':[]}") EV("ping", "") EV(
        "content_block_start", ",'index':0,'content_block':{'type':'thinking','thinking':'','signature':''}")
        EV("content_block_delta", ",'index':0,'delta':{'type':'thinking_delta','thinking':'H\\n\\ud83d'}") EV(
            "content_block_delta", ",'index':0,'delta':{'type':'thinking_delta','thinking':'\\ude00m'}")
            EV("content_block_delta", ",'index':0,'delta':{'type':'signature_delta','signature':'c2/ln+=='}") EV(
                "content_block_stop",
                ",'index':0") EV("content_block_start",
                                 ",'index':1,'content_block':{'type':'text','text':''}") EV("content_block_stop",
                                                                                            ",'index':1")
                EV("content_block_start",
                   ",'index':2,'content_block':{'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','input':{}}")
                    EV("content_block_delta",
                       ",'index':2,'delta':{'type':'input_json_delta','partial_json':'{\\'n\\':1234567890123'}")
                        EV("content_block_delta",
                           ",'index':2,'delta':{'type':'input_json_delta','partial_json':'4567890}'}")
                            EV("content_block_stop", ",'index':2") EV(
                                "content_block_start",
                                ",'index':3,'content_block':{'type':'some_result','x':[1.50, {'encrypted':'a\\/b'}]}")
                                EV("content_block_stop", ",'index':3") EV(
                                    "content_block_start",
                                    ",'index':4,'content_block':{'citations':[],'type':'text','text':'a'}")
                                    EV("content_block_delta", ",'index':4,'delta':{'type':'text_delta','text':'b\\'c'}")
                                        EV("content_block_delta",
                                           ",'index':4,'delta':{'type':'citations_delta','citation':{'k':1}}")
                                            EV("content_block_delta",
                                               ",'index':4,'delta':{'type':'citations_delta','citation':{'k':2}}")
                                                EV("content_block_stop", ",'index':4") EV(
                                                    "message_delta",
                                                    ",'delta':{'stop_reason':'pause_turn'},'usage':{'output_tokens':3}")
                                                    EV("message_stop", "");
    static const char want[] =
        "[{'type':'thinking','thinking':'H\\n\\ud83d\\ude00m','signature':'c2/ln+=='},"
        "{'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','input':{'n':12345678901234567890}},"
        "{'type':'some_result','x':[1.50, {'encrypted':'a\\/b'}]},"
        "{'citations':[{'k':1},{'k':2}],'type':'text','text':'ab\\'c'}]";
    struct fixture f;
    begin(&f, &foreign, &anthropic_dialect);
    struct sl_str events = quoted(&f.a, stream), wanted = quoted(&f.a, want);
    struct sl_str got = anthropic_blocks_of_events(events, &f.a);
    if (!sl_str_eq(got, wanted))
        fail_msg(SL_STR_FMT "\n" SL_STR_FMT, SL_STR_ARG(got), SL_STR_ARG(wanted));
    size_t stop = sizeof EV("message_stop", "") - 1;
    for (size_t n = 0; n < events.n; n++) { /* cut: none, and never a shorter list */
        got = anthropic_blocks_of_events(sl_str_head(events, n), &f.a);
        assert_true(got.n == 0 || (n > events.n - stop && sl_str_eq(got, wanted)));
    }
    static const char *const bad[] = {
        EV("content_block_delta", ",'index':0,'delta':{'text':'x'}") EV("message_stop", ""),
        EV("content_block_start", ",'content_block':7") EV("content_block_stop", "") EV("message_stop", ""),
        EV("content_block_start", ",'content_block':{'type':'tool_use','input':{}}")
            EV("content_block_delta", ",'delta':{'partial_json':'{\\'a'}") EV("content_block_stop", "")
                EV("message_stop", ""),
        EV("message_stop", ""),
        "data: {\n\n" EV("message_stop", ""),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(anthropic_blocks_of_events(quoted(&f.a, bad[i]), &f.a).n, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_read),   cmocka_unit_test(test_streams_cut),      cmocka_unit_test(test_forms),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_streams_written),  cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answer_errors),  cmocka_unit_test(test_thinking_hidden),  cmocka_unit_test(test_watch),
        cmocka_unit_test(test_from_chat),      cmocka_unit_test(test_blocks_of_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
