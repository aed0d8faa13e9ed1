/* A stream that breaks at each of its places, in front of each face: between any two events and inside of them, by a reset, an end that
 * is none, silence. The client has all of the answer, in its format's order, or is told that it failed; never a well-formed end of half
 * an answer, and no piece of what was told is lost or told twice. */
#include "dialect/json_tree.h"
#include "kit.h"

#define N_OF(v) (sizeof(v) / sizeof(v)[0])
#define GOES_ON " and it was."

/* -- What the provider says ------------------------------------------------------------------------------------------- */

#define CHAT_EV(delta, finish)                                                                                         \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\",\"choices\":[{\"index\":" \
    "0,\"delta\":{" delta "},\"finish_reason\":" finish "}]}\n\n"
#define CHAT_TEXT(text) CHAT_EV("\"content\":\"" text "\"", "null")
#define CHAT_CALL(more) CHAT_EV("\"tool_calls\":[{\"index\":0," more "}]", "null")
#define CHAT_USAGE                                                                                                     \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\",\"choices\":[],"          \
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n"

#define NUMBERED(n, type, more)                                                                                        \
    "event: response." type "\ndata: {\"type\":\"response." type "\",\"sequence_number\":" n more "}\n\n"
#define RESPONSE(status, more)                                                                                         \
    ",\"response\":{\"id\":\"resp_5f\",\"object\":\"response\",\"created_at\":5,\"status\":\"" status                  \
    "\",\"model\":\"m\",\"output\":[" more "]"
#define RS(more) "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[" more "]}"
#define THOUGHT "{\"type\":\"summary_text\",\"text\":\"Hm. So.\"}"
#define RS_AT ",\"item_id\":\"rs_1\",\"output_index\":0,\"summary_index\":0"
#define MSG_AT ",\"item_id\":\"msg_1\",\"output_index\":1,\"content_index\":0"
#define MSG(status, parts)                                                                                             \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"" status "\",\"role\":\"assistant\",\"content\":[" parts "]}"
#define PART(text) "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":[]}"
#define FC(status, args)                                                                                               \
    "{\"id\":\"fc_1\",\"type\":\"function_call\",\"status\":\"" status "\",\"call_id\":\"call_1\",\"name\":\"look\","  \
    "\"arguments\":\"" args "\"}"
#define FC_AT ",\"item_id\":\"fc_1\",\"output_index\":2"
#define RESPONSES_START                                                                                                \
    NUMBERED("0", "created", RESPONSE("in_progress", "") "}"),                                                         \
        NUMBERED("1", "in_progress", RESPONSE("in_progress", "") "}"),                                                 \
        NUMBERED("2", "output_item.added", ",\"output_index\":0,\"item\":" RS("")),                                    \
        NUMBERED("3", "reasoning_summary_part.added", RS_AT ",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"),    \
        NUMBERED("4", "reasoning_summary_text.delta", RS_AT ",\"delta\":\"Hm.\""),                                     \
        NUMBERED("5", "reasoning_summary_text.delta", RS_AT ",\"delta\":\" So.\""),                                    \
        NUMBERED("6", "reasoning_summary_text.done", RS_AT ",\"text\":\"Hm. So.\""),                                   \
        NUMBERED("7", "reasoning_summary_part.done", RS_AT ",\"part\":" THOUGHT),                                      \
        NUMBERED("8", "output_item.done", ",\"output_index\":0,\"item\":" RS(THOUGHT)),                                \
        NUMBERED("9", "output_item.added", ",\"output_index\":1,\"item\":" MSG("in_progress", "")),                    \
        NUMBERED("10", "content_part.added", MSG_AT ",\"part\":" PART("")),                                            \
        NUMBERED("11", "output_text.delta", MSG_AT ",\"delta\":\"Once upon\",\"logprobs\":[]"),                        \
        NUMBERED("12", "output_text.delta", MSG_AT ",\"delta\":\" a time\",\"logprobs\":[]"),                          \
        NUMBERED("13", "output_text.delta", MSG_AT ",\"delta\":\" it is\",\"logprobs\":[]"),                           \
        NUMBERED("14", "output_text.done", MSG_AT ",\"text\":\"Once upon a time it is\",\"logprobs\":[]"),             \
        NUMBERED("15", "content_part.done", MSG_AT ",\"part\":" PART("Once upon a time it is")),                       \
        NUMBERED("16", "output_item.done",                                                                             \
                 ",\"output_index\":1,\"item\":" MSG("completed", PART("Once upon a time it is")))
#define RESPONSES_USAGE ",\"usage\":{\"input_tokens\":7,\"output_tokens\":2,\"total_tokens\":9}}"

#define ANT(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define ANT_BLOCK(i, block) ANT("content_block_start", ",\"index\":" i ",\"content_block\":{" block "}")
#define ANT_DELTA(i, delta) ANT("content_block_delta", ",\"index\":" i ",\"delta\":{" delta "}")
#define ANT_CLOSE(i) ANT("content_block_stop", ",\"index\":" i)
#define ANT_TEXT(text) ANT_DELTA("1", "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define ANTHROPIC_START                                                                                                \
    ANT("message_start", ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\"," \
                         "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":7,"   \
                         "\"output_tokens\":1}}"),                                                                     \
        ANT("ping", ""), ANT_BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""),                 \
        ANT_DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"Hm.\""),                                            \
        ANT_DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"EqQB\""), ANT_CLOSE("0"),                         \
        ANT_BLOCK("1", "\"type\":\"text\",\"text\":\"\""), ANT_TEXT("Once upon"), ANT_TEXT(" a time"),                 \
        ANT_TEXT(" it is"), ANT_CLOSE("1")
#define ANT_FINISH(why)                                                                                                \
    ANT("message_delta",                                                                                               \
        ",\"delta\":{\"stop_reason\":\"" why "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}")

#define GEM(parts, more)                                                                                               \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" more ",\"index\":0}],"            \
    "\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":2,\"totalTokenCount\":9},"                     \
    "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\r\n\r\n"
#define GEM_TEXT(text) GEM("{\"text\":\"" text "\"}", "")
#define GEM_CALL "{\"functionCall\":{\"name\":\"look\",\"args\":{\"q\":1}}}"

static const char *const chat_plain[] = {CHAT_EV("\"role\":\"assistant\",\"content\":\"\"", "null"),
                                         CHAT_TEXT("Once upon"),
                                         CHAT_TEXT(" a time"),
                                         CHAT_TEXT(" it is"),
                                         CHAT_EV("", "\"stop\""),
                                         CHAT_USAGE,
                                         "data: [DONE]\n\n"};
static const char *const chat_call[] = {
    CHAT_EV("\"role\":\"assistant\",\"content\":\"\"", "null"),
    CHAT_TEXT("Once upon"),
    CHAT_TEXT(" a time"),
    CHAT_TEXT(" it is"),
    CHAT_CALL("\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"\"}"),
    CHAT_CALL("\"function\":{\"arguments\":\"{\\\"q\\\"\"}"),
    CHAT_CALL("\"function\":{\"arguments\":\":1}\"}"),
    CHAT_EV("", "\"tool_calls\""),
    CHAT_USAGE,
    "data: [DONE]\n\n"};
static const char *const responses_plain[] = {
    RESPONSES_START,
    NUMBERED("17", "completed",
             RESPONSE("completed", RS(THOUGHT) "," MSG("completed", PART("Once upon a time it is"))) RESPONSES_USAGE)};
static const char *const responses_call[] = {
    RESPONSES_START,
    NUMBERED("17", "output_item.added", ",\"output_index\":2,\"item\":" FC("in_progress", "")),
    NUMBERED("18", "function_call_arguments.delta", FC_AT ",\"delta\":\"{\\\"q\\\"\""),
    NUMBERED("19", "function_call_arguments.delta", FC_AT ",\"delta\":\":1}\""),
    NUMBERED("20", "function_call_arguments.done", FC_AT ",\"arguments\":\"{\\\"q\\\":1}\""),
    NUMBERED("21", "output_item.done", ",\"output_index\":2,\"item\":" FC("completed", "{\\\"q\\\":1}")),
    NUMBERED("22", "completed",
             RESPONSE("completed", RS(THOUGHT) "," MSG("completed", PART("Once upon a time it is")) "," FC(
                                       "completed", "{\\\"q\\\":1}")) RESPONSES_USAGE)};
static const char *const anthropic_plain[] = {ANTHROPIC_START, ANT_FINISH("end_turn"), ANT("message_stop", "")};
static const char *const anthropic_call[] = {
    ANTHROPIC_START,
    ANT_BLOCK("2", "\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{}"),
    ANT_DELTA("2", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\"\""),
    ANT_DELTA("2", "\"type\":\"input_json_delta\",\"partial_json\":\":1}\""),
    ANT_CLOSE("2"),
    ANT_FINISH("tool_use"),
    ANT("message_stop", "")};
static const char *const gemini_plain[] = {GEM_TEXT("Once upon"), GEM_TEXT(" a time"), GEM_TEXT(" it is"),
                                           GEM("{\"text\":\"\"}", ",\"finishReason\":\"STOP\"")};
static const char *const gemini_call[] = {GEM_TEXT("Once upon"), GEM_TEXT(" a time"), GEM_TEXT(" it is"),
                                          GEM(GEM_CALL, ""), GEM("{\"text\":\"\"}", ",\"finishReason\":\"STOP\"")};
static const char *const goes_on[] = {CHAT_EV("\"role\":\"assistant\",\"content\":\"\"", "null"),
                                      CHAT_TEXT(" and it"),
                                      CHAT_TEXT(" was."),
                                      CHAT_EV("", "\"stop\""),
                                      CHAT_USAGE,
                                      "data: [DONE]\n\n"};

static const struct upstream_row {
    const char *name, *kind;
    bool only_responses;
    const char *const *plain, *const *call;
    size_t n_plain, n_call;
    const char *text, *calls; /* marks of events with a piece of text, and of the first event of the call */
} ups[] = {
    {"chat", "vllm", false, chat_plain, chat_call, N_OF(chat_plain), N_OF(chat_call),
     "\"content\":\"O\1\"content\":\" ", "tool_calls\":["},
    {"responses", "openai", true, responses_plain, responses_call, N_OF(responses_plain), N_OF(responses_call),
     "event: response.output_text.delta", "\"output_index\":2"},
    {"anthropic", "anthropic", false, anthropic_plain, anthropic_call, N_OF(anthropic_plain), N_OF(anthropic_call),
     "text_delta", "tool_use\",\"id\""},
    {"gemini", "gemini", false, gemini_plain, gemini_call, N_OF(gemini_plain), N_OF(gemini_call),
     "\"text\":\"O\1\"text\":\" ", "functionCall"},
};

static bool has_one_of(const char *event, const char *marks)
{
    struct sl_str rest = sl_str_c(marks);
    while (rest.n > 0)
        if (sl_str_find_str(sl_str_c(event), sl_str_cut(&rest, '\1')) >= 0)
            return true;
    return false;
}

/* -- What the client reads -------------------------------------------------------------------------------------------- */

#define ITEMS 8

struct reading {
    const char *wrong; /* NULL: in order so far */
    struct sl_arena a;
    struct json_tree t;
    char text[256], part[256];
    bool ended, failed;
    unsigned calls, finishes, starts; /* calls: whole */
    char args[64];
    /* Responses, Anthropic */
    uint64_t sequence;
    unsigned items, open, parts; /* of the item that is open */
    bool part_open, text_done, thinking;
    char ids[ITEMS][64], kind[32];
    bool usage;
};

static void wrong(struct reading *r, const char *why)
{
    if (r->wrong == NULL)
        r->wrong = why;
}

static void must(struct reading *r, bool good, const char *why)
{
    if (!good)
        wrong(r, why);
}

static struct sl_str inside(struct reading *r, const struct json_node *of, const char *name)
{
    return json_get_inside(&r->t, of, sl_str_c(name));
}

static uint64_t number(struct reading *r, const struct json_node *of, const char *name)
{
    uint64_t v = UINT64_MAX;
    json_u64_of(&r->t, json_get(&r->t, of, sl_str_c(name)), &v);
    return v;
}

static const struct json_node *got(struct reading *r, const struct json_node *of, const char *name)
{
    return json_got(&r->t, of, sl_str_c(name));
}

static void append(char *to, size_t cap, struct sl_str s)
{
    size_t n = strlen(to);
    assert_true(n + s.n < cap);
    if (s.n > 0)
        memcpy(to + n, s.p, s.n);
    to[n + s.n] = '\0';
}

static bool is(struct sl_str s, const char *text)
{
    return sl_str_eq(s, sl_str_c(text));
}

static void read_chat(struct reading *r, struct sl_str event)
{
    const struct json_node *root = json_root(&r->t), *choice = json_child(got(r, root, "choices"));
    const struct json_node *delta = got(r, choice, "delta"), *call = json_child(got(r, delta, "tool_calls"));
    (void)event;
    r->failed |= got(r, root, "error") != NULL;
    must(r, !r->ended, "something behind the end");
    must(r, r->failed || is(inside(r, root, "id"), "c1") || r->starts == 0 || number(r, root, "created") != 5,
         "another envelope");
    r->starts += got(r, delta, "role") != NULL;
    append(r->text, sizeof r->text, inside(r, delta, "content"));
    append(r->args, sizeof r->args, inside(r, got(r, call, "function"), "arguments"));
    r->finishes += got(r, choice, "finish_reason") != NULL;
    r->calls = strcmp(r->args, "{\\\"q\\\":1}") == 0;
}

static void part_ends(struct reading *r, struct sl_str text)
{
    must(r, sl_str_eq(text, sl_str_c(r->part)), "a part's text is not its pieces");
}

static void read_item_done(struct reading *r, const struct json_node *item)
{
    char all[256] = "";
    must(r, r->open == 1, "an item ends that is not open");
    must(r, !r->part_open, "an item ends with a part open");
    must(r, sl_str_eq(inside(r, item, "id"), sl_str_c(r->ids[r->items - 1])), "another item ends");
    for (JSON_EACH(&r->t, got(r, item, "content"), part))
        append(all, sizeof all, inside(r, part, "text"));
    unsigned summaries = got(r, item, "summary") != NULL ? got(r, item, "summary")->children : 0;
    unsigned contents = got(r, item, "content") != NULL ? got(r, item, "content")->children : 0;
    must(r, summaries + contents == r->parts, "an item has not the parts that were told");
    r->calls += is(inside(r, item, "type"), "function_call") && is(inside(r, item, "arguments"), "{\\\"q\\\":1}");
    r->open = 0;
}

static void read_completed(struct reading *r, const struct json_node *response)
{
    char all[256] = "";
    unsigned n = 0;
    must(r, r->open == 0, "the end while an item is open");
    for (JSON_EACH(&r->t, got(r, response, "output"), item)) {
        must(r, n < r->items && sl_str_eq(inside(r, item, "id"), sl_str_c(r->ids[n])), "the end lists another item");
        n++;
        for (JSON_EACH(&r->t, is(inside(r, item, "type"), "message") ? got(r, item, "content") : NULL, part))
            append(all, sizeof all, inside(r, part, "text"));
    }
    must(r, n == r->items, "the end does not list all items");
    must(r, strcmp(all, r->text) == 0, "the end has another text");
    must(r, is(inside(r, response, "status"), "completed"), "the end's status");
    r->usage = number(r, got(r, response, "usage"), "output_tokens") - 1 < 10000;
    r->ended = true;
}

static void read_responses(struct reading *r, struct sl_str event)
{
    const struct json_node *root = json_root(&r->t), *item = got(r, root, "item");
    struct sl_str type = inside(r, root, "type");
    must(r, sl_str_eq(type, event), "event and type differ");
    must(r, !r->ended, "something behind the end");
    if (is(type, "error") || is(type, "response.failed")) {
        r->failed = true;
        return;
    }
    must(r, number(r, root, "sequence_number") == r->sequence, "a number is skipped");
    r->sequence++;
    sl_str_cut(&type, '.');
    uint64_t at = number(r, root, "output_index");
    must(r, at == UINT64_MAX || is(type, "output_item.added") || at == r->items - 1u, "of another item");
    if (is(type, "created")) {
        r->starts++;
    } else if (is(type, "output_item.added")) {
        must(r, at == r->items && r->open == 0 && r->items < ITEMS, "an item begins while one is open");
        snprintf(r->ids[r->items % ITEMS], 64, SL_STR_FMT, SL_STR_ARG(inside(r, item, "id")));
        snprintf(r->kind, sizeof r->kind, SL_STR_FMT, SL_STR_ARG(inside(r, item, "type")));
        r->items++;
        r->open = 1;
        r->parts = 0;
    } else if (is(type, "output_item.done")) {
        read_item_done(r, item);
    } else if (sl_str_ends(type, SL_STR("part.added"))) {
        must(r, r->open == 1 && !r->part_open, "a part begins while one is open");
        must(r, number(r, root, is(type, "content_part.added") ? "content_index" : "summary_index") == r->parts,
             "a part's index");
        r->parts++;
        r->part_open = true;
        r->text_done = false;
        r->part[0] = '\0';
    } else if (is(type, "output_text.delta") || is(type, "reasoning_summary_text.delta")) {
        must(r, r->part_open && !r->text_done, "a piece outside of a part");
        must(r, strcmp(r->kind, is(type, "output_text.delta") ? "message" : "reasoning") == 0,
             "a piece of another kind");
        append(r->part, sizeof r->part, inside(r, root, "delta"));
        if (is(type, "output_text.delta"))
            append(r->text, sizeof r->text, inside(r, root, "delta"));
    } else if (is(type, "output_text.done") || is(type, "reasoning_summary_text.done")) {
        must(r, r->part_open && !r->text_done, "a text ends that is not open");
        part_ends(r, inside(r, root, "text"));
        r->text_done = true;
    } else if (sl_str_ends(type, SL_STR("part.done"))) {
        must(r, r->part_open && r->text_done, "a part ends before its text");
        part_ends(r, inside(r, got(r, root, "part"), "text"));
        r->part_open = false;
    } else if (is(type, "completed")) {
        read_completed(r, got(r, root, "response"));
    }
}

static void read_anthropic(struct reading *r, struct sl_str event)
{
    const struct json_node *root = json_root(&r->t), *delta = got(r, root, "delta");
    struct sl_str type = inside(r, root, "type");
    must(r, sl_str_eq(type, event), "event and type differ");
    must(r, !r->ended, "something behind the end");
    uint64_t at = number(r, root, "index");
    if (is(type, "error")) {
        r->failed = true;
    } else if (is(type, "message_start")) {
        r->starts++;
    } else if (is(type, "content_block_start")) {
        must(r, r->open == 0 && at == r->items, "a block begins while one is open");
        snprintf(r->kind, sizeof r->kind, SL_STR_FMT, SL_STR_ARG(inside(r, got(r, root, "content_block"), "type")));
        r->items++;
        r->open = 1;
        r->args[0] = '\0';
    } else if (is(type, "content_block_delta")) {
        must(r, r->open == 1 && at == r->items - 1, "a piece of no block");
        bool text = is(inside(r, delta, "type"), "text_delta");
        must(r, text == (strcmp(r->kind, "text") == 0), "a piece of another kind");
        append(r->text, sizeof r->text, inside(r, delta, "text"));
        append(r->args, sizeof r->args, inside(r, delta, "partial_json"));
    } else if (is(type, "content_block_stop")) {
        must(r, r->open == 1 && at == r->items - 1, "a block ends that is not open");
        r->open = 0;
        r->calls += strcmp(r->kind, "tool_use") == 0 && strcmp(r->args, "{\\\"q\\\":1}") == 0;
    } else if (is(type, "message_delta")) {
        must(r, r->open == 0, "the end while a block is open");
        r->finishes += inside(r, delta, "stop_reason").n > 0;
        r->usage = number(r, got(r, root, "usage"), "output_tokens") - 1 < 10000;
    } else if (is(type, "message_stop")) {
        r->ended = true;
    }
}

static void read_gemini(struct reading *r, struct sl_str event)
{
    const struct json_node *root = json_root(&r->t), *candidate = json_child(got(r, root, "candidates"));
    (void)event;
    r->failed |= got(r, root, "error") != NULL;
    must(r, !r->ended || number(r, got(r, root, "usageMetadata"), "totalTokenCount") != UINT64_MAX, "behind the end");
    for (JSON_EACH(&r->t, got(r, got(r, candidate, "content"), "parts"), part)) {
        if (got(r, part, "thought") == NULL)
            append(r->text, sizeof r->text, inside(r, part, "text"));
        const struct json_node *call = got(r, part, "functionCall");
        r->calls += number(r, got(r, call, "args"), "q") == 1;
    }
    r->ended |= got(r, candidate, "finishReason") != NULL;
    r->usage |= got(r, root, "usageMetadata") != NULL;
}

static const struct face_row {
    const char *name, *path, *plain, *tools;
    void (*read)(struct reading *r, struct sl_str event);
} faces[] = {
    {"chat", "/v1/chat/completions",
     "{\"model\":\"pair\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "{\"model\":\"pair\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{\"type\":"
     "\"function\",\"function\":{\"name\":\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}",
     read_chat},
    {"responses", "/v1/responses", "{\"model\":\"pair\",\"stream\":true,\"store\":false,\"input\":\"hi\"}",
     "{\"model\":\"pair\",\"stream\":true,\"store\":false,\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":"
     "\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]}",
     read_responses},
    {"anthropic", "/v1/messages",
     "{\"model\":\"pair\",\"stream\":true,\"max_tokens\":500,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "{\"model\":\"pair\",\"stream\":true,\"max_tokens\":500,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
     "\"tools\":[{\"name\":\"look\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]}",
     read_anthropic},
    {"gemini", "/v1beta/models/pair:streamGenerateContent?alt=sse",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":"
     "\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]}]}",
     read_gemini},
};

static void read_event(struct reading *r, const struct face_row *face, struct sl_str event)
{
    struct sl_str name = SL_STR_NONE, data = SL_STR_NONE;
    while (event.n > 0) {
        struct sl_str line = sl_str_trim(sl_str_cut(&event, '\n'));
        if (sl_str_starts(line, SL_STR("event: ")))
            name = sl_str_from(line, 7);
        else if (sl_str_starts(line, SL_STR("data: ")))
            data = sl_str_from(line, 6);
    }
    if (data.n == 0)
        return;
    if (sl_str_eq(data, SL_STR("[DONE]"))) {
        must(r, !r->ended && r->finishes == 1 && r->starts == 1, "[DONE]");
        r->ended = r->usage = true;
        return;
    }
    if (!json_tree_read(&r->t, data, &r->a)) {
        wrong(r, "no JSON");
        return;
    }
    face->read(r, name);
}

static void read_all(struct reading *r, const struct face_row *face, struct sl_str body)
{
    sl_arena_init(&r->a, NULL);
    while (body.n > 0) {
        ptrdiff_t a = sl_str_find_str(body, SL_STR("\n\n")), b = sl_str_find_str(body, SL_STR("\r\n\r\n"));
        bool crlf = b >= 0 && (a < 0 || b < a);
        ptrdiff_t n = crlf ? b : a;
        if (n < 0)
            n = (ptrdiff_t)body.n;
        read_event(r, face, sl_str_head(body, (size_t)n));
        body = sl_str_from(body, (size_t)n + (crlf ? 4 : 2) < body.n ? (size_t)n + (crlf ? 4 : 2) : body.n);
    }
    sl_arena_done(&r->a);
}

/* -- One break ---------------------------------------------------------------------------------------------------------- */

enum how {
    BY_RESET,
    BY_END, /* the transport's end, in good order */
    BY_CLOSE,
    BY_SILENCE,
    HOWS
};
static const char *const how_names[] = {"reset", "end", "close", "silence"};

struct cut {
    const struct upstream_row *up;
    const struct face_row *face;
    bool tools, calls; /* the request has tools; the stream has a call */
    size_t n;          /* events that come whole */
    size_t more;       /* bytes of the next */
    enum how how;
};

/* What the client has read must be: all of the answer; or its beginning, which the other provider goes on with; or, inside of a call
 * only, an error. */
static void judge(const struct cut *c, struct reading *r, struct client *client)
{
    const char *const *events = c->calls ? c->up->call : c->up->plain;
    size_t n_events = c->calls ? c->up->n_call : c->up->n_plain;
    static const char *const pieces[] = {"Once upon", " a time", " it is"};
    char told[256] = "", whole[256] = "Once upon a time it is";
    size_t n_text = 0;
    bool in_call = false;
    for (size_t i = 0; i < c->n; i++) {
        n_text += has_one_of(events[i], c->up->text);
        in_call |= has_one_of(events[i], c->up->calls);
    }
    for (size_t i = 0; i < n_text; i++)
        append(told, sizeof told, sl_str_c(pieces[i]));
    bool went_on = strncmp(r->text, told, strlen(told)) == 0 && sl_str_ends(sl_str_c(r->text), SL_STR(GOES_ON)) &&
                   strlen(r->text) == strlen(told) + strlen(GOES_ON);
    if (!went_on && c->more > 0 && n_text < 3 && has_one_of(events[c->n], c->up->text)) { /* the event may count */
        append(told, sizeof told, sl_str_c(pieces[n_text]));
        append(told, sizeof told, SL_STR(GOES_ON));
        went_on = strcmp(r->text, told) == 0;
    }
    bool near_call = in_call || (c->more > 0 && c->more == strlen(events[c->n]) - 1 &&
                                 has_one_of(events[c->n], c->up->calls)); /* the event may count */
    bool all = strcmp(r->text, whole) == 0 && r->calls == c->calls;
    const char *why = r->wrong;
    if (why == NULL && !client->last)
        why = "it hangs";
    else if (why == NULL && client->reset)
        why = "it was reset";
    else if (why == NULL && r->failed && r->ended)
        why = "an error and an end";
    else if (why == NULL && !r->failed && !r->ended)
        why = "neither an error nor an end";
    else if (why == NULL && r->failed && (!near_call || c->n == n_events))
        why = "an error although somebody could go on";
    else if (why == NULL && r->ended && in_call && !all)
        why = "half a call with an end";
    else if (why == NULL && r->ended && !all && !went_on)
        why = "neither the whole text nor one that was gone on with";
    else if (why == NULL && r->ended && !r->usage)
        why = "no usage";
    else if (why == NULL && (r->starts > 1 || (r->starts == 0 && c->face->read != read_gemini)))
        why = "not one envelope";
    if (why != NULL)
        fail_msg("%s in front of %s, tools %d, call %d, cut behind %zu (+%zu) by %s: %s: '%s'\n" SL_STR_FMT,
                 c->face->name, c->up->name, c->tools, c->calls, c->n, c->more, how_names[c->how], why, r->text,
                 SL_STR_ARG(sl_buf_str(&client->body)));
}

/* The events, a pause in which they get to the client, and the break. */
static void tell(struct fake *f, const char *const *events, size_t n, enum how how)
{
    static const enum fake_act acts[] = {
        [BY_RESET] = FAKE_RESET, [BY_END] = FAKE_END, [BY_CLOSE] = FAKE_CLOSE, [BY_SILENCE] = FAKE_HANG};
    struct fake_step *s = sl_arena_zalloc(&f->arena, (n + 4) * sizeof *s), *at = s;
    *at++ = (struct fake_step){.act = FAKE_SEND,
                               .bytes = SL_STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                               "transfer-encoding: chunked\r\n\r\n")};
    for (size_t i = 0; i < n; i++)
        *at++ = (struct fake_step){.act = FAKE_SEND,
                                   .bytes = sl_arena_printf(&f->arena, "%zx\r\n%s\r\n", strlen(events[i]), events[i])};
    *at++ = (struct fake_step){.act = FAKE_WAIT, .ns = 100 * SL_MS};
    if (how == BY_END)
        *at++ = (struct fake_step){.act = FAKE_SEND, .bytes = SL_STR("0\r\n\r\n")};
    *at = (struct fake_step){.act = acts[how]};
    fake_script(f, s);
}

static void give(struct kit *k, const struct cut *c)
{
    const char *events[32];
    const char *const *all = c->calls ? c->up->call : c->up->plain;
    size_t n = c->n;
    assert_true(n < N_OF(events));
    if (n > 0)
        memcpy(events, all, n * sizeof *events);
    if (c->more > 0) {
        struct sl_str part = sl_arena_str(&k->one.arena, sl_str_head(sl_str_c(all[n]), c->more));
        events[n++] = part.p;
    }
    tell(&k->one, events, n, c->how);
    static const struct fake_step busy[] = {
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")},
        {.act = FAKE_CLOSE}};
    k->one.usual = busy;
    fake_stream(&k->two, goes_on, N_OF(goes_on), SL_MS, true, FAKE_END);
}

/* The seam is in the record: an attempt that broke off, and one that was whole. */
static void in_the_ledger(struct kit *k, const struct cut *c, bool went_on)
{
    struct core_ledger l = kit_ledger(k);
    bool good = l.n > 0 && strcmp(l.v[l.n - 1].outcome, "ok") == 0 &&
                (went_on ? l.n > 1 && strcmp(l.v[0].outcome, "ok") != 0 : l.n == 1);
    if (!good)
        fail_msg("%s in front of %s, cut behind %zu (+%zu) by %s: %zu attempts, '%s' first", c->face->name, c->up->name,
                 c->n, c->more, how_names[c->how], l.n, l.n > 0 ? l.v[0].outcome : "");
    core_ledger_free(&l);
}

static void run(const struct cut *c)
{
    struct kit k;
    struct client client;
    struct reading r = {.wrong = NULL};
    kit_open(&k,
             &(struct core_options){
                 .kind = c->up->kind,
                 .kind_two = "vllm",
                 .only_responses = c->up->only_responses,
                 .set = {.hold_start_ns = 20 * SL_SEC, .first_token_ns = 8 * SL_SEC, .between_tokens_ns = 5 * SL_SEC}});
    give(&k, c);
    client_send(
        &client, &k.core,
        &(struct ask){.path = c->face->path, .key = CORE_KEY, .body = c->tools ? c->face->tools : c->face->plain});
    kit_run(&k, 60 * SL_SEC);
    read_all(&r, c->face, sl_buf_str(&client.body));
    judge(c, &r, &client);
    if (r.ended)
        in_the_ledger(&k, c, sl_str_ends(sl_str_c(r.text), SL_STR(GOES_ON)));
    client_done(&client);
    kit_close(&k);
}

/* within: of events, too. */
static void cut_everywhere(const struct upstream_row *up, bool tools, bool calls, enum how how, bool within)
{
    const char *const *events = calls ? up->call : up->plain;
    size_t n = calls ? up->n_call : up->n_plain;
    for (size_t f = 0; f < N_OF(faces); f++) {
        struct cut c = {.up = up, .face = &faces[f], .tools = tools, .calls = calls, .how = how};
        for (c.n = 0; c.n < n; c.n++) {
            const size_t of[] = {0, strlen(events[c.n]) / 2, strlen(events[c.n]) - 1};
            for (size_t i = 0; i < (within ? N_OF(of) : 1); i++) {
                c.more = of[i];
                if (c.n + c.more > 0)
                    run(&c);
            }
        }
    }
}

static void test_text(void **state)
{
    const struct upstream_row *up = *state;
    cut_everywhere(up, false, false, BY_RESET, true);
    cut_everywhere(up, false, false, BY_END, true);
    cut_everywhere(up, false, false, BY_CLOSE, false);
}

/* A call could have followed. */
static void test_text_with_tools(void **state)
{
    const struct upstream_row *up = *state;
    cut_everywhere(up, true, false, BY_RESET, false);
    cut_everywhere(up, true, false, BY_END, false);
    cut_everywhere(up, true, false, BY_SILENCE, false);
}

static void test_call(void **state)
{
    const struct upstream_row *up = *state;
    cut_everywhere(up, true, true, BY_RESET, true);
    cut_everywhere(up, true, true, BY_END, false);
}

/* Structured output cannot be gone on with; but when its brackets are whole, nothing can be missing. */
static void test_structured(void **state)
{
    (void)state;
    static const char *const events[] = {
        NUMBERED("0", "created", RESPONSE("in_progress", "") "}"),
        NUMBERED("1", "output_item.added", ",\"output_index\":0,\"item\":" MSG("in_progress", "")),
        NUMBERED("2", "content_part.added",
                 ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":" PART("")),
        NUMBERED("3", "output_text.delta",
                 ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{\\\"a\\\":\""),
        NUMBERED("4", "output_text.delta",
                 ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{}}\""),
        NUMBERED("5", "output_text.done",
                 ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"text\":\"{\\\"a\\\":{}}\""),
        NUMBERED("6", "content_part.done",
                 ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":" PART("{\\\"a\\\":{}}"))};
    static const char *const body =
        "{\"model\":\"pair\",\"stream\":true,\"store\":false,\"input\":\"hi\",\"text\":{\"format\":{\"type\":"
        "\"json_schema\",\"name\":\"s\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}}";
    for (size_t n = 4; n <= 6; n++) {
        for (enum how how = 0; how < HOWS; how++) {
            struct kit k;
            struct client client;
            struct reading r = {.wrong = NULL};
            kit_open(&k, &(struct core_options){.only_responses = true});
            tell(&k.one, events, n, how);
            client_send(&client, &k.core, &(struct ask){.path = "/v1/responses", .key = CORE_KEY, .body = body});
            kit_run(&k, 90 * SL_SEC);
            read_all(&r, &faces[1], sl_buf_str(&client.body));
            if (r.wrong != NULL || r.ended != (n > 4) || r.failed != (n == 4) || (r.ended && !r.usage))
                fail_msg("%zu events, %s: %s: " SL_STR_FMT, n, how_names[how], r.wrong,
                         SL_STR_ARG(sl_buf_str(&client.body)));
            client_done(&client);
            kit_close(&k);
        }
    }
}

static int with(void **state, const struct upstream_row *up)
{
    *state = (void *)(uintptr_t)up;
    return 0;
}
static int chat(void **state)
{
    return with(state, &ups[0]);
}
static int responses(void **state)
{
    return with(state, &ups[1]);
}
static int anthropic(void **state)
{
    return with(state, &ups[2]);
}
static int gemini(void **state)
{
    return with(state, &ups[3]);
}

#define EACH(test)                                                                                                     \
    {#test " chat", test, chat, NULL, NULL}, {#test " responses", test, responses, NULL, NULL},                        \
        {#test " anthropic", test, anthropic, NULL, NULL},                                                             \
    {                                                                                                                  \
#test " gemini", test, gemini, NULL, NULL                                                                      \
    }

/* Which of the tests, since all together take long: text, tools, call. */
int main(int argc, char **argv)
{
    const struct CMUnitTest text[] = {EACH(test_text), cmocka_unit_test(test_structured)};
    const struct CMUnitTest tools[] = {EACH(test_text_with_tools)};
    const struct CMUnitTest call[] = {EACH(test_call)};
    const char *which = argc > 1 ? argv[1] : "";
    if (strcmp(which, "tools") == 0)
        return cmocka_run_group_tests(tools, NULL, NULL);
    if (strcmp(which, "call") == 0)
        return cmocka_run_group_tests(call, NULL, NULL);
    return cmocka_run_group_tests(text, NULL, NULL);
}
