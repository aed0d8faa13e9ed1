/* Recorded traffic, when it lies beside the tree (../shared/corpus): every request of the Gemini API and Vertex AI is read and can be
 * written again, every answer is read, and its text, calls and usage are the record's own, for a client of Gemini's, too. Prints
 * what was tried. Argument: the tree's root. */
#include "dialect/gemini/gemini_int.h"

#include <stdio.h>

#include <zlib.h>

#include "gemini_test.h"

static const char *root_of_tree = ".";

static struct counts {
    unsigned records, requests, refused, answers, streams, counts, errors, usage, calls, again, others, failed, wrong;
} k;

static struct sl_str text_of(const struct json_tree *t, const struct json_node *of, const char *name)
{
    return json_plain_of(t, json_get(t, of, sl_str_c(name)), &arena);
}

static void wrong(struct sl_str id, const char *what)
{
    printf(SL_STR_FMT ": %s\n", SL_STR_ARG(id), what);
    k.wrong++;
}

/* What the record says, computed apart from the reader. */
struct truth {
    struct sl_buf text;
    uint64_t prompt, completion, candidates, thoughts, tool_use, total;
    unsigned calls;
    bool usage, finished, failed, pieces, media;
    struct sl_str last_args; /* of the last call, raw */
};

static void count(const struct json_tree *t, const struct json_node *of, const char *name, uint64_t *out)
{
    uint64_t n;
    const struct json_node *v = json_got(t, of, sl_str_c(name));
    if (v != NULL && json_u64_of(t, v, &n))
        *out = n;
}

static void learn_part(struct truth *truth, const struct json_tree *t, const struct json_node *part)
{
    const struct json_node *call = json_got(t, part, SL_STR("functionCall"));
    truth->media |= json_got(t, part, SL_STR("inlineData")) != NULL;
    if (call == NULL)
        call = json_got(t, part, SL_STR("function_call")); /* an SDK's objects */
    if (call != NULL) {
        bool begins = json_got(t, call, SL_STR("name")) != NULL;
        truth->calls += begins;
        truth->pieces |= !begins; /* arguments that came in pieces are looked at in test_streams.c */
        truth->last_args = json_get_raw(t, call, SL_STR("args"));
    } else if (json_kind_of(json_get(t, part, SL_STR("thought"))) != JSON_TRUE) {
        sl_buf_adds(&truth->text, json_plain_of(t, json_get(t, part, SL_STR("text")), &arena));
    }
}

static void learn(struct truth *truth, const struct json_tree *t, const struct json_node *chunk)
{
    const struct json_node *usage = json_got(t, chunk, SL_STR("usageMetadata"));
    const struct json_node *candidate = json_child(json_got(t, chunk, SL_STR("candidates")));
    const struct json_node *reason = json_got(t, candidate, SL_STR("finishReason"));
    truth->failed |= json_got(t, chunk, SL_STR("error")) != NULL;
    const struct json_node *feedback = json_got(t, chunk, SL_STR("promptFeedback"));
    truth->finished |= reason != NULL || json_got(t, candidate, SL_STR("finish_reason")) != NULL ||
                       json_got(t, feedback, SL_STR("blockReason")) != NULL ||
                       json_got(t, feedback, SL_STR("blockReasonMessage")) != NULL;
    count(t, usage, "promptTokenCount", &truth->prompt);
    count(t, usage, "candidatesTokenCount", &truth->candidates);
    count(t, usage, "thoughtsTokenCount", &truth->thoughts);
    count(t, usage, "toolUsePromptTokenCount", &truth->tool_use);
    count(t, usage, "totalTokenCount", &truth->total);
    truth->usage |= json_got(t, usage, SL_STR("promptTokenCount")) != NULL;
    for (JSON_EACH(t, json_got(t, json_got(t, candidate, SL_STR("content")), SL_STR("parts")), it))
        learn_part(truth, t, it);
}

static void check_answer(struct sl_str id, struct truth *truth, const struct neutral_answer *answer, const char *as)
{
    struct sl_buf text;
    unsigned calls = 0;
    struct sl_str args = SL_STR_NONE;
    sl_buf_init(&text, 64u << 20);
    for (const struct neutral_part *p = answer->n_choices > 0 ? answer->choices[0].parts : NULL; p != NULL;
         p = p->next) {
        if (p->kind == NP_TEXT)
            sl_buf_adds(&text, json_plain(p->text, &arena));
        if (p->kind == NP_TOOL_CALL)
            args = p->arguments;
        calls += p->kind == NP_TOOL_CALL;
    }
    bool placeholder = truth->media && strcmp(as, "anthropic") == 0; /* that format's answers have no pictures */
    if (!placeholder && !sl_str_eq(sl_buf_str(&text), sl_buf_str(&truth->text)))
        wrong(id, sl_arena_printf(&arena, "another text as %s", as).p);
    if (calls != truth->calls)
        wrong(id, sl_arena_printf(&arena, "other calls as %s", as).p);
    if (calls > 0 && !truth->pieces && !same_json(args, truth->last_args.n > 0 ? truth->last_args : SL_STR("{}")))
        wrong(id, sl_arena_printf(&arena, "other arguments as %s", as).p);
    sl_buf_done(&text);
    k.calls += calls;
    if (!truth->usage)
        return;
    uint64_t prompt = truth->prompt + truth->tool_use, completion = truth->candidates + truth->thoughts;
    k.usage++;
    if (answer->usage.prompt != prompt || answer->usage.completion != completion ||
        (answer->usage.reasoning != truth->thoughts && answer->usage.reasoning > 0))
        wrong(id, sl_arena_printf(&arena, "another usage as %s", as).p);
}

/* The same for a Gemini client of ours, streamed and not, read once more. */
static void write_again(struct sl_str id, const struct neutral_answer *answer, struct truth *truth)
{
    struct translation *t = translation("gemini", "gemini", "gemini-3.8-flash");
    struct sl_buf out;
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    sl_buf_init(&out, 64u << 20);
    gemini_answer_write(t, answer, &out);
    if (!gemini_answer_read(t, kept(&out), &sink))
        wrong(id, "what was written is not read");
    else
        check_answer(id, truth, neutral_collected(c), "gemini");
    sl_buf_init(&out, 64u << 20);
    void *writer = gemini_stream_write_begin(t, &out);
    const struct neutral_sink events = {.put = gemini_stream_write, .owner = writer};
    neutral_replay(answer, &arena, &events);
    gemini_stream_write_end(writer);
    struct stream_result r = read_stream(t, kept(&out));
    if (!r.whole)
        wrong(id, "the stream that was written is not whole");
    else
        check_answer(id, truth, r.answer, "gemini");
    k.again++;
}

/* And for clients of the others, streamed and not, as their own codecs read it. Pictures have no place in some of them. */
static void write_to_others(struct sl_str id, const struct neutral_answer *answer, struct truth *truth)
{
    static const char *const faces[] = {"openai", "anthropic", "openai-responses"};
    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++) {
        struct translation *t = translation(faces[i], "gemini", "gemini-3.8-flash");
        struct translation *back = translation(faces[i], faces[i], "mine");
        struct sl_buf out;
        struct neutral_collector *c = neutral_collector_new(&arena);
        const struct neutral_sink sink = neutral_collector_sink(c);
        sl_buf_init(&out, 64u << 20);
        t->face->codec->answer_write(t, answer, &out);
        if (!back->up->codec->answer_read(back, kept(&out), &sink))
            wrong(id, sl_arena_printf(&arena, "not read as %s", faces[i]).p);
        else
            check_answer(id, truth, neutral_collected(c), faces[i]);
        sl_buf_init(&out, 64u << 20);
        void *writer = t->face->codec->stream_write_begin(t, &out);
        const struct neutral_sink events = {.put = t->face->codec->stream_write, .owner = writer};
        neutral_replay(answer, &arena, &events);
        t->face->codec->stream_write_end(writer);
        struct stream_result r = read_stream(back, kept(&out));
        if (!r.whole)
            wrong(id, sl_arena_printf(&arena, "the stream is not whole as %s", faces[i]).p);
        else
            check_answer(id, truth, r.answer, faces[i]);
        k.others++;
    }
}

/* The stream as bytes; of `chunks` the framing is lost and made again. */
static struct sl_str stream_of(const struct json_tree *t, const struct json_node *body, struct truth *truth)
{
    struct sl_buf b;
    sl_buf_init(&b, 64u << 20);
    if (body->kind == JSON_STRING) {
        sl_buf_adds(&b, json_plain_of(t, body, &arena));
        sl_buf_adds(&b, SL_STR("\n\n")); /* some recorders took the last blank line off */
    }
    for (JSON_EACH(t, body->kind == JSON_ARRAY ? body : NULL, it)) {
        sl_buf_adds(&b, SL_STR("data: "));
        sl_buf_adds(&b, it->kind == JSON_STRING ? json_plain_of(t, it, &arena) : json_raw_of(t, it));
        sl_buf_adds(&b, SL_STR("\n\n"));
    }
    struct sl_str bytes = kept(&b), left = bytes;
    while (left.p != NULL && left.n > 0) { /* events of one line, as all of Google's are */
        struct sl_str line = sl_str_cut(&left, '\n');
        struct json_tree chunk;
        if (!sl_str_starts(line, SL_STR("data:")))
            continue;
        line = sl_str_from(line, 5);
        if (sl_str_ends(line, SL_STR("\r")))
            line.n--;
        struct sl_str copy = sl_arena_str(&arena, line);
        if (json_tree_read(&chunk, copy, &arena))
            learn(truth, &chunk, json_root(&chunk));
    }
    return bytes;
}

static void try_answer(struct sl_str id, const struct json_tree *t, const struct json_node *record)
{
    const struct json_node *body = json_get(t, record, SL_STR("response_body"));
    struct sl_str encoding = text_of(t, record, "response_encoding");
    struct truth truth = {.prompt = 0};
    struct translation *tr = translation("gemini", "gemini", "gemini-3.8-flash");
    const struct neutral_answer *answer;
    bool whole;
    sl_buf_init(&truth.text, 64u << 20);
    if (sl_str_eq(encoding, SL_STR("json"))) {
        struct neutral_collector *c = neutral_collector_new(&arena);
        const struct neutral_sink sink = neutral_collector_sink(c);
        if (body->kind != JSON_ARRAY)
            learn(&truth, t, body);
        for (JSON_EACH(t, body->kind == JSON_ARRAY ? body : NULL, it))
            learn(&truth, t, it);
        whole = gemini_answer_read(tr, json_raw_of(t, body), &sink);
        answer = neutral_collected(c);
        k.answers++;
    } else if (sl_str_eq(encoding, SL_STR("sse")) || sl_str_eq(encoding, SL_STR("chunks"))) {
        struct stream_result r = read_stream(tr, stream_of(t, body, &truth));
        whole = r.whole;
        answer = r.answer;
        k.streams++;
    } else {
        sl_buf_done(&truth.text);
        return;
    }
    bool failed = truth.failed || answer->failed || !truth.finished;
    k.failed += failed;
    if (!whole && !failed)
        wrong(id, "not whole");
    if (whole) {
        check_answer(id, &truth, answer, "gemini");
        write_again(id, answer, &truth);
        write_to_others(id, answer, &truth);
    }
    sl_buf_done(&truth.text);
}

static void try_request(struct sl_str id, const struct json_tree *t, const struct json_node *record, struct sl_str path)
{
    const struct json_node *body = json_get(t, record, SL_STR("request_body"));
    struct neutral_request req = {.model = SL_STR("mine")};
    struct request_refusal refusal;
    struct request_facts facts = {.model = SL_STR("mine")};
    static const char *const ups[][2] = {{"gemini", "gemini-3.8-flash"},
                                         {"gemini", "gemini-2.0-flash"},
                                         {"openai", "gpt-4o"},
                                         {"anthropic", "claude-opus-4-6"},
                                         {"openai-responses", "gpt-5"}};
    if (json_kind_of(body) != JSON_OBJECT)
        return;
    bool counts = sl_str_find_str(path, SL_STR(":countTokens")) >= 0;
    struct sl_str raw = json_raw_of(t, body);
    k.requests++;
    if (!gemini_request_decode(OP_GENERATE, raw, &arena, &facts, &refusal))
        wrong(id, "facts are not read");
    if (!gemini_request_read(counts ? OP_GENERATE_COUNT : OP_GENERATE, raw, &arena, &req, &refusal)) {
        struct sl_str why = sl_arena_printf(&arena, "refused: " SL_STR_FMT, SL_STR_ARG(refusal.error.message));
        wrong(id, sl_arena_cstr(&arena, why));
        return;
    }
    for (size_t i = 0; i < sizeof ups / sizeof ups[0]; i++) {
        struct translation *tr = translation("gemini", ups[i][0], ups[i][1]);
        struct sl_buf out;
        tr->req = &req;
        tr->unsupported = UNSUPPORTED_DROP;
        sl_buf_init(&out, 64u << 20);
        bool fine = tr->up->codec->request_write(tr, &out, &refusal);
        struct sl_str got = kept(&out);
        k.refused += !fine;
        if (fine && !json_is(got, JSON_OBJECT))
            wrong(id, "what was written is no JSON");
        if (fine && i == 0) {
            struct neutral_request again = {.model = SL_STR("mine")};
            if (!gemini_request_read(OP_GENERATE, got, &arena, &again, &refusal))
                wrong(id, "what was written is not read");
        }
    }
}

static void try_record(struct sl_str line)
{
    struct json_tree t;
    uint64_t status = 0;
    if (!json_tree_read(&t, line, &arena))
        return;
    const struct json_node *record = json_root(&t);
    struct sl_str id = text_of(&t, record, "id"), path = text_of(&t, record, "path"), api = text_of(&t, record, "api");
    bool counts = sl_str_ends(api, SL_STR(".count_tokens"));
    if (!counts && !sl_str_ends(api, SL_STR(".generate")) && !sl_str_ends(api, SL_STR(".stream")))
        return;
    k.records++;
    json_u64_of(&t, json_get(&t, record, SL_STR("status")), &status);
    const struct json_node *body = json_get(&t, record, SL_STR("response_body"));
    if (status >= 400) {
        struct neutral_error e;
        bool json = json_kind_of(body) == JSON_OBJECT || json_kind_of(body) == JSON_ARRAY;
        k.errors += json;
        if (json && (!gem_error_read(json_raw_of(&t, body), &arena, &e) || e.message.n == 0))
            wrong(id, "no error found");
        return;
    }
    try_request(id, &t, record, path);
    if (counts) {
        struct answer_facts f;
        gemini_answer_decode(json_raw_of(&t, body), &f);
        if (json_got(&t, body, SL_STR("tokensInfo")) != NULL)
            return; /* computeTokens */
        k.counts++;
        if (!f.usage.found || f.usage.prompt == 0)
            wrong(id, "no count found");
    } else {
        try_answer(id, &t, record);
    }
}

static bool try_file(const char *name)
{
    struct sl_str path = sl_arena_printf(&arena, "%s/../shared/corpus/%s.jsonl.gz", root_of_tree, name);
    gzFile f = gzopen(sl_arena_cstr(&arena, path), "rb");
    struct sl_buf b;
    char chunk[65536];
    int n;
    if (f == NULL)
        return false;
    sl_buf_init(&b, 512u << 20);
    while ((n = gzread(f, chunk, sizeof chunk)) > 0)
        sl_buf_add(&b, chunk, (size_t)n);
    gzclose(f);
    struct sl_str all = sl_buf_str(&b);
    while (all.p != NULL && all.n > 0) {
        struct sl_str line = sl_str_cut(&all, '\n');
        struct sl_arena outer = arena;
        sl_arena_init(&arena, NULL);
        try_record(line);
        sl_arena_done(&arena);
        arena = outer;
    }
    sl_buf_done(&b);
    return true;
}

static void reads_recorded_traffic(void **state)
{
    (void)state;
    static const char *const files[] = {"gemini.generate", "gemini.stream", "gemini.misc",
                                        "vertex.generate", "vertex.stream", "vertex.misc"};
    bool any = false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        any |= try_file(files[i]);
    if (!any) {
        printf("no recorded traffic beside the tree: skipped\n");
        skip();
    }
    printf("records %u: requests %u (writes refused %u), answers %u, streams %u, counts %u, errors %u; "
           "usage compared %u, calls %u, written again %u, for others %u, failures in them %u; wrong %u\n",
           k.records, k.requests, k.refused, k.answers, k.streams, k.counts, k.errors, k.usage, k.calls, k.again,
           k.others, k.failed, k.wrong);
    assert_int_equal(k.wrong, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_recorded_traffic, set_up, tear_down),
    };
    if (argc > 1)
        root_of_tree = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
