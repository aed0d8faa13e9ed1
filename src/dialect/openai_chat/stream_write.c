/* Neutral events as a stream of chat chunks, exactly as OpenAI sends them: openai.md 6.7; translate-openai-anthropic.md 4;
 * translate-gemini.md 9 (November 2026). Each chunk is the same frame around a delta. */
#include "base/list.h"
#include "dialect/json_peek.h"
#include "dialect/openai_chat/chat_render.h"

#define CHAT_CHOICES 128u
#define CHAT_CALLS 4096u /* of one answer: more are not passed on */

struct out_call {
    uint32_t call; /* the event's ordinal */
    uint32_t choice, index;
    bool custom, has_text, ended;
    struct out_call *next;
};

struct out_choice {
    bool begun, refused;
    uint32_t n_calls, n_images;
    uint32_t thought, thought_block; /* ordinal of the reasoning block, and the event's block that it is */
    bool thought_open;               /* a reasoning block was begun */
    bool thought_text;               /* reasoning_content has text of an earlier block */
    enum neutral_finish finish;
    struct sl_str finish_text;
    struct out_call *first_call, *last_call;
};

struct chat_stream_writer {
    struct translation *t;
    struct sl_buf *out;
    struct json_writer w;
    struct sl_str head; /* {"id":...,"model":"..." */
    struct out_choice *choices;
    uint32_t n, cap;
    struct token_counts usage;
    struct sl_str tier;
    bool asked; /* for usage */
};

static struct out_choice *choice_at(struct chat_stream_writer *s, uint32_t at);

static void make_head(struct chat_stream_writer *s)
{
    struct sl_buf b;
    sl_buf_init_in(&b, SIZE_MAX / 2, s->t->a);
    struct json_writer w = json_writer_on(&b);
    jw_open(&w, '{');
    chat_render_head(&w, s->t, SL_STR("chat.completion.chunk"), s->tier);
    s->head = sl_arena_str(s->t->a, sl_buf_str(&b));
    sl_buf_done(&b);
}

void *chat_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    struct chat_stream_writer *s = SL_ARENA_NEW(t->a, struct chat_stream_writer);
    s->t = t;
    s->out = out;
    s->asked = t->req->include_usage == SAID_YES;
    make_head(s);
    return s;
}

/* What the provider's chunks have around their choices, and what stands in one of its own. */
static struct sl_str head_again(struct sl_str chunk, struct sl_arena *a)
{
    static const struct sl_str own[] = {SL_STR_INIT("choices"), SL_STR_INIT("usage"), SL_STR_INIT("obfuscation"),
                                        SL_STR_INIT("error")};
    struct json_peek k = json_peek_at(chunk);
    struct sl_str value;
    struct sl_buf b;
    sl_buf_init(&b, chunk.n + 16);
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        bool skipped = false;
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            skipped |= sl_str_eq(k.key, own[i]);
        if (!skipped)
            (void)sl_buf_addf(&b, "%s\"" SL_STR_FMT "\":" SL_STR_FMT, b.n == 0 ? "{" : ",", SL_STR_ARG(k.key),
                              SL_STR_ARG(value));
    }
    struct sl_str head = k.closed && b.n > 0 ? sl_arena_str(a, sl_buf_str(&b)) : SL_STR_NONE;
    sl_buf_done(&b);
    return head;
}

void *chat_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told)
{
    if (told->last.n == 0 || told->last.p[0] != '{')
        return NULL;
    struct chat_stream_writer *s = chat_stream_write_begin(t, out);
    s->head = head_again(sl_buf_str(&told->last), t->a);
    if (s->head.n == 0)
        return NULL;
    (void)choice_at(s, 0); /* its role was told */
    sl_buf_reset(out);
    return s;
}

/* -- The frame -------------------------------------------------------------------------------------------------------------- */

static void begin_chunk(struct chat_stream_writer *s, uint32_t choice)
{
    sl_buf_adds(s->out, SL_STR("data: "));
    sl_buf_adds(s->out, s->head);
    sl_buf_adds(s->out, SL_STR(",\"choices\":[{\"index\":"));
    sl_buf_add_u64(s->out, choice);
    sl_buf_adds(s->out, SL_STR(",\"delta\":"));
    s->w = json_writer_on_line(s->out);
    jw_open(&s->w, '{');
}

static void end_delta(struct chat_stream_writer *s, struct sl_str logprobs, struct sl_str finish)
{
    jw_close(&s->w, '}');
    sl_buf_adds(s->out, SL_STR(",\"logprobs\":"));
    if (logprobs.n > 0) {
        sl_buf_adds(s->out, SL_STR("{\"content\":"));
        json_add_line(s->out, logprobs);
        sl_buf_adds(s->out, SL_STR(",\"refusal\":null}"));
    } else {
        sl_buf_adds(s->out, SL_STR("null"));
    }
    sl_buf_adds(s->out, SL_STR(",\"finish_reason\":"));
    if (finish.n > 0) {
        sl_buf_addc(s->out, '"');
        sl_buf_adds(s->out, finish);
        sl_buf_addc(s->out, '"');
    } else {
        sl_buf_adds(s->out, SL_STR("null"));
    }
    sl_buf_adds(s->out, s->asked ? SL_STR("}],\"usage\":null}\n\n") : SL_STR("}]}\n\n"));
}

static void end_chunk(struct chat_stream_writer *s)
{
    end_delta(s, SL_STR_NONE, SL_STR_NONE);
}

static void put_role(struct chat_stream_writer *s, uint32_t choice)
{
    begin_chunk(s, choice);
    jw_member_inside(&s->w, SL_STR("role"), SL_STR("assistant"));
    jw_member_inside(&s->w, SL_STR("content"), SL_STR_NONE);
    jw_member_null(&s->w, SL_STR("refusal"));
    end_chunk(s);
}

/* NULL: more answers than there can be. The first event of each brings its first chunk. */
static struct out_choice *choice_at(struct chat_stream_writer *s, uint32_t at)
{
    if (at >= CHAT_CHOICES)
        return NULL;
    if (at >= s->cap) {
        uint32_t cap = at < 4 ? 4 : CHAT_CHOICES;
        struct out_choice *v = sl_arena_zalloc(s->t->a, cap * sizeof *v);
        if (s->cap > 0)
            memcpy(v, s->choices, s->cap * sizeof *v);
        s->choices = v;
        s->cap = cap;
    }
    if (at >= s->n)
        s->n = at + 1;
    struct out_choice *c = &s->choices[at];
    if (!c->begun)
        put_role(s, at);
    c->begun = true;
    return c;
}

/* -- Text ------------------------------------------------------------------------------------------------------------------- */

static void put_text(struct chat_stream_writer *s, uint32_t choice, struct sl_str member, struct sl_str text)
{
    if (text.n == 0)
        return;
    begin_chunk(s, choice);
    jw_member_inside(&s->w, member, text);
    end_chunk(s);
}

/* A piece of the thought in the event's block; a new block is a new thought. */
static uint32_t thought_of(struct out_choice *c, const struct neutral_event *e)
{
    if (c->thought_open && c->thought_block != e->block)
        c->thought++;
    c->thought_open = true;
    c->thought_block = e->block;
    return c->thought;
}

static void put_thought(struct chat_stream_writer *s, const struct chat_thought *thought)
{
    jw_key(&s->w, SL_STR("reasoning_details"));
    jw_open(&s->w, '[');
    chat_render_thought(&s->w, thought);
    jw_close(&s->w, ']');
    end_chunk(s);
}

static void put_reasoning(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    uint32_t before = c->thought;
    if (e->text.n == 0 || !s->t->show_reasoning)
        return;
    struct chat_thought thought = {.text = e->text, .id = e->id, .index = thought_of(c, e)};
    bool apart = c->thought_text && thought.index != before;
    begin_chunk(s, e->choice);
    jw_key(&s->w, SL_STR("reasoning_content"));
    jw_string(&s->w);
    jw_piece_inside(&s->w, apart ? SL_STR("\\n\\n") : SL_STR_NONE);
    jw_piece_inside(&s->w, e->text);
    jw_string_end(&s->w);
    put_thought(s, &thought);
    c->thought_text = true;
}

static void put_signature(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    bool redacted = e->kind == NE_REDACTED;
    if (e->text.n == 0 || !s->t->show_reasoning)
        return;
    struct sl_str carried = chat_carried(s->t, e->text, e->id, redacted);
    struct chat_thought thought = {.id = e->id, .index = thought_of(c, e)};
    if (redacted)
        thought.data = carried;
    else
        thought.signature = carried;
    begin_chunk(s, e->choice);
    put_thought(s, &thought);
}

/* -- Calls ------------------------------------------------------------------------------------------------------------------ */

static struct out_call *find_call(struct out_choice *c, uint32_t call)
{
    if (c->last_call != NULL && c->last_call->call == call)
        return c->last_call;
    struct out_call *k = c->first_call;
    while (k != NULL && k->call != call)
        k = k->next;
    return k;
}

/* Clients that ask with `functions` know of one call only. */
static bool is_hidden(const struct chat_stream_writer *s, const struct out_call *k)
{
    return s->t->req->legacy_functions && k->index > 0;
}

static void open_call(struct chat_stream_writer *s, const struct out_call *k)
{
    begin_chunk(s, k->choice);
    if (s->t->req->legacy_functions) {
        jw_key(&s->w, SL_STR("function_call"));
        return;
    }
    jw_key(&s->w, SL_STR("tool_calls"));
    jw_open(&s->w, '[');
    jw_open(&s->w, '{');
    jw_member_u64(&s->w, SL_STR("index"), k->index);
}

static void close_call(struct chat_stream_writer *s)
{
    if (!s->t->req->legacy_functions) {
        jw_close(&s->w, '}');
        jw_close(&s->w, ']');
    }
    end_chunk(s);
}

static struct sl_str call_kind(const struct out_call *k)
{
    return k->custom ? SL_STR("custom") : SL_STR("function");
}

static void put_call(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    bool legacy = s->t->req->legacy_functions;
    if (find_call(c, e->call) != NULL || c->n_calls >= CHAT_CALLS)
        return;
    struct out_call *k = SL_ARENA_NEW(s->t->a, struct out_call);
    *k = (struct out_call){.call = e->call, .choice = e->choice, .index = c->n_calls++, .custom = e->custom && !legacy};
    SL_APPEND(c->first_call, c->last_call, k);
    if (is_hidden(s, k))
        return;
    open_call(s, k);
    if (!legacy) {
        jw_member_inside(&s->w, SL_STR("id"), e->id);
        jw_member_inside(&s->w, SL_STR("type"), call_kind(k));
        jw_key(&s->w, call_kind(k));
    }
    jw_open(&s->w, '{');
    jw_member_inside(&s->w, SL_STR("name"), e->name);
    jw_member_inside(&s->w, k->custom ? SL_STR("input") : SL_STR("arguments"), SL_STR_NONE);
    jw_close(&s->w, '}');
    if (!legacy)
        chat_render_signature(&s->w, chat_carried(s->t, e->signature, SL_STR_NONE, false));
    close_call(s);
}

static void put_arguments(struct chat_stream_writer *s, struct out_call *k, struct sl_str text)
{
    if (k == NULL || k->ended || text.n == 0 || is_hidden(s, k))
        return;
    k->has_text = true;
    open_call(s, k);
    if (!s->t->req->legacy_functions)
        jw_key(&s->w, call_kind(k));
    jw_open(&s->w, '{');
    jw_member_inside(&s->w, k->custom ? SL_STR("input") : SL_STR("arguments"), text);
    jw_close(&s->w, '}');
    close_call(s);
}

/* Arguments are JSON: none at all are an empty object. */
static void end_call(struct chat_stream_writer *s, struct out_call *k)
{
    if (k == NULL || k->ended)
        return;
    if (!k->has_text && !k->custom)
        put_arguments(s, k, SL_STR("{}"));
    k->ended = true;
}

/* -- The rest --------------------------------------------------------------------------------------------------------------- */

static void put_media(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    begin_chunk(s, e->choice);
    if (e->is_audio) {
        jw_key(&s->w, SL_STR("audio"));
        chat_render_audio(&s->w, &e->media, e->id, e->text, s->t->created_s);
    } else {
        jw_key(&s->w, SL_STR("images"));
        jw_open(&s->w, '[');
        chat_render_image(&s->w, &e->media, chat_carried(s->t, e->signature, SL_STR_NONE, false), c->n_images++);
        jw_close(&s->w, ']');
    }
    end_chunk(s);
}

static void put_citation(struct chat_stream_writer *s, const struct neutral_event *e)
{
    if (e->citation.url.n == 0) /* of a document: nothing here can name it */
        return;
    begin_chunk(s, e->choice);
    jw_key(&s->w, SL_STR("annotations"));
    jw_open(&s->w, '[');
    chat_render_citation(&s->w, &e->citation);
    jw_close(&s->w, ']');
    end_chunk(s);
}

static void put_logprobs(struct chat_stream_writer *s, const struct neutral_event *e)
{
    if (e->raw.n <= 2)
        return;
    begin_chunk(s, e->choice);
    end_delta(s, e->raw, SL_STR_NONE);
}

static void take_start(struct chat_stream_writer *s, const struct neutral_event *e)
{
    if (e->tier.n > 0 && s->n == 0) {
        s->tier = sl_arena_str(s->t->a, e->tier);
        make_head(s);
    }
    if (e->usage.found)
        s->usage = e->usage;
    choice_at(s, 0);
}

static void take_finish(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    c->finish = e->finish;
    c->finish_text = sl_arena_str(s->t->a, chat_explanation(e->finish, e->text));
}

static void put_output(struct chat_stream_writer *s, struct out_choice *c, const struct neutral_event *e)
{
    switch (e->kind) {
    case NE_TEXT:
        put_text(s, e->choice, SL_STR("content"), e->text);
        break;
    case NE_REASONING:
        put_reasoning(s, c, e);
        break;
    case NE_SIGNATURE:
    case NE_REDACTED:
        put_signature(s, c, e);
        break;
    case NE_REFUSAL:
        c->refused |= e->text.n > 0;
        put_text(s, e->choice, SL_STR("refusal"), e->text);
        break;
    case NE_CALL_BEGIN:
        put_call(s, c, e);
        break;
    case NE_CALL_ARGS:
        put_arguments(s, find_call(c, e->call), e->text);
        break;
    case NE_CALL_END:
        end_call(s, find_call(c, e->call));
        break;
    case NE_MEDIA:
        put_media(s, c, e);
        break;
    case NE_CITATION:
        put_citation(s, e);
        break;
    case NE_LOGPROBS:
        put_logprobs(s, e);
        break;
    case NE_FINISH:
        take_finish(s, c, e);
        break;
    default:
        break; /* what the provider's own tools did is not told in this format */
    }
}

void chat_stream_write(void *state, const struct neutral_event *e)
{
    struct chat_stream_writer *s = state;
    struct out_choice *c;
    switch (e->kind) {
    case NE_START:
        take_start(s, e);
        break;
    case NE_USAGE:
        s->usage = e->usage;
        break;
    case NE_PING:
        sl_buf_addc(s->out, '\n'); /* a bare line end: clients of this format have choked on comments */
        break;
    case NE_ERROR:
    case NE_DONE:
        break;
    default:
        c = choice_at(s, e->choice);
        if (c != NULL)
            put_output(s, c, e);
    }
}

static void finish_choice(struct chat_stream_writer *s, uint32_t at)
{
    struct out_choice *c = choice_at(s, at);
    for (struct out_call *k = c->first_call; k != NULL; k = k->next)
        end_call(s, k);
    if (!c->refused)
        put_text(s, at, SL_STR("refusal"), c->finish_text);
    begin_chunk(s, at);
    end_delta(s, SL_STR_NONE, chat_finish_word(c->finish, c->n_calls > 0, s->t->req->legacy_functions));
}

void chat_stream_write_end(void *state)
{
    struct chat_stream_writer *s = state;
    choice_at(s, 0);
    for (uint32_t i = 0; i < s->n; i++)
        finish_choice(s, i);
    if (s->asked && s->usage.found) {
        sl_buf_adds(s->out, SL_STR("data: "));
        sl_buf_adds(s->out, s->head);
        sl_buf_adds(s->out, SL_STR(",\"choices\":[],\"usage\":"));
        struct json_writer w = json_writer_on_line(s->out);
        chat_usage_write(&w, &s->usage);
        sl_buf_adds(s->out, SL_STR("}\n\n"));
    }
    sl_buf_adds(s->out, SL_STR("data: [DONE]\n\n"));
}
