/* Recorded traffic of servers that speak Responses, when it is there: every request is read and written again, every answer and
 * stream is read, and what it says (text, calls, usage) is compared with what the record itself says, found in another way. */
#include "dialect/openai_responses/openai_responses.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/openai_chat/openai_chat.h"
#include "http/sse.h"

#define SKIP 77 /* to meson: skipped */
#define LINE_MAX_BYTES (16u << 20)

static const char *const files[] = {"openai.responses", "azure.responses", "chatgpt.responses",
                                    "xai.responses",    "bedrock.misc",    "openrouter.misc"};

/* Records that do not agree with themselves. */
static const struct {
    const char *id, *why;
} explained[] = {
    {"3838ae8ece3e3864", "a path was masked in the whole, not in the deltas"},
    {"893aa44bad003461", "chat completions, filed under responses"},
    {"b7592c0e816846cb", "a fixture whose deltas were cut by hand"},
    {"bc0e5c6ff2c0214b", "a fixture whose deltas were cut by hand"},
    {"ac9d5ca217ad9096", "a fixture of two responses, one behind the other"},
};

static struct {
    unsigned records, requests, requests_refused, answers, streams, errors, cut, explained, failures;
} counts;

struct record {
    struct sl_arena *a;
    struct json_tree t;
    const struct json_node *root;
    const char *id;
    int status;
};

static void failure(const struct record *r, const char *what, struct sl_str detail)
{
    for (size_t i = 0; i < sizeof explained / sizeof explained[0]; i++) {
        if (strcmp(explained[i].id, r->id) == 0) {
            counts.explained++;
            return;
        }
    }
    counts.failures++;
    printf("%s: %s %.*s\n", r->id, what, (int)(detail.n < 400 ? detail.n : 400), detail.p);
}

static struct translation *translation(const struct record *r, const struct dialect *face,
                                       const struct neutral_request *req)
{
    struct translation *t = SL_ARENA_NEW(r->a, struct translation);
    struct neutral_notes *notes = SL_ARENA_NEW(r->a, struct neutral_notes);
    notes->a = r->a;
    *t = (struct translation){.face = face,
                              .up = &openai_responses_dialect,
                              .req = req,
                              .caps = caps_find(responses_caps, SL_STR("gpt-5")),
                              .up_model = SL_STR("gpt-5"),
                              .a = r->a,
                              .notes = notes,
                              .id = SL_STR("x1"),
                              .show_reasoning = true};
    return t;
}

/* -- Requests -------------------------------------------------------------------------------------------------------- */

static void check_request(const struct record *r)
{
    struct sl_str body = json_get_raw(&r->t, r->root, SL_STR("request_body"));
    struct request_refusal refusal = {.at = 0};
    if (!json_is(body, JSON_OBJECT) || json_get_inside(&r->t, r->root, SL_STR("method")).n != 4)
        return;
    struct neutral_request *req = SL_ARENA_NEW(r->a, struct neutral_request);
    counts.requests++;
    if (!responses_request_read(OP_RESPONSES, body, r->a, req, &refusal)) {
        counts.requests_refused++;
        if (r->status < 400 && refusal.error.error != GE_UNSUPPORTED)
            failure(r, "request refused:", refusal.error.message);
        return;
    }
    const struct dialect *faces[] = {&openai_responses_dialect, &openai_chat_dialect};
    for (size_t i = 0; i < 2; i++) {
        struct translation *t = translation(r, faces[i], req);
        struct sl_buf out;
        sl_buf_init(&out, LINE_MAX_BYTES);
        req->from = faces[i];
        bool good = responses_request_write(t, &out, &refusal);
        if (!good && refusal.error.error != GE_UNSUPPORTED)
            failure(r, "request not written:", refusal.error.message);
        else if (good && !json_is(sl_buf_str(&out), JSON_OBJECT))
            failure(r, "request is no JSON:", sl_buf_str(&out));
        sl_buf_done(&out);
    }
}

/* -- Answers --------------------------------------------------------------------------------------------------------- */

struct seen { /* what an answer says */
    struct sl_buf text, calls;
};

static void seen_init(struct seen *s)
{
    sl_buf_init(&s->text, LINE_MAX_BYTES);
    sl_buf_init(&s->calls, LINE_MAX_BYTES);
}

static void seen_done(struct seen *s)
{
    sl_buf_done(&s->text);
    sl_buf_done(&s->calls);
}

static void add_call(struct seen *s, struct sl_str id, struct sl_str name, struct sl_str input)
{
    sl_buf_addf(&s->calls, SL_STR_FMT " " SL_STR_FMT " ", SL_STR_ARG(id), SL_STR_ARG(name));
    sl_buf_adds(&s->calls, input);
    sl_buf_adds(&s->calls, SL_STR("\n"));
}

static void seen_in_answer(struct seen *s, const struct neutral_answer *answer, struct sl_arena *a)
{
    for (const struct neutral_part *p = answer->n_choices > 0 ? answer->choices[0].parts : NULL; p != NULL;
         p = p->next) {
        if (p->kind == NP_TEXT || p->kind == NP_REFUSAL)
            sl_buf_adds(&s->text, json_plain(p->text, a));
        else if (p->kind == NP_TOOL_CALL)
            add_call(s, p->id, p->name, p->custom ? json_plain(p->text, a) : p->arguments);
    }
}

/* By the document alone: texts and calls of a list of items. */
static void seen_in_items(struct seen *s, const struct json_tree *t, const struct json_node *output, struct sl_arena *a)
{
    for (JSON_EACH(t, output, item)) {
        struct sl_str type = json_get_inside(t, item, SL_STR("type"));
        if (sl_str_eq(type, SL_STR("message"))) {
            for (JSON_EACH(t, json_got(t, item, SL_STR("content")), part)) {
                sl_buf_adds(&s->text, json_plain(json_get_inside(t, part, SL_STR("text")), a));
                sl_buf_adds(&s->text, json_plain(json_get_inside(t, part, SL_STR("refusal")), a));
            }
        } else if (sl_str_eq(type, SL_STR("function_call")) || sl_str_eq(type, SL_STR("custom_tool_call"))) {
            bool custom = type.p[0] == 'c';
            add_call(s, json_get_inside(t, item, SL_STR("call_id")), json_get_inside(t, item, SL_STR("name")),
                     json_plain(json_get_inside(t, item, custom ? SL_STR("input") : SL_STR("arguments")), a));
        }
    }
}

static void compare(const struct record *r, struct seen *got, struct seen *want)
{
    if (!sl_str_eq(sl_buf_str(&got->text), sl_buf_str(&want->text)))
        failure(r, "text differs:", sl_buf_str(&got->text));
    if (!sl_str_eq(sl_buf_str(&got->calls), sl_buf_str(&want->calls)))
        failure(r, "calls differ:", sl_buf_str(&got->calls));
}

static void compare_usage(const struct record *r, const struct token_counts *got, struct sl_str raw)
{
    struct token_counts want;
    openai_usage_read(raw, &want);
    if (memcmp(got, &want, sizeof want) != 0)
        failure(r, "usage differs:", raw);
}

/* What comes out for a client of the same format says the same again. */
static void check_writing(const struct record *r, const struct neutral_answer *answer)
{
    struct sl_buf out;
    struct seen got, want;
    struct neutral_request *req = SL_ARENA_NEW(r->a, struct neutral_request);
    struct translation *t = translation(r, &openai_responses_dialect, req);
    struct neutral_collector *c = neutral_collector_new(r->a);
    const struct neutral_sink sink = neutral_collector_sink(c);
    sl_buf_init(&out, LINE_MAX_BYTES);
    seen_init(&got);
    seen_init(&want);
    responses_answer_write(t, answer, &out);
    if (!responses_answer_read(t, sl_buf_str(&out), &sink))
        failure(r, "our own answer cannot be read:", sl_buf_str(&out));
    const struct neutral_answer *again = neutral_collected(c);
    seen_in_answer(&got, again, r->a);
    seen_in_answer(&want, answer, r->a);
    compare(r, &got, &want);
    sl_buf_done(&out);
    seen_done(&got);
    seen_done(&want);
}

static void check_answer(const struct record *r, struct sl_str body)
{
    struct json_tree t;
    struct seen got, want;
    struct neutral_collector *c = neutral_collector_new(r->a);
    const struct neutral_sink sink = neutral_collector_sink(c);
    const struct neutral_request req = {.n = 1};
    if (!json_tree_read(&t, body, r->a) || json_got(&t, json_root(&t), SL_STR("output")) == NULL)
        return; /* of another endpoint */
    counts.answers++;
    if (!responses_answer_read(translation(r, &openai_chat_dialect, &req), body, &sink)) {
        failure(r, "answer not read:", body);
        return;
    }
    const struct neutral_answer *answer = neutral_collected(c);
    struct sl_str status = json_get_inside(&t, json_root(&t), SL_STR("status"));
    bool whole = sl_str_eq(status, SL_STR("completed")) || sl_str_eq(status, SL_STR("incomplete"));
    counts.errors += answer->failed;
    if (answer->failed == whole)
        failure(r, "status and outcome differ:", status);
    compare_usage(r, &answer->usage, json_get_raw(&t, json_root(&t), SL_STR("usage")));
    seen_init(&got);
    seen_init(&want);
    seen_in_answer(&got, answer, r->a);
    seen_in_items(&want, &t, json_got(&t, json_root(&t), SL_STR("output")), r->a);
    compare(r, &got, &want);
    seen_done(&got);
    seen_done(&want);
    check_writing(r, answer);
}

/* -- Streams --------------------------------------------------------------------------------------------------------- */

struct stream {
    const struct record *r;
    void *state;
    struct neutral_collector *c;
    struct sl_buf items; /* of the output_item.done events, a JSON array without its end */
    struct sl_str usage; /* of the terminal event */
    bool ended, failed, broken;
};

static void feed(struct stream *s, struct sl_str name, struct sl_str data)
{
    const struct neutral_sink sink = neutral_collector_sink(s->c);
    struct json_tree t;
    if (!responses_stream_read(s->state, name, data, &sink))
        s->broken = true;
    if (!json_tree_read(&t, sl_arena_str(s->r->a, data), s->r->a))
        return;
    const struct json_node *root = json_root(&t), *response = json_got(&t, root, SL_STR("response"));
    struct sl_str type = json_get_inside(&t, root, SL_STR("type"));
    if (sl_str_eq(type, SL_STR("response.output_item.done"))) {
        sl_buf_adds(&s->items, s->items.n > 0 ? SL_STR(",") : SL_STR("["));
        sl_buf_adds(&s->items, json_get_raw(&t, root, SL_STR("item")));
    } else if (sl_str_eq(type, SL_STR("response.completed")) || sl_str_eq(type, SL_STR("response.incomplete"))) {
        s->ended = true;
        s->usage = json_get_raw(&t, response, SL_STR("usage"));
    } else if (sl_str_eq(type, SL_STR("response.failed")) || sl_str_eq(type, SL_STR("error"))) {
        s->failed = true;
    }
}

static void finish_stream(struct stream *s)
{
    const struct record *r = s->r;
    const struct neutral_sink sink = neutral_collector_sink(s->c);
    struct json_tree t = {.n = 0};
    struct seen got, want;
    bool whole = responses_stream_read_end(s->state, &sink);
    const struct neutral_answer *answer = neutral_collected(s->c);
    counts.streams++;
    counts.errors += answer->failed;
    counts.cut += !s->ended && !s->failed;
    if (s->broken || whole != (s->ended && !s->failed) || answer->failed != s->failed)
        failure(r, "stream not read as what it is", SL_STR_NONE);
    if (s->ended)
        compare_usage(r, &answer->usage, s->usage);
    sl_buf_adds(&s->items, s->items.n > 0 ? SL_STR("]") : SL_STR("[]"));
    bool items = json_tree_read(&t, sl_buf_str(&s->items), r->a);
    seen_init(&got);
    seen_init(&want);
    seen_in_answer(&got, answer, r->a);
    seen_in_items(&want, &t, items ? json_root(&t) : NULL, r->a);
    if (whole)
        compare(r, &got, &want);
    seen_done(&got);
    seen_done(&want);
    if (whole)
        check_writing(r, answer);
}

static void check_stream(const struct record *r, const struct json_node *body, bool sse)
{
    static const struct neutral_request req = {.n = 1};
    struct stream s = {.r = r, .c = neutral_collector_new(r->a)};
    s.state = responses_stream_read_begin(translation(r, &openai_chat_dialect, &req));
    sl_buf_init(&s.items, LINE_MAX_BYTES);
    if (sse) {
        struct sse_scanner scanner;
        struct sse_piece piece;
        struct sl_str text = json_plain_of(&r->t, body, r->a);
        sse_scanner_init(&scanner, LINE_MAX_BYTES);
        while (sse_next(&scanner, &text, &piece) == SSE_PIECE)
            if (piece.kind == SSE_EVENT && piece.has_data)
                feed(&s, piece.name, piece.data);
        sse_scanner_done(&scanner);
    } else {
        for (JSON_EACH(&r->t, body, it))
            feed(&s, SL_STR_NONE, json_raw_of(&r->t, it));
    }
    finish_stream(&s);
    sl_buf_done(&s.items);
}

/* -- Records --------------------------------------------------------------------------------------------------------- */

static void check_record(struct sl_str line)
{
    struct sl_arena a;
    struct record r = {.a = &a};
    uint64_t status = 0;
    sl_arena_init(&a, NULL);
    if (!json_tree_read(&r.t, line, &a))
        abort();
    r.root = json_root(&r.t);
    r.id = sl_arena_cstr(&a, json_get_inside(&r.t, r.root, SL_STR("id")));
    json_u64_of(&r.t, json_get(&r.t, r.root, SL_STR("status")), &status);
    r.status = (int)status;
    if (sl_str_find_str(json_get_inside(&r.t, r.root, SL_STR("api")), SL_STR("responses")) >= 0) {
        const struct json_node *body = json_got(&r.t, r.root, SL_STR("response_body"));
        struct sl_str encoding = json_get_inside(&r.t, r.root, SL_STR("response_encoding"));
        counts.records++;
        check_request(&r);
        if (status == 200 && sl_str_eq(encoding, SL_STR("json")))
            check_answer(&r, json_raw_of(&r.t, body));
        else if (status == 200 && (sl_str_eq(encoding, SL_STR("sse")) || sl_str_eq(encoding, SL_STR("chunks"))))
            check_stream(&r, body, encoding.p[0] == 's');
    }
    sl_arena_done(&a);
}

static bool check_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.jsonl.gz", CORPUS, name);
    gzFile in = gzopen(path, "rb");
    if (in == NULL)
        return false;
    char *line = sl_malloc(LINE_MAX_BYTES);
    while (gzgets(in, line, (int)LINE_MAX_BYTES) != NULL)
        check_record(sl_str_c(line));
    sl_free(line);
    gzclose(in);
    return true;
}

int main(void)
{
    unsigned found = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        found += check_file(files[i]);
    if (found == 0) {
        printf("skipped: no recordings at %s\n", CORPUS);
        return SKIP;
    }
    printf(
        "%u records: %u requests (%u refused), %u answers, %u streams (%u cut), %u of them errors; %u differences explained, %u not\n",
        counts.records, counts.requests, counts.requests_refused, counts.answers, counts.streams, counts.cut,
        counts.errors, counts.explained, counts.failures);
    return counts.failures > 0 ? 1 : 0;
}
