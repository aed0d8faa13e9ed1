/* Recorded traffic, where it is (../shared/corpus): every answer of 2xx is read, whole and in its frames, and its usage is what the
 * record itself says. Says so where there is none. */
#include "dialect/aws_stream.h"
#include "dialect/bedrock_converse/bedrock_converse.h"
#include "dialect/json_tree.h"
#include "dialect/media.h"
#include "dialect/relay_translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

static const char *root = "."; /* of the sources */

struct counts {
    unsigned answers, streams, others, failed;
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
    print_error("%.*s (%.*s): %s\n", SL_STR_ARG(text(r, "id")), SL_STR_ARG(text(r, "model")), what);
}

/* Independent of the codec: input with its cache parts, and output. */
static bool usage_is(const struct json_tree *t, const struct json_node *usage, const struct token_counts *u)
{
    static const char *const parts[] = {"inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"};
    uint64_t input = 0, output = 0;
    for (size_t i = 0; i < 3; i++) {
        uint64_t n = 0;
        json_u64_of(t, json_got(t, usage, sl_str_c(parts[i])), &n);
        input += n;
    }
    json_u64_of(t, json_got(t, usage, SL_STR("outputTokens")), &output);
    return usage == NULL ? !u->found : u->found && u->prompt == input && u->completion == output;
}

static struct translation *translation_of(struct record *r)
{
    struct translation *t = SL_ARENA_NEW(&r->a, struct translation);
    struct neutral_request *req = SL_ARENA_NEW(&r->a, struct neutral_request);
    req->from = dialect_find(SL_STR("openai"));
    *t = (struct translation){.face = req->from,
                              .up = &bedrock_converse_dialect,
                              .req = req,
                              .up_model = json_plain(text(r, "model"), &r->a),
                              .a = &r->a,
                              .show_reasoning = true};
    t->caps = caps_find(bedrock_converse_caps, t->up_model);
    t->notes = SL_ARENA_NEW(&r->a, struct neutral_notes);
    t->notes->a = &r->a;
    return t;
}

static void check_answer(struct counts *c, struct record *r, const struct json_node *answer)
{
    struct relay_state state;
    struct sl_buf out;
    c->answers++;
    sl_buf_init(&out, 1u << 24);
    if (!relay_translate_answer(translation_of(r), json_raw_of(&r->t, answer), false, &out, &state))
        complain(c, r, "not read");
    else if (!usage_is(&r->t, json_got(&r->t, answer, SL_STR("usage")), &state.usage))
        complain(c, r, "another usage");
    sl_buf_done(&out);
}

/* The last report in the events is the record's own. */
static bool stream_usage_is(struct record *r, struct sl_str events, const struct token_counts *u)
{
    struct json_tree t;
    ptrdiff_t at = sl_str_find_str(events, SL_STR("event: metadata\ndata: "));
    if (at < 0)
        return !u->found;
    struct sl_str rest = sl_str_from(events, (size_t)at + 22), data = sl_str_cut(&rest, '\n');
    return json_tree_read(&t, data, &r->a) && usage_is(&t, json_got(&t, json_root(&t), SL_STR("usage")), u);
}

static void check_stream(struct counts *c, struct record *r, struct sl_str base64)
{
    struct aws_stream frames;
    struct relay_translate relay;
    struct sl_str bytes, events;
    struct sl_buf all;
    const struct iovec *v;
    int n;
    if (!media_decode(base64, &r->a, &bytes)) {
        complain(c, r, "no base64");
        return;
    }
    c->streams++;
    aws_stream_init(&frames, 0);
    frames.plain = true;
    sl_buf_init(&all, 1u << 24);
    relay_translate_init(&relay, translation_of(r), 0);
    bool good = true;
    for (size_t at = 0; at < bytes.n; at += 61) { /* as they may come */
        good = good && aws_stream_feed(&frames, sl_str_head(sl_str_from(bytes, at), 61), &events) == RELAY_MORE;
        sl_buf_adds(&all, events);
        good = good && relay_translate_feed(&relay, events, &v, &n) != RELAY_BROKEN;
    }
    if (!good || aws_frames_rest(&frames.frames) > 0 || !relay_translate_end(&relay, 0))
        complain(c, r, relay.state.saw_error ? "an error in it" : "not read");
    else if (!stream_usage_is(r, sl_buf_str(&all), &relay.state.usage))
        complain(c, r, "another usage");
    relay_translate_done(&relay);
    aws_stream_done(&frames);
    sl_buf_done(&all);
}

static void check_record(struct counts *c, struct record *r)
{
    uint64_t status = 0;
    struct sl_str how = text(r, "response_encoding");
    json_u64_of(&r->t, member(r, "status"), &status);
    const struct json_node *answer = member(r, "response_body");
    bool broken = sl_str_find_str(json_raw_of(&r->t, member(r, "tags")), SL_STR("truncated")) >= 0;
    if (status / 100 == 2 && sl_str_eq(how, SL_STR("json")) && json_got(&r->t, answer, SL_STR("output")) != NULL)
        check_answer(c, r, answer);
    else if (status / 100 == 2 && sl_str_eq(how, SL_STR("base64")) && !broken)
        check_stream(c, r, text(r, "response_body"));
    else
        c->others++;
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
    struct counts c = {0};
    check_file(&c, "bedrock.converse");
    check_file(&c, "bedrock.converse_stream");
    print_message("%u answers, %u streams, %u others, %u failed\n", c.answers, c.streams, c.others, c.failed);
    assert_int_equal(c.failed, 0);
    if (c.answers + c.streams == 0) {
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
