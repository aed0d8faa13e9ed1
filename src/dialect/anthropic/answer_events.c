/* Blocks of an answer as events. Fed block by block by stream_read.c and answer_read.c, so that both give the same.
 *
 * Most deltas go on at once. Held back are: the input of tools whose schema we changed (it is changed back when whole), text beside
 * the tool that stands for a JSON answer, and what may be a code fence around JSON. Tools that Anthropic runs are told as NE_HOSTED,
 * whole. Source: anthropic.md 3, 4; translate-openai-anthropic.md 3, 4 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "base/list.h"
#include "dialect/carrier.h"

#define GATHERED_MAX (64u * 1024u * 1024u) /* an answer is smaller than that */

static void drop(void *arg)
{
    struct anthropic_answering *r = arg;
    for (unsigned i = 0; i < ANTHROPIC_OPEN_MAX; i++)
        sl_buf_done(&r->open[i].gathered);
    sl_buf_done(&r->held);
    sl_arena_done(&r->scratch);
}

struct anthropic_answering *anthropic_answering_new(struct translation *t)
{
    struct anthropic_answering *r = SL_ARENA_NEW(t->a, struct anthropic_answering);
    r->t = t;
    sl_arena_init(&r->scratch, t->a->cache);
    for (unsigned i = 0; i < ANTHROPIC_OPEN_MAX; i++)
        sl_buf_init_in(&r->open[i].gathered, GATHERED_MAX, t->a);
    sl_buf_init_in(&r->held, GATHERED_MAX, t->a);
    r->fence = t->json_asked_in_words ? FENCE_START : FENCE_NONE;
    sl_arena_on_drop(t->a, drop, r);
    return r;
}

static void put(struct anthropic_answering *r, const struct neutral_event *e)
{
    neutral_put(r->to, e);
}

static struct sl_str keep(struct anthropic_answering *r, struct sl_str s)
{
    return s.n > 0 ? sl_arena_str(r->t->a, s) : SL_STR_NONE;
}

static const struct json_node *member(struct anthropic_answering *r, const struct json_node *of, const char *name)
{
    return json_got(&r->tree, of, sl_str_c(name));
}

static struct sl_str inside(struct anthropic_answering *r, const struct json_node *of, const char *name)
{
    return json_get_inside(&r->tree, of, sl_str_c(name));
}

/* -- Text ------------------------------------------------------------------------------------------------------------------- */

static void give_text(struct anthropic_answering *r, uint32_t block, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){.kind = NE_TEXT, .block = block, .text = text});
}

/* Where a fence may begin that ends the text: what is behind it are only backticks and blanks. */
static size_t fence_tail(struct sl_str s)
{
    for (;;) {
        size_t n = s.n > 0 && s.p[s.n - 1] == '`' ? 1 : json_blank_behind(s);
        if (n == 0)
            return s.n;
        s.n -= n;
    }
}

/* r->held has all that was not given yet. */
static void pass_fence(struct anthropic_answering *r)
{
    struct sl_str fence = SL_STR("```");
    if (r->fence == FENCE_START) {
        struct sl_str text = json_trim_before(sl_buf_str(&r->held));
        if (text.n < fence.n && sl_str_starts(fence, text))
            return;
        ptrdiff_t line = sl_str_find_str(text, SL_STR("\\n"));
        if (!sl_str_starts(text, fence)) {
            r->fence = FENCE_NONE;
        } else if (line < 0 && text.n < 64) {
            return; /* the language behind it */
        } else if (line >= 0) {
            r->fence = FENCE_AROUND;
            struct sl_str rest = sl_arena_str(&r->scratch, sl_str_from(text, (size_t)line + 2));
            sl_buf_reset(&r->held);
            sl_buf_adds(&r->held, rest);
        } else {
            r->fence = FENCE_NONE;
        }
    }
    struct sl_str all = sl_buf_str(&r->held);
    size_t safe = r->fence == FENCE_AROUND ? fence_tail(all) : all.n;
    give_text(r, r->held_block, sl_str_head(all, safe));
    struct sl_str tail = sl_str_from(all, safe);
    if (safe > 0 && tail.n > 0)
        memmove(r->held.p, tail.p, tail.n);
    r->held.n = tail.n;
}

/* Text as it comes: given, or held. */
static void take_text(struct anthropic_answering *r, uint32_t block, struct sl_str text)
{
    if (text.n == 0)
        return;
    r->chars += json_chars(text);
    bool beside_tool = r->t->json_tool.n > 0;
    if (!beside_tool && r->fence == FENCE_NONE) {
        give_text(r, block, text);
        return;
    }
    r->held_block = block;
    sl_buf_adds(&r->held, text);
    if (!beside_tool)
        pass_fence(r);
}

static void release_held(struct anthropic_answering *r)
{
    struct sl_str text = sl_buf_str(&r->held);
    if (r->fence == FENCE_AROUND) {
        text = json_trim_behind(text);
        if (sl_str_ends(text, SL_STR("```")))
            text = json_trim_behind(sl_str_head(text, text.n - 3));
    }
    if (!r->json_called)
        give_text(r, r->held_block, text);
    sl_buf_reset(&r->held);
}

/* -- Citations ------------------------------------------------------------------------------------------------------------ */

/* What other formats can show of one: its place on the web, or only title and text. */
static void take_citation(struct anthropic_answering *r, struct anthropic_reading_block *b, const struct json_node *v)
{
    struct sl_str url = inside(r, v, "url"), source = inside(r, v, "source"), title = inside(r, v, "title");
    if (url.n == 0 && sl_str_starts(source, SL_STR("http")))
        url = source;
    if (title.n == 0)
        title = inside(r, v, "document_title");
    struct anthropic_citation *c = SL_ARENA_NEW(r->t->a, struct anthropic_citation);
    c->c.url = keep(r, url);
    c->c.title = keep(r, title);
    c->c.cited_text = keep(r, inside(r, v, "cited_text"));
    SL_APPEND(b->citations, b->last_citation, c);
}

static void give_citations(struct anthropic_answering *r, struct anthropic_reading_block *b)
{
    for (struct anthropic_citation *c = b->citations; c != NULL; c = c->next) {
        c->c.from = (int64_t)b->from;
        c->c.to = (int64_t)r->chars;
        put(r, &(struct neutral_event){.kind = NE_CITATION, .block = b->block, .citation = c->c});
    }
}

/* -- Thinking --------------------------------------------------------------------------------------------------------------- */

/* Clients of other formats get it in an envelope, which tells whose it is when it comes back. */
static struct sl_str sealed(struct anthropic_answering *r, enum carrier_vendor vendor, struct sl_str text)
{
    if (r->t->face == &anthropic_dialect || text.n == 0)
        return text;
    return carrier_pack(&r->scratch, vendor, carrier_family(r->t->up_model), json_plain(text, &r->scratch));
}

static void give_thought(struct anthropic_answering *r, const struct anthropic_reading_block *b, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){.kind = NE_REASONING, .block = b->block, .text = text});
}

static void give_signature(struct anthropic_answering *r, const struct anthropic_reading_block *b, struct sl_str text)
{
    if (text.n > 0)
        put(r, &(struct neutral_event){
                   .kind = NE_SIGNATURE, .block = b->block, .text = sealed(r, CARRIER_ANTHROPIC, text)});
}

/* -- Calls ------------------------------------------------------------------------------------------------------------------- */

static void give_arguments(struct anthropic_answering *r, struct anthropic_reading_block *b, struct sl_str text)
{
    if (text.n == 0)
        return;
    b->any = true;
    if (b->kind == RB_JSON)
        give_text(r, b->block, text);
    else
        put(r, &(struct neutral_event){.kind = NE_CALL_ARGS, .block = b->block, .call = b->call, .text = text});
}

/* An input that is told by deltas starts as an empty object. */
static bool has_input(const struct json_node *input)
{
    return json_kind_of(input) == JSON_OBJECT && input->children > 0;
}

static void begin_call(struct anthropic_answering *r, struct anthropic_reading_block *b, const struct json_node *v)
{
    struct sl_str name = names_back(&r->t->names, json_ident(inside(r, v, "name"), &r->scratch));
    const struct json_node *input = member(r, v, "input");
    bool answer = r->t->json_tool.n > 0 && sl_str_eq(name, r->t->json_tool);
    b->kind = answer ? RB_JSON : RB_CALL;
    b->custom = !answer && translation_is_custom(r->t, name);
    b->wrapped = !b->custom && translation_is_wrapped(r->t, name);
    b->whole_only = b->custom || b->wrapped;
    if (answer) {
        r->json_called = true;
        sl_buf_reset(&r->held);
    } else {
        b->call = r->calls++;
        put(r, &(struct neutral_event){.kind = NE_CALL_BEGIN,
                                       .block = b->block,
                                       .call = b->call,
                                       .id = json_ident(inside(r, v, "id"), &r->scratch),
                                       .name = name,
                                       .custom = b->custom});
    }
    if (!has_input(input))
        return;
    struct sl_str raw = json_raw_of(&r->tree, input);
    if (b->whole_only)
        sl_buf_adds(&b->gathered, raw);
    else
        give_arguments(r, b, json_escape(raw, &r->scratch));
}

static void give_gathered(struct anthropic_answering *r, struct anthropic_reading_block *b)
{
    give_arguments(r, b, translation_unwrap(sl_buf_str(&b->gathered), b->custom, &r->scratch));
    b->any = b->any || b->custom; /* of a custom call nothing is nothing */
}

static void end_call(struct anthropic_answering *r, struct anthropic_reading_block *b)
{
    if (b->whole_only)
        give_gathered(r, b);
    if (!b->any)
        give_arguments(r, b, SL_STR("{}"));
    if (b->kind == RB_CALL)
        put(r, &(struct neutral_event){.kind = NE_CALL_END, .block = b->block, .call = b->call});
}

/* -- Tools that run there --------------------------------------------------------------------------------------------------------- */

static void give_hosted(struct anthropic_answering *r, const struct anthropic_reading_block *b, struct sl_str raw)
{
    put(r, &(struct neutral_event){.kind = NE_HOSTED, .block = b->block, .type = b->type, .id = b->id, .raw = raw});
}

/* Calls are told by deltas, results come whole. */
static void begin_hosted(struct anthropic_answering *r, struct anthropic_reading_block *b, const struct json_node *v)
{
    const struct json_node *input = member(r, v, "input");
    b->kind = RB_HOSTED;
    b->type = keep(r, inside(r, v, "type"));
    b->id = keep(r, inside(r, v, "id"));
    b->name = keep(r, inside(r, v, "name"));
    if (input != NULL && !has_input(input)) {
        b->whole_only = true;
        return;
    }
    give_hosted(r, b, json_raw_of(&r->tree, v));
}

static void end_hosted(struct anthropic_answering *r, struct anthropic_reading_block *b)
{
    struct sl_buf out;
    struct json_info info;
    struct sl_str input = sl_buf_str(&b->gathered);
    bool good = json_scan(input, NULL, 0, NULL, &info) == JSON_OK;
    if (!b->whole_only)
        return;
    sl_buf_init(&out, GATHERED_MAX);
    struct json_writer w = json_writer_on(&out);
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), b->type);
    jw_member_inside(&w, SL_STR("id"), b->id);
    jw_member_inside(&w, SL_STR("name"), b->name);
    jw_member_raw(&w, SL_STR("input"), good ? input : SL_STR("{}"));
    jw_close(&w, '}');
    give_hosted(r, b, sl_buf_str(&out));
    sl_buf_done(&out);
}

/* -- Blocks ------------------------------------------------------------------------------------------------------------------------- */

static struct anthropic_reading_block *find(struct anthropic_answering *r, uint32_t index)
{
    for (unsigned i = 0; i < ANTHROPIC_OPEN_MAX; i++)
        if (r->open[i].open && r->open[i].index == index)
            return &r->open[i];
    return NULL;
}

static struct anthropic_reading_block *open_block(struct anthropic_answering *r, uint32_t index)
{
    unsigned i = 0;
    while (i < ANTHROPIC_OPEN_MAX && r->open[i].open)
        i++;
    if (i == ANTHROPIC_OPEN_MAX)
        return NULL;
    struct sl_buf gathered = r->open[i].gathered;
    sl_buf_reset(&gathered);
    r->open[i] = (struct anthropic_reading_block){
        .open = true, .index = index, .block = r->blocks++, .gathered = gathered, .from = r->chars};
    return &r->open[i];
}

static bool type_is(struct anthropic_answering *r, const struct json_node *v, const char *type)
{
    return json_text_is(&r->tree, json_get(&r->tree, v, SL_STR("type")), sl_str_c(type));
}

static void begin_text(struct anthropic_answering *r, struct anthropic_reading_block *b, const struct json_node *v)
{
    const struct json_node *citations = member(r, v, "citations");
    b->kind = RB_TEXT;
    take_text(r, b->block, inside(r, v, "text"));
    if (json_kind_of(citations) == JSON_ARRAY)
        for (JSON_EACH(&r->tree, citations, it))
            take_citation(r, b, it);
}

bool anthropic_block_start(struct anthropic_answering *r, uint32_t index, const struct json_node *v)
{
    anthropic_block_stop(r, index); /* of an earlier one of that index nothing more can come */
    struct anthropic_reading_block *b = open_block(r, index);
    if (b == NULL)
        return false;
    if (type_is(r, v, "text")) {
        begin_text(r, b, v);
    } else if (type_is(r, v, "tool_use")) {
        begin_call(r, b, v);
    } else if (type_is(r, v, "thinking")) {
        b->kind = RB_THINKING;
        give_thought(r, b, inside(r, v, "thinking"));
        give_signature(r, b, inside(r, v, "signature"));
    } else if (type_is(r, v, "redacted_thinking")) {
        b->kind = RB_IGNORED;
        put(r, &(struct neutral_event){.kind = NE_REDACTED,
                                       .block = b->block,
                                       .text = sealed(r, CARRIER_ANTHROPIC_REDACTED, inside(r, v, "data"))});
    } else {
        begin_hosted(r, b, v);
    }
    return true;
}

static void gather(struct anthropic_answering *r, struct anthropic_reading_block *b, struct sl_str piece)
{
    if (b->kind == RB_CALL || b->kind == RB_JSON) {
        if (!b->whole_only)
            give_arguments(r, b, piece);
        else
            sl_buf_adds(&b->gathered, json_plain(piece, &r->scratch));
    } else if (b->kind == RB_HOSTED && b->whole_only) {
        sl_buf_adds(&b->gathered, json_plain(piece, &r->scratch));
    }
}

/* Servers that copy this format forget to begin blocks of text. */
static struct anthropic_reading_block *begin_unsaid(struct anthropic_answering *r, uint32_t index,
                                                    const struct json_node *delta)
{
    bool text = type_is(r, delta, "text_delta"), thought = type_is(r, delta, "thinking_delta");
    struct anthropic_reading_block *b = text || thought ? open_block(r, index) : NULL;
    if (b != NULL)
        b->kind = text ? RB_TEXT : RB_THINKING;
    return b;
}

bool anthropic_block_delta(struct anthropic_answering *r, uint32_t index, const struct json_node *delta)
{
    struct anthropic_reading_block *b = find(r, index);
    if (b == NULL)
        b = begin_unsaid(r, index, delta);
    if (b == NULL)
        return false;
    if (type_is(r, delta, "text_delta") && b->kind == RB_TEXT)
        take_text(r, b->block, inside(r, delta, "text"));
    else if (type_is(r, delta, "input_json_delta"))
        gather(r, b, inside(r, delta, "partial_json"));
    else if (type_is(r, delta, "thinking_delta") && b->kind == RB_THINKING)
        give_thought(r, b, inside(r, delta, "thinking"));
    else if (type_is(r, delta, "signature_delta") && b->kind == RB_THINKING)
        give_signature(r, b, inside(r, delta, "signature"));
    else if (type_is(r, delta, "citations_delta") && b->kind == RB_TEXT)
        take_citation(r, b, member(r, delta, "citation"));
    return true; /* deltas that nobody knows yet are passed over */
}

static void close_block(struct anthropic_answering *r, struct anthropic_reading_block *b)
{
    b->open = false;
    if (b->kind == RB_TEXT)
        give_citations(r, b);
    else if (b->kind == RB_CALL || b->kind == RB_JSON)
        end_call(r, b);
    else if (b->kind == RB_HOSTED)
        end_hosted(r, b);
}

void anthropic_block_stop(struct anthropic_answering *r, uint32_t index)
{
    struct anthropic_reading_block *b = find(r, index);
    if (b != NULL)
        close_block(r, b);
}

/* -- The message -------------------------------------------------------------------------------------------------------------------- */

void anthropic_take_usage(struct anthropic_answering *r, const struct json_node *usage)
{
    if (json_kind_of(usage) != JSON_OBJECT)
        return;
    r->usage_told = false;
    anthropic_usage_merge(&r->usage, json_raw_of(&r->tree, usage));
    struct sl_str tier = inside(r, usage, "service_tier");
    if (tier.n > 0)
        r->tier = keep(r, tier);
}

void anthropic_put_usage(struct anthropic_answering *r)
{
    struct neutral_event e = {.kind = NE_USAGE, .tier = r->tier};
    anthropic_usage_counts(&r->usage, &e.usage);
    if (e.usage.found && !r->usage_told)
        put(r, &e);
    r->usage_told = true;
}

void anthropic_take_start(struct anthropic_answering *r, const struct json_node *message)
{
    if (r->started)
        return;
    r->started = true;
    anthropic_take_usage(r, member(r, message, "usage"));
    struct neutral_event e = {
        .kind = NE_START, .id = inside(r, message, "id"), .model = inside(r, message, "model"), .tier = r->tier};
    anthropic_usage_counts(&r->usage, &e.usage);
    put(r, &e);
}

void anthropic_take_stop(struct anthropic_answering *r, const struct json_node *from)
{
    struct sl_str reason = inside(r, from, "stop_reason");
    struct sl_str explanation = inside(r, member(r, from, "stop_details"), "explanation");
    if (reason.n == 0)
        return;
    r->finish = anthropic_finish_of(reason);
    if (r->finish == FINISH_CONTENT_FILTER && explanation.n == 0)
        explanation = SL_STR("The model refused to answer."); /* translate-openai-anthropic.md 3: a fixed text */
    r->finish_text = keep(r, r->finish == FINISH_CONTENT_FILTER ? explanation : reason);
    r->stop_sequence = keep(r, inside(r, from, "stop_sequence"));
}

void anthropic_take_error(struct anthropic_answering *r, const struct json_node *error)
{
    struct answer_error e = {.found = false};
    r->failed = true;
    anthropic_error_read(json_raw_of(&r->tree, error), &e);
    put(r, &(struct neutral_event){.kind = NE_ERROR,
                                   .error = {.status = anthropic_error_status(e.type),
                                             .type = e.type,
                                             .code = e.code,
                                             .message = e.message,
                                             .param = e.param}});
}

void anthropic_finish(struct anthropic_answering *r)
{
    if (r->finished || r->failed)
        return;
    r->finished = true;
    for (unsigned i = 0; i < ANTHROPIC_OPEN_MAX; i++)
        if (r->open[i].open)
            close_block(r, &r->open[i]);
    release_held(r);
    anthropic_put_usage(r);
    enum neutral_finish finish = r->finish == FINISH_NONE ? FINISH_STOP : r->finish;
    if (finish == FINISH_TOOL_CALLS && r->json_called && r->calls == 0)
        finish = FINISH_STOP;
    put(r, &(struct neutral_event){
               .kind = NE_FINISH, .finish = finish, .text = r->finish_text, .stop_sequence = r->stop_sequence});
}
