/* Blocks of an answer as events. Fed by stream_read.c and answer_read.c, so that both give the same. Blocks of text and thoughts begin
 * without being announced; the counts come behind the reason to stop. Held back are: the input of tools whose schema we changed, and
 * all text where JSON was asked for in a way that leaves something around it. Source: bedrock.md 6.2, 6.3 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#define GATHERED_MAX (64u * 1024u * 1024u) /* an answer is smaller than that */

static void drop(void *arg)
{
    struct converse_answering *r = arg;
    for (unsigned i = 0; i < CONVERSE_OPEN_MAX; i++)
        sl_buf_done(&r->open[i].gathered);
    sl_buf_done(&r->held);
    sl_arena_done(&r->scratch);
}

struct converse_answering *converse_answering_new(struct translation *t)
{
    struct converse_answering *r = SL_ARENA_NEW(t->a, struct converse_answering);
    r->t = t;
    r->holds = t->json_tool.n > 0 || t->json_asked_in_words;
    sl_arena_init(&r->scratch, t->a->cache);
    for (unsigned i = 0; i < CONVERSE_OPEN_MAX; i++)
        sl_buf_init_in(&r->open[i].gathered, GATHERED_MAX, t->a);
    sl_buf_init_in(&r->held, GATHERED_MAX, t->a);
    sl_arena_on_drop(t->a, drop, r);
    return r;
}

static void put(struct converse_answering *r, const struct neutral_event *e)
{
    neutral_put(r->to, e);
}

static const struct json_node *member(struct converse_answering *r, const struct json_node *of, const char *name)
{
    return json_got(&r->tree, of, sl_str_c(name));
}

static struct sl_str inside(struct converse_answering *r, const struct json_node *of, const char *name)
{
    return json_get_inside(&r->tree, of, sl_str_c(name));
}

static struct sl_str keep(struct converse_answering *r, struct sl_str s)
{
    return s.n > 0 ? sl_arena_str(r->t->a, s) : SL_STR_NONE;
}

void converse_start(struct converse_answering *r)
{
    if (!r->started)
        put(r, &(struct neutral_event){.kind = NE_START});
    r->started = true;
}

/* -- Text -------------------------------------------------------------------------------------------------------------- */

static void give_text(struct converse_answering *r, uint32_t block, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){.kind = NE_TEXT, .block = block, .text = text});
}

static void take_text(struct converse_answering *r, uint32_t block, struct sl_str text)
{
    if (!r->holds) {
        give_text(r, block, text);
        return;
    }
    if (r->held.n == 0)
        r->held_block = block;
    sl_buf_adds(&r->held, text);
}

/* Without a code fence around it. */
static struct sl_str unfenced(struct sl_str s)
{
    struct sl_str fence = SL_STR("```"), text = json_trim_behind(json_trim_before(s));
    ptrdiff_t line = sl_str_find_str(text, SL_STR("\\n"));
    if (!sl_str_starts(text, fence) || !sl_str_ends(text, fence) || line < 0 || text.n < (size_t)line + 5)
        return s;
    text = sl_str_from(text, (size_t)line + 2);
    return json_trim_behind(json_trim_before(sl_str_head(text, text.n - fence.n)));
}

static void release_held(struct converse_answering *r)
{
    if (r->held.n > 0 && !r->json_called)
        give_text(r, r->held_block, r->t->json_asked_in_words ? unfenced(sl_buf_str(&r->held)) : sl_buf_str(&r->held));
    sl_buf_reset(&r->held);
}

/* -- Calls ------------------------------------------------------------------------------------------------------------- */

static void give_arguments(struct converse_answering *r, struct converse_reading_block *b, struct sl_str text)
{
    if (text.n == 0)
        return;
    b->any = true;
    if (b->kind == CR_JSON)
        give_text(r, b->block, text);
    else
        put(r, &(struct neutral_event){.kind = NE_CALL_ARGS, .block = b->block, .call = b->call, .text = text});
}

static void take_arguments(struct converse_answering *r, struct converse_reading_block *b, struct sl_str piece)
{
    if (b->custom || b->wrapped)
        sl_buf_adds(&b->gathered, json_plain(piece, &r->scratch));
    else
        give_arguments(r, b, piece);
}

static void begin_call(struct converse_answering *r, struct converse_reading_block *b, const struct json_node *v)
{
    struct sl_str name = names_back(&r->t->names, json_ident(inside(r, v, "name"), &r->scratch));
    bool answer = r->t->json_tool.n > 0 && sl_str_eq(name, r->t->json_tool);
    b->kind = answer ? CR_JSON : CR_CALL;
    b->custom = !answer && translation_is_custom(r->t, name);
    b->wrapped = !b->custom && translation_is_wrapped(r->t, name);
    if (answer) {
        r->json_called = true;
        return;
    }
    b->call = r->calls++;
    put(r, &(struct neutral_event){.kind = NE_CALL_BEGIN,
                                   .block = b->block,
                                   .call = b->call,
                                   .id = json_ident(inside(r, v, "toolUseId"), &r->scratch),
                                   .name = name,
                                   .custom = b->custom});
}

static void give_gathered(struct converse_answering *r, struct converse_reading_block *b)
{
    give_arguments(r, b, translation_unwrap(sl_buf_str(&b->gathered), b->custom, &r->scratch));
    b->any = b->any || b->custom; /* of a custom call nothing is nothing */
}

static void end_call(struct converse_answering *r, struct converse_reading_block *b)
{
    if (b->custom || b->wrapped)
        give_gathered(r, b);
    if (!b->any)
        give_arguments(r, b, SL_STR("{}"));
    if (b->kind == CR_CALL)
        put(r, &(struct neutral_event){.kind = NE_CALL_END, .block = b->block, .call = b->call});
}

/* -- Thoughts ---------------------------------------------------------------------------------------------------------- */

static void give_thought(struct converse_answering *r, struct converse_reading_block *b, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){.kind = NE_REASONING, .block = b->block, .text = text});
}

static void give_signature(struct converse_answering *r, struct converse_reading_block *b, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){
                   .kind = NE_SIGNATURE,
                   .block = b->block,
                   .text = converse_seal(&r->scratch, r->t->up_model, 's', json_plain(text, &r->scratch))});
}

/* Pieces of a sealed block are joined as they come: what is base64 is theirs to know. */
static void take_thought(struct converse_answering *r, struct converse_reading_block *b, const struct json_node *v)
{
    struct sl_str sealed = inside(r, v, "redactedContent");
    give_thought(r, b, inside(r, v, "text"));
    give_signature(r, b, inside(r, v, "signature"));
    if (sealed.n == 0)
        return;
    b->kind = CR_SEALED;
    sl_buf_adds(&b->gathered, json_plain(sealed, &r->scratch));
}

/* -- Blocks ------------------------------------------------------------------------------------------------------------ */

static struct converse_reading_block *find(struct converse_answering *r, uint32_t index)
{
    for (unsigned i = 0; i < CONVERSE_OPEN_MAX; i++)
        if (r->open[i].open && r->open[i].index == index)
            return &r->open[i];
    return NULL;
}

/* NULL: too many at once. */
static struct converse_reading_block *open_block(struct converse_answering *r, uint32_t index,
                                                 enum converse_reading_kind kind)
{
    unsigned i = 0;
    while (i < CONVERSE_OPEN_MAX && r->open[i].open)
        i++;
    if (i == CONVERSE_OPEN_MAX)
        return NULL;
    struct sl_buf gathered = r->open[i].gathered;
    sl_buf_reset(&gathered);
    r->open[i] = (struct converse_reading_block){
        .open = true, .kind = kind, .index = index, .block = r->blocks++, .gathered = gathered};
    return &r->open[i];
}

static void close_block(struct converse_answering *r, struct converse_reading_block *b)
{
    b->open = false;
    if (b->kind == CR_CALL || b->kind == CR_JSON)
        end_call(r, b);
    else if (b->kind == CR_SEALED)
        put(r,
            &(struct neutral_event){.kind = NE_REDACTED,
                                    .block = b->block,
                                    .text = converse_seal(&r->scratch, r->t->up_model, 'r', sl_buf_str(&b->gathered))});
}

void converse_block_stop(struct converse_answering *r, uint32_t index)
{
    struct converse_reading_block *b = find(r, index);
    if (b != NULL)
        close_block(r, b);
}

/* A call of a tool that the provider runs is not the client's to answer. */
static bool is_servers(struct converse_answering *r, const struct json_node *call)
{
    return json_text_is(&r->tree, json_get(&r->tree, call, SL_STR("type")), SL_STR("server_tool_use"));
}

static void give_hosted(struct converse_answering *r, uint32_t block, struct sl_str type, const struct json_node *v)
{
    put(r, &(struct neutral_event){.kind = NE_HOSTED, .block = block, .type = type, .raw = json_raw_of(&r->tree, v)});
}

bool converse_block_start(struct converse_answering *r, uint32_t index, const struct json_node *start)
{
    converse_block_stop(r, index); /* of an earlier one of that index nothing more can come */
    const struct json_node *call = member(r, start, "toolUse");
    bool own = json_kind_of(call) == JSON_OBJECT && !is_servers(r, call);
    struct converse_reading_block *b = open_block(r, index, own ? CR_CALL : CR_OTHER);
    if (b == NULL || (own && inside(r, call, "name").n == 0))
        return false;
    if (own)
        begin_call(r, b, call);
    else if (call != NULL)
        give_hosted(r, b->block, SL_STR("server_tool_use"), call);
    return true;
}

static enum converse_reading_kind kind_of(struct converse_answering *r, const struct json_node *delta)
{
    if (member(r, delta, "text") != NULL)
        return CR_TEXT;
    return member(r, delta, "reasoningContent") != NULL ? CR_THOUGHT : CR_OTHER;
}

static void give_citation(struct converse_answering *r, uint32_t block, const struct json_node *v)
{
    const struct json_node *place = member(r, v, "location"), *web = member(r, place, "web");
    const struct json_node *said = json_child(member(r, v, "sourceContent"));
    put(r, &(struct neutral_event){.kind = NE_CITATION,
                                   .block = block,
                                   .citation = {.url = inside(r, web, "url"),
                                                .title = inside(r, v, "title"),
                                                .cited_text = inside(r, said, "text"),
                                                .from = -1,
                                                .to = -1}});
}

bool converse_block_delta(struct converse_answering *r, uint32_t index, const struct json_node *delta)
{
    struct converse_reading_block *b = find(r, index);
    const struct json_node *thought = member(r, delta, "reasoningContent"), *call = member(r, delta, "toolUse"),
                           *citation = member(r, delta, "citation");
    if (b == NULL && json_kind_of(call) == JSON_OBJECT)
        return false; /* nobody knows whose arguments these are */
    if (b == NULL)
        b = open_block(r, index, kind_of(r, delta));
    if (b == NULL)
        return false;
    if (b->kind == CR_OTHER)
        b->kind = kind_of(r, delta);
    if (json_kind_of(call) == JSON_OBJECT && (b->kind == CR_CALL || b->kind == CR_JSON))
        take_arguments(r, b, inside(r, call, "input"));
    else if (b->kind == CR_TEXT)
        take_text(r, b->block, inside(r, delta, "text"));
    else if (json_kind_of(thought) == JSON_OBJECT)
        take_thought(r, b, thought);
    if (json_kind_of(citation) == JSON_OBJECT)
        give_citation(r, b->block, citation);
    return true; /* deltas that nobody knows yet are passed over */
}

/* -- Whole blocks ------------------------------------------------------------------------------------------------------- */

static bool whole_call(struct converse_answering *r, const struct json_node *call)
{
    struct converse_reading_block *b = open_block(r, 0, is_servers(r, call) ? CR_OTHER : CR_CALL);
    const struct json_node *input = member(r, call, "input");
    if (b->kind == CR_OTHER) {
        give_hosted(r, b->block, SL_STR("server_tool_use"), call);
    } else if (inside(r, call, "name").n == 0) {
        return false;
    } else {
        begin_call(r, b, call);
        if (input != NULL)
            take_arguments(r, b, json_escape(json_raw_of(&r->tree, input), &r->scratch));
    }
    close_block(r, b);
    return true;
}

static void whole_thought(struct converse_answering *r, const struct json_node *v)
{
    struct converse_reading_block *b = open_block(r, 0, CR_THOUGHT);
    const struct json_node *text = member(r, v, "reasoningText");
    take_thought(r, b, json_kind_of(text) == JSON_OBJECT ? text : v);
    close_block(r, b);
}

static void whole_citations(struct converse_answering *r, const struct json_node *v)
{
    struct converse_reading_block *b = open_block(r, 0, CR_TEXT);
    for (JSON_EACH(&r->tree, member(r, v, "content"), it))
        take_text(r, b->block, inside(r, it, "text"));
    for (JSON_EACH(&r->tree, member(r, v, "citations"), it))
        give_citation(r, b->block, it);
    close_block(r, b);
}

bool converse_whole_block(struct converse_answering *r, const struct json_node *v)
{
    const struct json_node *call = member(r, v, "toolUse"), *thought = member(r, v, "reasoningContent"),
                           *text = member(r, v, "text"), *cited = member(r, v, "citationsContent");
    if (json_kind_of(v) != JSON_OBJECT)
        return false;
    if (json_kind_of(call) == JSON_OBJECT)
        return whole_call(r, call);
    if (json_kind_of(thought) == JSON_OBJECT) {
        whole_thought(r, thought);
    } else if (json_kind_of(text) == JSON_STRING) {
        struct converse_reading_block *b = open_block(r, 0, CR_TEXT);
        take_text(r, b->block, json_inside_of(&r->tree, text));
        close_block(r, b);
    } else if (json_kind_of(cited) == JSON_OBJECT) {
        whole_citations(r, cited);
    } else {
        give_hosted(r, r->blocks++, v->children > 0 ? json_key_of(&r->tree, json_child(v)) : SL_STR_NONE, v);
    }
    return true;
}

/* -- The end ------------------------------------------------------------------------------------------------------------ */

void converse_take_stop(struct converse_answering *r, const struct json_node *from)
{
    struct sl_str reason = inside(r, from, "stopReason");
    const struct json_node *more = member(r, from, "additionalModelResponseFields");
    if (reason.n == 0)
        return;
    if (sl_str_eq(reason, SL_STR("malformed_model_output"))) {
        converse_take_error(r, reason, SL_STR("The model's output was malformed."));
        return;
    }
    r->stopped = true;
    r->finish = converse_finish_of(reason);
    r->finish_text = keep(r, reason);
    r->stop_sequence = keep(r, inside(r, member(r, more, "delta"), "stop_sequence"));
    if (r->stop_sequence.n == 0)
        r->stop_sequence = keep(r, inside(r, more, "stop_sequence"));
}

static uint64_t count_of(struct converse_answering *r, const struct json_node *of, const char *name)
{
    const struct json_node *v = member(r, of, name);
    uint64_t n = 0;
    if (v != NULL && !json_u64_of(&r->tree, v, &n))
        r->usage.bad = true;
    return n;
}

static uint64_t sum(uint64_t x, uint64_t y)
{
    return x + y < x ? UINT64_MAX : x + y;
}

/* Input is counted without what was read from and written to the cache (bedrock.md 6.2); the total is not believed. */
void converse_take_metadata(struct converse_answering *r, const struct json_node *from)
{
    const struct json_node *usage = member(r, from, "usage");
    struct sl_str tier = inside(r, member(r, from, "serviceTier"), "type");
    if (tier.n > 0)
        r->tier = keep(r, tier);
    if (json_kind_of(usage) != JSON_OBJECT)
        return;
    struct token_counts *u = &r->usage;
    *u = (struct token_counts){.found = true};
    u->cached = count_of(r, usage, "cacheReadInputTokens");
    u->cache_write = count_of(r, usage, "cacheWriteInputTokens");
    u->prompt = sum(sum(count_of(r, usage, "inputTokens"), u->cached), u->cache_write);
    u->completion = count_of(r, usage, "outputTokens");
    u->total = sum(u->prompt, u->completion);
    for (JSON_EACH(&r->tree, member(r, usage, "cacheDetails"), it))
        if (json_text_is(&r->tree, json_get(&r->tree, it, SL_STR("ttl")), SL_STR("1h")))
            u->cache_write_1h = sum(u->cache_write_1h, count_of(r, it, "inputTokens"));
    if (u->cache_write_1h > u->cache_write)
        u->cache_write_1h = u->cache_write;
}

void converse_take_error(struct converse_answering *r, struct sl_str type, struct sl_str message)
{
    r->failed = true;
    put(r, &(struct neutral_event){.kind = NE_ERROR, .error = {.type = type, .code = type, .message = message}});
}

void converse_finish(struct converse_answering *r)
{
    if (r->finished || r->failed)
        return;
    r->finished = true;
    for (unsigned i = 0; i < CONVERSE_OPEN_MAX; i++)
        if (r->open[i].open)
            close_block(r, &r->open[i]);
    release_held(r);
    if (r->usage.found)
        put(r, &(struct neutral_event){.kind = NE_USAGE, .usage = r->usage, .tier = r->tier});
    enum neutral_finish finish = r->finish == FINISH_NONE ? FINISH_STOP : r->finish;
    if (finish == FINISH_TOOL_CALLS && r->json_called && r->calls == 0)
        finish = FINISH_STOP;
    if (finish == FINISH_STOP && r->calls > 0) /* some models say so all the same */
        finish = FINISH_TOOL_CALLS;
    put(r, &(struct neutral_event){
               .kind = NE_FINISH, .finish = finish, .text = r->finish_text, .stop_sequence = r->stop_sequence});
}
