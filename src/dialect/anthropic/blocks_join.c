/* A streamed message as the list of blocks that its whole answer has, so that a turn that paused can be sent back as it came: texts keep
 * their spelling, results of the provider's tools and signatures their bytes. Blocks come one after the other. Source: anthropic.md 5
 * and 9 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "http/sse.h"

struct blocks {
    struct sl_arena *a;
    struct json_writer w;
    struct sl_str block; /* raw; the one that is open; empty: none */
    struct sl_buf text;  /* inside; text, thinking or input, as far as it came in deltas */
    struct sl_buf signature, citations;
    bool bad, ended;
};

static struct sl_str input_of(struct blocks *b, struct sl_str was)
{
    struct sl_str raw = json_plain(sl_buf_str(&b->text), b->a);
    if (raw.n == 0)
        return was;
    b->bad = b->bad || !json_is(raw, JSON_OBJECT);
    return raw;
}

static void write_text(struct blocks *b, const struct json_tree *t, const struct json_node *was)
{
    jw_string(&b->w);
    jw_piece_inside(&b->w, json_inside_of(t, was));
    jw_piece_inside(&b->w, sl_buf_str(&b->text));
    jw_string_end(&b->w);
}

static void write_citations(struct blocks *b, const struct json_tree *t, const struct json_node *was)
{
    jw_open(&b->w, '[');
    for (JSON_EACH(t, was, it))
        jw_raw(&b->w, json_raw_of(t, it));
    if (b->citations.n > 0)
        jw_raw(&b->w, sl_buf_str(&b->citations));
    jw_close(&b->w, ']');
}

static void write_member(struct blocks *b, const struct json_tree *t, const struct json_node *v)
{
    jw_key_inside(&b->w, json_key_of(t, v));
    if (json_key_is(t, v, SL_STR("text")) || json_key_is(t, v, SL_STR("thinking")))
        write_text(b, t, v);
    else if (json_key_is(t, v, SL_STR("signature")) && b->signature.n > 0)
        jw_inside(&b->w, sl_buf_str(&b->signature));
    else if (json_key_is(t, v, SL_STR("input")))
        jw_raw(&b->w, input_of(b, json_raw_of(t, v)));
    else if (json_key_is(t, v, SL_STR("citations")))
        write_citations(b, t, v);
    else
        jw_raw(&b->w, json_raw_of(t, v));
}

/* Empty texts are not taken back. */
static bool says_nothing(const struct blocks *b, const struct json_tree *t)
{
    const struct json_node *root = json_root(t);
    return json_text_is(t, json_get(t, root, SL_STR("type")), SL_STR("text")) && b->text.n == 0 &&
           json_get_inside(t, root, SL_STR("text")).n == 0;
}

static void close_block(struct blocks *b)
{
    struct json_tree t;
    if (b->block.n == 0)
        return;
    b->bad = b->bad || !json_tree_read(&t, b->block, b->a) || b->text.over || b->signature.over || b->citations.over;
    if (!b->bad && !says_nothing(b, &t)) {
        const struct json_node *root = json_root(&t);
        jw_open(&b->w, '{');
        for (JSON_EACH(&t, root, it))
            write_member(b, &t, it);
        if (b->signature.n > 0 && json_get(&t, root, SL_STR("signature")) == NULL)
            jw_member_inside(&b->w, SL_STR("signature"), sl_buf_str(&b->signature));
        if (b->citations.n > 0 && json_get(&t, root, SL_STR("citations")) == NULL) {
            jw_key(&b->w, SL_STR("citations"));
            write_citations(b, &t, NULL);
        }
        jw_close(&b->w, '}');
    }
    b->block = SL_STR_NONE;
    sl_buf_reset(&b->text);
    sl_buf_reset(&b->signature);
    sl_buf_reset(&b->citations);
}

static void add_delta(struct blocks *b, const struct json_tree *t, const struct json_node *delta)
{
    static const struct sl_str texts[] = {SL_STR_INIT("text"), SL_STR_INIT("thinking"), SL_STR_INIT("partial_json")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        (void)sl_buf_adds(&b->text, json_get_inside(t, delta, texts[i]));
    (void)sl_buf_adds(&b->signature, json_get_inside(t, delta, SL_STR("signature")));
    const struct json_node *citation = json_got(t, delta, SL_STR("citation"));
    if (citation == NULL)
        return;
    if (b->citations.n > 0)
        (void)sl_buf_addc(&b->citations, ',');
    (void)sl_buf_adds(&b->citations, json_raw_of(t, citation));
}

static void take(struct blocks *b, struct sl_str data)
{
    struct json_tree t;
    if (!json_tree_read(&t, data, b->a)) {
        b->bad = true;
        return;
    }
    const struct json_node *root = json_root(&t), *type = json_get(&t, root, SL_STR("type"));
    if (json_text_is(&t, type, SL_STR("content_block_start"))) {
        close_block(b);
        const struct json_node *block = json_get(&t, root, SL_STR("content_block"));
        b->bad = b->bad || json_kind_of(block) != JSON_OBJECT;
        b->block = json_raw_of(&t, block);
    } else if (json_text_is(&t, type, SL_STR("content_block_delta"))) {
        b->bad = b->bad || b->block.n == 0;
        add_delta(b, &t, json_get(&t, root, SL_STR("delta")));
    } else if (json_text_is(&t, type, SL_STR("content_block_stop"))) {
        close_block(b);
    } else if (json_text_is(&t, type, SL_STR("message_stop"))) {
        b->ended = true;
    }
}

struct sl_str anthropic_blocks_of_events(struct sl_str events, struct sl_arena *a)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    struct sl_buf out;
    size_t max = events.n + 64;
    struct blocks b = {.a = a, .w = json_writer_on(&out)};
    sl_buf_init(&out, 2 * max);
    sl_buf_init(&b.text, max);
    sl_buf_init(&b.signature, max);
    sl_buf_init(&b.citations, max);
    sse_scanner_init(&sse, max);
    jw_open(&b.w, '[');
    while (!b.bad && sse_next(&sse, &events, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data)
            take(&b, sl_arena_str(a, piece.data));
    b.bad = b.bad || b.block.n > 0 || !b.ended;
    jw_close(&b.w, ']');
    bool good = !b.bad && !out.over && out.n > 2;
    struct sl_str list = good ? sl_arena_str(a, sl_buf_str(&out)) : SL_STR_NONE;
    sse_scanner_done(&sse);
    sl_buf_done(&b.citations);
    sl_buf_done(&b.signature);
    sl_buf_done(&b.text);
    sl_buf_done(&out);
    return list;
}
