/* Recorded traffic, when it lies beside the tree (../shared/corpus): every answer of the chat format is read, and its usage is what
 * the record says. Prints what was tried. Argument: the tree's root. */
#include "chat_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <zlib.h>

#include "base/mem.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

static const char *root_of_tree = ".";

struct counts {
    unsigned records, requests, refused, answers, streams, chunks, errors, cut, usage, calls, empty, wrong;
};

static void wrong(struct counts *k, const char *format, ...) SL_PRINTF(2, 3);
static void wrong(struct counts *k, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
    k->wrong++;
}

struct record {
    struct json_tree tree;
    const struct json_node *root;
    struct sl_arena a;
};

static struct sl_str text_of(struct record *r, const char *name)
{
    return json_plain_of(&r->tree, json_get(&r->tree, r->root, sl_str_c(name)), &r->a);
}

/* The body of a stream as its bytes; of `chunks` the framing is lost and made again. */
static struct sl_str stream_of(struct record *r, bool chunks)
{
    const struct json_node *body = json_get(&r->tree, r->root, SL_STR("response_body"));
    struct sl_buf b;
    sl_buf_init(&b, 64u << 20);
    if (!chunks) {
        struct sl_str text = json_plain_of(&r->tree, body, &r->a);
        bool lines = sl_str_find_str(text, SL_STR("\n\n")) < 0 && sl_str_find_str(text, SL_STR("\r\n")) < 0;
        for (size_t i = 0; i < text.n; i++) { /* two fixtures have a line for each event and no blank ones */
            sl_buf_addc(&b, text.p[i]);
            if (lines && text.p[i] == '\n')
                sl_buf_addc(&b, '\n');
        }
        sl_buf_adds(&b, SL_STR("\n\n")); /* some recorders took the last blank line off */
    }
    for (JSON_EACH(&r->tree, chunks ? body : NULL, it)) {
        struct sl_str raw = json_raw_of(&r->tree, it);
        sl_buf_adds(&b, SL_STR("data: "));
        sl_buf_adds(&b, it->kind == JSON_STRING ? json_plain_of(&r->tree, it, &r->a) : raw);
        sl_buf_adds(&b, SL_STR("\n\n"));
    }
    struct sl_str s = sl_arena_str(&r->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static bool has_tag(struct record *r, const char *tag)
{
    for (JSON_EACH(&r->tree, json_get(&r->tree, r->root, SL_STR("tags")), it))
        if (json_text_is(&r->tree, it, sl_str_c(tag)))
            return true;
    return false;
}

/* prompt_tokens and completion_tokens of the last usage in the text, read in another way than the reader does. */
static bool last_usage(struct sl_str text, uint64_t *prompt, uint64_t *completion)
{
    struct sl_str want[] = {SL_STR("\"prompt_tokens\":"), SL_STR("\"completion_tokens\":")};
    uint64_t *out[] = {prompt, completion};
    for (int i = 0; i < 2; i++) {
        bool found = false;
        struct sl_str rest = text;
        for (;;) {
            ptrdiff_t at = sl_str_find_str(rest, want[i]);
            if (at < 0)
                break;
            rest = sl_str_from(rest, (size_t)at + want[i].n);
            size_t n = 0, from = rest.n > 0 && rest.p[0] == ' ';
            while (from + n < rest.n && rest.p[from + n] >= '0' && rest.p[from + n] <= '9')
                n++;
            found |= sl_str_to_u64(sl_str_of(rest.p + from, n), out[i]);
        }
        if (!found)
            return false;
    }
    return true;
}

/* xAI's completion tokens leave reasoning out: the reader adds it. */
static void check_usage(struct chat_case *c, struct record *r, struct sl_str body, struct counts *k)
{
    uint64_t prompt = 0, completion = 0;
    const struct token_counts *got = &neutral_collected(c->collector)->usage;
    if (sl_str_find_str(body, SL_STR("\"usage_breakdown\"")) > 0) /* Groq's compound systems: that of each model, too */
        return;
    if (!last_usage(body, &prompt, &completion))
        return;
    k->usage++;
    bool outside = got->prompt == prompt + got->cached && got->cached > prompt; /* Grok at Azure */
    bool fine = got->found && (got->prompt == prompt || outside) &&
                (got->completion == completion || got->completion == completion + got->reasoning);
    if (!fine)
        wrong(k, SL_STR_FMT ": usage %llu/%llu, got %llu/%llu", SL_STR_ARG(text_of(r, "id")),
              (unsigned long long)prompt, (unsigned long long)completion, (unsigned long long)got->prompt,
              (unsigned long long)got->completion);
}

/* Text and calls of a whole answer, against the record's own. */
static void check_message(struct chat_case *c, struct record *r, struct counts *k)
{
    const struct json_node *body = json_get(&r->tree, r->root, SL_STR("response_body"));
    const struct json_node *choice = json_child(json_get(&r->tree, body, SL_STR("choices")));
    const struct json_node *message = json_get(&r->tree, choice, SL_STR("message"));
    const struct json_node *content = json_get(&r->tree, message, SL_STR("content"));
    const struct json_node *call = json_child(json_got(&r->tree, message, SL_STR("tool_calls")));
    const struct neutral_answer *answer = neutral_collected(c->collector);
    for (const struct neutral_part *p = answer->choices[0].parts; p != NULL; p = p->next) {
        if (p->kind == NP_TEXT && json_kind_of(content) == JSON_STRING &&
            !sl_str_eq(p->text, json_inside_of(&r->tree, content)))
            wrong(k, SL_STR_FMT ": another text", SL_STR_ARG(text_of(r, "id")));
        if (p->kind != NP_TOOL_CALL || call == NULL)
            continue;
        k->calls++;
        if (p->custom) {
            const struct json_node *custom = json_get(&r->tree, call, SL_STR("custom"));
            if (!sl_str_eq(p->text, json_get_inside(&r->tree, custom, SL_STR("input"))))
                wrong(k, SL_STR_FMT ": another input", SL_STR_ARG(text_of(r, "id")));
            call = json_sibling(&r->tree, call);
            continue;
        }
        const struct json_node *f = json_get(&r->tree, call, SL_STR("function"));
        const struct json_node *arguments = json_get(&r->tree, f, SL_STR("arguments"));
        struct sl_str want = json_kind_of(arguments) == JSON_STRING ? json_plain_of(&r->tree, arguments, &r->a)
                                                                    : json_raw_of(&r->tree, arguments);
        if (!sl_str_eq(p->name, json_get_inside(&r->tree, f, SL_STR("name"))) || !sl_str_eq(p->arguments, want))
            wrong(k, SL_STR_FMT ": another call", SL_STR_ARG(text_of(r, "id")));
        call = json_sibling(&r->tree, call);
    }
    if (call != NULL)
        wrong(k, SL_STR_FMT ": a call is lost", SL_STR_ARG(text_of(r, "id")));
}

static void check_answer(struct record *r, struct counts *k)
{
    struct sl_str encoding = text_of(r, "response_encoding"), model = text_of(r, "model");
    bool sse = sl_str_eq(encoding, SL_STR("sse")), chunks = sl_str_eq(encoding, SL_STR("chunks"));
    bool json = sl_str_eq(encoding, SL_STR("json"));
    struct chat_case c;
    if (!sse && !chunks && !json)
        return;
    chat_case_init(&c, "anthropic", "openai", "compatible", sl_arena_cstr(&r->a, model));
    const struct neutral_sink to = chat_case_sink(&c);
    struct sl_str body = json ? json_raw_of(&r->tree, json_get(&r->tree, r->root, SL_STR("response_body")))
                              : stream_of(r, chunks);
    enum chat_fed fed = FED_WHOLE;
    if (sl_str_find_str(body, SL_STR("\"choices\"")) < 0 && sl_str_find_str(body, SL_STR("error")) < 0) {
        k->empty++; /* "[DONE]" and nothing else; a transcription */
        chat_case_done(&c);
        return;
    }
    if (json && !openai_chat_codec.answer_read(&c.t, body, &to))
        fed = FED_BROKEN;
    else if (!json)
        fed = chat_case_feed(&c, body, 0, &to);
    bool failed = neutral_collected(c.collector)->failed;
    k->answers += json;
    k->streams += sse;
    k->chunks += chunks;
    k->errors += failed;
    bool trimmed = fed == FED_CUT && sl_str_find_str(body, SL_STR("\"finish_reason\":\"")) < 0 &&
                   sl_str_find_str(body, SL_STR("\"finish_reason\": \"")) < 0 &&
                   sl_str_find_str(body, SL_STR("[DONE]")) < 0;
    k->cut += trimmed;
    if (fed != FED_WHOLE && !failed && !trimmed)
        wrong(k, SL_STR_FMT " %s: " SL_STR_FMT "\n" SL_STR_FMT, SL_STR_ARG(text_of(r, "id")),
              fed == FED_CUT ? "is cut" : "breaks the format", SL_STR_ARG(sl_str_head(body, 3000)),
              SL_STR_ARG(sl_buf_str(&c.log)));
    if (failed && !has_tag(r, "error_in_stream") && !has_tag(r, "error_with_200") && !has_tag(r, "error_body"))
        wrong(k, SL_STR_FMT " has an error that its record does not: " SL_STR_FMT, SL_STR_ARG(text_of(r, "id")),
              SL_STR_ARG(sl_buf_str(&c.log)));
    if (!failed && fed == FED_WHOLE)
        check_usage(&c, r, body, k);
    if (!failed && json && fed == FED_WHOLE)
        check_message(&c, r, k);
    chat_case_done(&c);
}

/* A request that its provider took is taken by the reader, and written again it is JSON. */
static void check_request(struct record *r, struct counts *k)
{
    const struct json_node *body = json_get(&r->tree, r->root, SL_STR("request_body"));
    struct chat_case c;
    struct sl_str out;
    if (json_kind_of(json_get(&r->tree, body, SL_STR("messages"))) != JSON_ARRAY ||
        json_got(&r->tree, body, SL_STR("model")) == NULL)
        return;
    chat_case_init(&c, "openai", "openai", "compatible", "some-model");
    k->requests++;
    if (!chat_case_request(&c, sl_arena_cstr(&r->a, json_raw_of(&r->tree, body)))) {
        k->refused++;
        printf("  refused " SL_STR_FMT ": " SL_STR_FMT "\n", SL_STR_ARG(text_of(r, "id")),
               SL_STR_ARG(c.refusal.error.message));
    } else if (chat_case_write(&c, &out)) {
        assert_true(json_is(out, JSON_OBJECT));
    }
    chat_case_done(&c);
}

static void check_record(struct sl_str line, struct counts *k)
{
    struct record r;
    uint64_t status = 0;
    sl_arena_init(&r.a, NULL);
    assert_true(json_tree_read(&r.tree, line, &r.a));
    r.root = json_root(&r.tree);
    struct sl_str api = text_of(&r, "api");
    bool chat = sl_str_ends(api, SL_STR(".chat")) || sl_str_eq(api, SL_STR("bedrock.openai_chat"));
    bool fine = json_u64_of(&r.tree, json_get(&r.tree, r.root, SL_STR("status")), &status) && status / 100 == 2;
    if (chat && !sl_str_eq(api, SL_STR("cohere.chat")) && fine) {
        k->records++;
        check_answer(&r, k);
        check_request(&r, k);
    }
    sl_arena_done(&r.a);
}

static struct sl_str read_gz(const char *path)
{
    gzFile f = gzopen(path, "rb");
    size_t cap = 1u << 20, n = 0;
    char *p = sl_malloc(cap);
    int got;
    assert_non_null(f);
    while ((got = gzread(f, p + n, (unsigned)(cap - n))) > 0) {
        n += (size_t)got;
        if (cap - n < (1u << 19))
            p = sl_realloc(p, cap *= 2);
    }
    gzclose(f);
    return sl_str_of(p, n);
}

static void test_corpus(void **state)
{
    (void)state;
    char path[1024];
    struct counts k = {.records = 0};
    snprintf(path, sizeof path, "%s/../shared/corpus", root_of_tree);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        printf("no recorded traffic at ../shared/corpus: skipped\n");
        skip();
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!sl_str_ends(sl_str_c(e->d_name), SL_STR(".jsonl.gz")))
            continue;
        snprintf(path, sizeof path, "%s/../shared/corpus/%s", root_of_tree, e->d_name);
        struct sl_str all = read_gz(path), rest = all;
        while (rest.p != NULL && rest.n > 0) {
            struct sl_str line = sl_str_cut(&rest, '\n');
            if (sl_str_find_str(sl_str_head(line, 1024), SL_STR("chat\"")) > 0)
                check_record(line, &k);
        }
        sl_free((char *)all.p);
    }
    closedir(dir);
    printf(
        "records %u: whole answers %u, streams %u, chunk lists %u; calls compared %u; errors inside a success %u, cut by "
        "the recorder %u, no answer at all %u; usage compared %u; requests read %u, refused %u\n",
        k.records, k.answers, k.streams, k.chunks, k.calls, k.errors, k.cut, k.empty, k.usage, k.requests - k.refused,
        k.refused);
    assert_true(k.records > 1000);
    assert_int_equal(k.wrong, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    if (argc > 1)
        root_of_tree = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
