/* Recorded traffic, where it is (../shared/corpus): every answer of 2xx is read, its usage is what the record itself says, and
 * every request that was answered is read and written again. Says so where there is none. */
#include "dialect/anthropic/anthropic.h"
#include "dialect/json_tree.h"
#include "http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

static const char *root = "."; /* of the sources */

static const struct dialect foreign = {.name = SL_STR_INIT("openai")};

struct counts {
    unsigned records, answers, streams, requests, joined, failed;
};

struct record {
    struct sl_arena a;
    struct json_tree t;
    const struct json_node *v;
};

static const struct json_node *member(const struct record *r, const char *name)
{
    return json_got(&r->t, r->v, sl_str_c(name));
}

static struct sl_str text(const struct record *r, const char *name)
{
    return json_inside_of(&r->t, member(r, name));
}

static void complain(struct counts *c, const struct record *r, const char *what)
{
    c->failed++;
    print_error("%.*s (%.*s, %.*s): %s\n", SL_STR_ARG(text(r, "id")), SL_STR_ARG(text(r, "api")),
                SL_STR_ARG(text(r, "fidelity")), what);
}

/* -- Usage as the record says it --------------------------------------------------------------------------------------------------- */

struct sums { /* in the order of names */
    uint64_t v[4];
};

static void overlay(const struct json_tree *t, const struct json_node *usage, struct sums *s)
{
    static const char *const names[] = {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
                                        "output_tokens"};
    for (size_t i = 0; i < 4; i++)
        (void)json_u64_of(t, json_got(t, usage, sl_str_c(names[i])), &s->v[i]);
}

/* Iterations other than messages are not in the counts. */
static void add_iterations(const struct json_tree *t, const struct json_node *usage, struct sums *s)
{
    for (JSON_EACH(t, json_got(t, usage, SL_STR("iterations")), it)) {
        struct sums one = {{0}};
        const struct json_node *type = json_get(t, it, SL_STR("type"));
        if (!json_text_is(t, type, SL_STR("compaction")) && !json_text_is(t, type, SL_STR("advisor_message")))
            continue;
        overlay(t, it, &one);
        for (size_t i = 0; i < 4; i++)
            s->v[i] += one.v[i];
    }
}

/* -- Answers ----------------------------------------------------------------------------------------------------------------------- */

struct seen {
    struct token_counts usage;
    bool finished, failed;
};

static void look(void *owner, const struct neutral_event *e)
{
    struct seen *s = owner;
    if (e->usage.found && (e->kind == NE_START || e->kind == NE_USAGE))
        s->usage = e->usage;
    s->finished = s->finished || e->kind == NE_FINISH;
    s->failed = s->failed || e->kind == NE_ERROR;
}

static void check_usage(struct counts *c, const struct record *r, const struct seen *seen, const struct sums *s)
{
    const struct token_counts *u = &seen->usage;
    if (u->prompt != s->v[0] + s->v[1] + s->v[2] || u->cached != s->v[1] || u->cache_write < s->v[2] ||
        u->completion != s->v[3] || u->bad)
        complain(c, r, "usage differs");
}

static struct translation translation_of(struct record *r, struct neutral_request *req, struct neutral_notes *notes)
{
    *notes = (struct neutral_notes){.a = &r->a};
    return (struct translation){.face = &foreign,
                                .up = &anthropic_dialect,
                                .req = req,
                                .caps = caps_find(anthropic_caps, SL_STR("claude-opus-5")),
                                .unsupported = UNSUPPORTED_DROP,
                                .up_model = SL_STR("claude-opus-5"),
                                .a = &r->a,
                                .notes = notes};
}

static void check_answer(struct counts *c, struct record *r, const struct json_node *body)
{
    struct neutral_notes notes;
    struct translation t = translation_of(r, NULL, &notes);
    struct seen seen = {.finished = false};
    struct sums s = {{0}};
    struct answer_facts facts;
    const struct neutral_sink to = {look, &seen};
    const struct json_node *usage = json_got(&r->t, body, SL_STR("usage"));
    c->answers++;
    if (!anthropic_codec.answer_read(&t, json_raw_of(&r->t, body), &to) || !seen.finished || seen.failed)
        complain(c, r, "answer not read");
    overlay(&r->t, usage, &s);
    add_iterations(&r->t, usage, &s);
    check_usage(c, r, &seen, &s);
    anthropic_answer_decode(json_raw_of(&r->t, body), &facts);
    if (!facts.valid || facts.usage.prompt != seen.usage.prompt || facts.usage.completion != seen.usage.completion)
        complain(c, r, "facts differ");
}

struct feeding {
    struct counts *c;
    struct record *r;
    struct translation t;
    struct stream_memo memo;
    struct token_counts watched;
    void *state;
    struct seen seen;
    struct sums sums, iterations;
    unsigned starts;
    bool good, finish;
};

static void feed_event(struct feeding *f, struct sl_str name, struct sl_str data)
{
    const struct neutral_sink to = {look, &f->seen};
    struct stream_event e;
    struct json_tree t;
    f->good = f->good && anthropic_codec.stream_read(f->state, name, data, &to);
    anthropic_stream_watch(&f->memo, name, data, &e);
    if (e.has_usage)
        f->watched = e.usage;
    f->finish = f->finish || e.finish;
    if (!json_tree_read(&t, data, &f->r->a))
        return;
    const struct json_node *v = json_root(&t), *message = json_got(&t, v, SL_STR("message"));
    const struct json_node *usage = json_got(&t, message != NULL ? message : v, SL_STR("usage"));
    f->starts += message != NULL;
    overlay(&t, usage, &f->sums);
    if (json_got(&t, usage, SL_STR("iterations")) != NULL) {
        f->iterations = (struct sums){{0}};
        add_iterations(&t, usage, &f->iterations);
    }
}

static void check_stream(struct counts *c, struct record *r, const struct json_node *body)
{
    struct neutral_notes notes;
    struct feeding f = {.c = c, .r = r, .t = translation_of(r, NULL, &notes), .good = true};
    const struct neutral_sink to = {look, &f.seen};
    f.state = anthropic_codec.stream_read_begin(&f.t);
    c->streams++;
    if (json_kind_of(body) == JSON_ARRAY) {
        for (JSON_EACH(&r->t, body, it))
            feed_event(&f, SL_STR_NONE, json_raw_of(&r->t, it));
    } else {
        struct sse_scanner sse;
        struct sse_piece piece;
        struct sl_str in = json_plain_of(&r->t, body, &r->a);
        sse_scanner_init(&sse, 0);
        while (sse_next(&sse, &in, &piece) == SSE_PIECE)
            if (piece.kind == SSE_EVENT && piece.has_data)
                feed_event(&f, piece.name, piece.data);
        sse_scanner_done(&sse);
    }
    bool whole = f.good && anthropic_codec.stream_read_end(f.state, &to);
    if (f.seen.failed)
        return; /* an error in the stream, which was told */
    if (!whole || !f.seen.finished || !f.finish) {
        complain(c, r, "stream not read");
        return;
    }
    if (f.starts > 1) { /* a fixture of several answers in one file */
        c->joined++;
        return;
    }
    for (size_t i = 0; i < 4; i++)
        f.sums.v[i] += f.iterations.v[i];
    check_usage(c, r, &f.seen, &f.sums);
    if (f.watched.prompt != f.seen.usage.prompt || f.watched.completion != f.seen.usage.completion)
        complain(c, r, "usage in passing differs");
}

/* -- Requests ------------------------------------------------------------------------------------------------------------------------ */

static bool written_as(struct record *r, const struct neutral_request *req, const struct dialect *client)
{
    struct neutral_notes notes;
    struct neutral_request other = *req;
    struct request_refusal refusal;
    struct sl_buf out;
    struct json_info info;
    other.from = client;
    struct translation t = translation_of(r, &other, &notes);
    sl_buf_init(&out, 1u << 26);
    bool good = anthropic_codec.request_write(&t, &out, &refusal) &&
                json_scan(sl_buf_str(&out), NULL, 0, NULL, &info) == JSON_OK;
    sl_buf_done(&out);
    return good;
}

static void check_request(struct counts *c, struct record *r, const struct json_node *body, enum operation op)
{
    struct neutral_request req = {.model = SL_STR("claude-opus-5")}; /* in the path on some platforms */
    struct request_refusal refusal;
    c->requests++;
    if (!anthropic_codec.request_read(op, json_raw_of(&r->t, body), &r->a, &req, &refusal))
        complain(c, r, refusal.error.message.p != NULL ? refusal.error.message.p : "request not read");
    else if (!written_as(r, &req, &anthropic_dialect) || !written_as(r, &req, &foreign))
        complain(c, r, "request not written");
}

/* -- Files ----------------------------------------------------------------------------------------------------------------------------- */

static bool is_messages(const struct record *r)
{
    struct sl_str api = text(r, "api");
    return sl_str_ends(api, SL_STR("messages"));
}

static void check_record(struct counts *c, struct record *r)
{
    uint64_t status = 0;
    const struct json_node *answer = member(r, "response_body"), *request = member(r, "request_body");
    bool counting = sl_str_eq(text(r, "api"), SL_STR("anthropic.count_tokens"));
    struct sl_str how = text(r, "response_encoding");
    if (!json_u64_of(&r->t, member(r, "status"), &status) || status < 200 || status > 299)
        return;
    if (!is_messages(r) && !counting)
        return;
    c->records++;
    if (json_kind_of(request) == JSON_OBJECT)
        check_request(c, r, request, counting ? OP_MESSAGES_COUNT : OP_MESSAGES);
    if (counting) {
        c->answers++;
    } else if (sl_str_eq(how, SL_STR("json")) && json_get(&r->t, answer, SL_STR("skill_id")) == NULL) {
        check_answer(c, r, answer);
    } else if (sl_str_eq(how, SL_STR("sse")) || sl_str_eq(how, SL_STR("chunks"))) {
        check_stream(c, r, answer);
    }
}

static bool next_line(gzFile file, struct sl_buf *line)
{
    char part[65536];
    sl_buf_reset(line);
    while (gzgets(file, part, sizeof part) != NULL) {
        struct sl_str s = sl_str_c(part);
        sl_buf_adds(line, s);
        if (sl_str_ends(s, SL_STR("\n")))
            return true;
    }
    return line->n > 0;
}

static void check_file(struct counts *c, const char *name)
{
    char path[4096];
    struct sl_buf line;
    snprintf(path, sizeof path, "%s/../shared/corpus/%s.jsonl.gz", root, name);
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return;
    sl_buf_init(&line, 1u << 26);
    while (next_line(file, &line)) {
        struct record r = {.v = NULL};
        sl_arena_init(&r.a, NULL);
        if (json_tree_read(&r.t, sl_buf_str(&line), &r.a)) {
            r.v = json_root(&r.t);
            check_record(c, &r);
        }
        sl_arena_done(&r.a);
    }
    sl_buf_done(&line);
    gzclose(file);
}

static void test_corpus(void **state)
{
    (void)state;
    static const char *const files[] = {"anthropic.messages", "anthropic.count_tokens", "azure.messages",
                                        "vertex.anthropic_messages", "ollama.misc"};
    struct counts c = {0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        check_file(&c, files[i]);
    print_message("%u records: %u answers, %u streams, %u requests; %u of several answers, %u failed\n", c.records,
                  c.answers, c.streams, c.requests, c.joined, c.failed);
    assert_int_equal(c.failed, 0);
    if (c.records == 0) {
        print_message("skipped: there is no recorded traffic beside the sources\n");
        skip();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    if (argc > 1)
        root = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
