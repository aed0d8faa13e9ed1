/* Requests and answers of operations that are no conversation, from any bytes: "<pair><request>\n<answer>". What is written is JSON;
 * an answer that is taken has as many vectors or results as were asked for. */
#include "base/check.h"
#include "dialect/other/pairs.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const struct {
    enum operation op;
    const struct other_pair *pair;
} rows[] = {{OP_EMBEDDINGS, &other_embed_gemini},
            {OP_EMBEDDINGS, &other_embed_cohere},
            {OP_EMBEDDINGS, &other_embed_ark},
            {OP_RERANK, &other_rerank_cohere},
            {OP_RERANK, &other_rerank_jina},
            {OP_IMAGES, &other_images_imagen},
            {OP_IMAGES, &other_images_gemini},
            {OP_IMAGES, &other_images_seedream},
            {OP_SPEECH, NULL},
            {OP_MODERATIONS, NULL},
            {OP_EMBED_CONTENT, NULL},
            {OP_EMBED_BATCH, NULL}};

static bool is_json(const struct sl_buf *b, struct sl_arena *a)
{
    struct json_tree t;
    return json_tree_read(&t, sl_buf_str(b), a);
}

static void through(struct other_translation *t, struct sl_str answer, struct sl_buf *out)
{
    struct request_refusal r = {0};
    struct other_usage u = {.found = false};
    sl_buf_reset(out);
    if (!t->pair->write(t, out, &r)) {
        SL_CHECK(r.error.error != GE_NONE);
        return;
    }
    SL_CHECK(out->over || is_json(out, t->a));
    t->pair->usage(t, answer, &u);
    sl_buf_reset(out);
    if (t->pair->answer(t, &answer, 1, out))
        SL_CHECK(out->over || t->stream || is_json(out, t->a));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    struct sl_str answer = sl_str_of(data + 1, n - 1), ask = sl_str_cut(&answer, '\n');
    size_t k = data[0] % (sizeof rows / sizeof rows[0]);
    struct sl_arena a;
    struct sl_buf out;
    struct other_look l;
    struct request_refusal r = {0};
    struct other_usage u;
    struct stream_event e;
    sl_arena_init(&a, NULL);
    sl_buf_init(&out, 1u << 20);
    if (other_look(rows[k].op, ask, &a, &l, &r)) {
        struct neutral_notes notes = {.a = &a};
        struct other_translation t = {.op = rows[k].op,
                                      .pair = rows[k].pair,
                                      .look = &l,
                                      .model = SL_STR("m"),
                                      .up_model = SL_STR("u"),
                                      .notes = &notes,
                                      .a = &a,
                                      .stream = (data[0] & 64) != 0,
                                      .v2 = (data[0] & 128) != 0,
                                      .id = SL_STR("id")};
        t.count = t.pair != NULL && t.pair->most > 0 && t.pair->most < l.n ? t.pair->most : l.n;
        if (t.pair != NULL)
            through(&t, answer, &out);
        (void)other_size_fits(SL_STR("gpt-image-2"), l.size, &a, &r);
    } else {
        SL_CHECK(r.error.error != GE_NONE);
    }
    other_usage_same(rows[k].op, answer, &a, &u);
    other_stream_watch(NULL, SL_STR_NONE, answer, &e);
    sl_buf_done(&out);
    sl_arena_done(&a);
    return 0;
}
