/* See ask.h. The rules of what an answer says stand in sim.h, for people who write tests. */
#include "sim/ask.h"

#include "base/mem.h"

#define TOKENS_DEFAULT 32u
#define COMPLETION_TOKENS_DEFAULT 16u /* of /v1/completions, openai.md 9 */
#define PIECE_BYTES 4u
#define NAME_BYTES_MAX 256u /* of a tool: it is said again in every chunk */
#define QUOTE_BYTES 4000u   /* of one result */
#define TEXT_BYTES (1u << 20)

static uint32_t tokens_of_bytes(uint64_t n)
{
    return (uint32_t)((n + 3) / 4);
}

/* ---- what readers tell ---- */

void sim_ask_begin(struct sim_ask *a, struct sim_call *c, struct sl_str raw)
{
    memset(a, 0, sizeof *a);
    a->c = c;
    a->raw = raw;
    a->limit = UINT64_MAX;
    sim_chain_begin(&a->chain, c->sim, SL_STR_NONE, SL_STR_NONE);
}

void sim_ask_offer(struct sim_ask *a, struct sl_str name, yyjson_val *schema, bool custom)
{
    if (name.n == 0 || name.n > NAME_BYTES_MAX || a->n_offers == SIM_OFFERS_MAX)
        return;
    if (a->n_offers == a->cap_offers) {
        a->cap_offers = a->cap_offers == 0 ? 16 : a->cap_offers * 2;
        a->offers = sl_arena_grow(a->c->s->arena, a->offers, a->n_offers, a->cap_offers, sizeof *a->offers);
    }
    a->offers[a->n_offers++] = (struct sim_offer){.name = name, .schema = schema, .custom = custom};
}

const struct sim_offer *sim_ask_find(const struct sim_ask *a, struct sl_str name)
{
    for (unsigned i = 0; i < a->n_offers; i++) {
        if (sl_str_eq(a->offers[i].name, name))
            return &a->offers[i];
    }
    return NULL;
}

static void close_message(struct sim_ask *a)
{
    if (a->role != ROLE_NONE)
        a->closed += 3 + tokens_of_bytes(a->bytes);
    a->bytes = 0;
}

/* The model's turn is over, which may be several messages: with calls it was a step of the user's order, without it ended it. */
static void close_turn(struct sim_ask *a)
{
    if (!a->in_model)
        return;
    a->in_model = false;
    a->n_given = 0;
    if (a->called) {
        a->rounds++;
    } else {
        a->order = SL_STR_NONE;
        a->rounds = 0;
        a->script = false;
    }
    a->called = false;
}

void sim_ask_message(struct sim_ask *a, enum sim_role role)
{
    static const struct sl_str names[] = {[ROLE_SYSTEM] = SL_STR_INIT("system"),
                                          [ROLE_USER] = SL_STR_INIT("user"),
                                          [ROLE_MODEL] = SL_STR_INIT("assistant"),
                                          [ROLE_TOOL] = SL_STR_INIT("tool")};
    close_message(a);
    if (role == ROLE_MODEL) {
        a->in_model = true;
        a->partial = SL_STR_NONE;
    } else if (role != ROLE_SYSTEM) {
        a->before = (struct sim_turn){a->last, a->order, a->rounds, a->n_given, a->script, a->called};
        close_turn(a);
    }
    a->goes_on = false;
    a->role = role;
    if (!a->own_cache)
        sim_chain_add(&a->chain, names[role]);
}

/* Behind "SAY:", to the end of its line. */
static void note_says(struct sim_ask *a, struct sl_str text)
{
    ptrdiff_t at;
    while (a->n_says < SIM_SAYS_MAX && (at = sl_str_find_str(text, SL_STR("SAY:"))) >= 0) {
        text = sl_str_from(text, (size_t)at + 4);
        struct sl_str line = sl_str_cut(&text, '\n');
        a->says[a->n_says++] = sl_str_trim(line);
        if (text.p == NULL)
            return;
    }
}

static void note_user(struct sim_ask *a, struct sl_str text)
{
    struct sim_ordered calls[SIM_TOOLS_MAX];
    unsigned n;
    bool script = sim_script_is(text);
    if (a->partial.n > 0 && sim_partial_asked(text)) { /* the turn before is not ended */
        a->order = a->before.order;
        a->rounds = a->before.rounds;
        a->n_given = a->before.n_given;
        a->script = a->before.script;
        a->goes_on = true;
        return;
    }
    a->partial = SL_STR_NONE;
    a->last = text;
    if (!script && (a->script || sim_order_read(a, text, 0, calls, &n) == 0))
        return;
    a->script = script;
    a->order = text;
    a->rounds = 0;
    a->n_given = 0;
}

void sim_ask_text(struct sim_ask *a, struct sl_str text)
{
    a->bytes += text.n;
    if (!a->own_cache)
        sim_chain_add(&a->chain, text);
    if (a->role == ROLE_SYSTEM)
        note_says(a, text);
    else if (a->role == ROLE_USER)
        note_user(a, text);
    else if (a->role == ROLE_MODEL)
        a->partial = text;
}

void sim_ask_result(struct sim_ask *a, struct sl_str text, bool failed)
{
    a->bytes += text.n;
    if (!a->own_cache)
        sim_chain_add(&a->chain, text);
    if (a->n_given < SIM_GIVEN_MAX)
        a->given[a->n_given++] = (struct sim_given){.text = text, .failed = failed};
}

void sim_ask_call(struct sim_ask *a)
{
    a->called = true;
    a->partial = SL_STR_NONE;
}

void sim_ask_media(struct sim_ask *a, const char *word, struct sl_str type, struct sl_str url, size_t bytes)
{
    if (a->n_media < SIM_MEDIA_MAX)
        a->media[a->n_media++] = (struct sim_medium){.word = word, .type = type, .url = url, .bytes = bytes};
}

void sim_ask_stop(struct sim_ask *a, struct sl_str text)
{
    if (text.n > 0 && a->n_stops < SIM_STOPS_MAX)
        a->stops[a->n_stops++] = text;
}

uint32_t sim_ask_tokens(const struct sim_ask *a)
{
    return a->closed + (a->role != ROLE_NONE ? 3 + tokens_of_bytes(a->bytes) : 0);
}

/* ---- tools ---- */

static struct sl_str example_of(struct sim_call *c, yyjson_val *schema)
{
    struct sl_buf b;
    sl_buf_init(&b, 4u * SIM_SCHEMA_BYTES);
    if (yyjson_is_obj(schema))
        sim_schema_example(schema, &b);
    else
        sl_buf_adds(&b, SL_STR("{\"simulated\":true}"));
    struct sl_str s = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static void add_call(struct sim_ask *a, const struct sim_ordered *o)
{
    struct sim_call *c = a->c;
    struct sl_str arguments = o->arguments;
    if (c->n_tools == SIM_TOOLS_MAX)
        return;
    if (o->offer->custom && !(a->script && arguments.n > 0))
        arguments = SL_STR("[simulated] input");
    else if (arguments.n == 0 && yyjson_is_obj(o->offer->schema))
        arguments = example_of(c, o->offer->schema);
    if (!o->offer->custom && (arguments.n == 0 || arguments.p[0] != '{'))
        arguments = SL_STR("{}"); /* whatever the schema says: arguments are an object */
    c->tools[c->n_tools++] = (struct sim_tool){
        .name = sl_arena_str(c->s->arena, o->offer->name),
        .arguments = sl_arena_str(c->s->arena, arguments),
        .custom = o->offer->custom,
    };
}

static void choose_calls(struct sim_ask *a)
{
    struct sim_ordered calls[SIM_TOOLS_MAX];
    unsigned n = 0, steps = 0;
    if (a->n_offers == 0 || a->choice == CHOICE_NONE)
        return;
    if (a->script)
        steps = sim_script_read(a, a->order, a->rounds, calls, &n, &a->line);
    else if (a->order.n > 0)
        steps = sim_order_read(a, a->order, a->rounds, calls, &n);
    if (a->rounds >= steps)
        n = 0;
    if (a->choice == CHOICE_NAMED) {
        const struct sim_offer *named = sim_ask_find(a, a->chosen);
        struct sl_str arguments = n > 0 && calls[0].offer == named ? calls[0].arguments : SL_STR_NONE;
        calls[0] = (struct sim_ordered){.offer = named, .arguments = arguments};
        n = named != NULL ? 1 : 0;
    } else if (a->choice == CHOICE_ANY && n == 0) {
        calls[0] = (struct sim_ordered){.offer = &a->offers[0]};
        n = 1;
    }
    n = a->single && n > 1 ? 1 : n;
    for (unsigned i = 0; i < n; i++)
        add_call(a, &calls[i]);
    if (n > 0) /* chat: a named choice ends in "stop" (openai.md 6.4) */
        a->c->finish = a->choice == CHOICE_NAMED && a->c->kind == SIM_CHAT ? FINISH_STOP : FINISH_TOOLS;
}

/* ---- text ---- */

static void add_media(struct sim_ask *a, struct sl_buf *b)
{
    static const char *const words[] = {"image", "document", "audio", "video", "file"};
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        unsigned n = 0;
        for (unsigned i = 0; i < a->n_media; i++)
            n += sl_str_eq(sl_str_c(a->media[i].word), sl_str_c(words[w]));
        if (n == 0)
            continue;
        sl_buf_addf(b, " %u %s%s (", n, words[w], n > 1 ? "s" : "");
        for (unsigned i = 0, k = 0; i < a->n_media; i++) {
            const struct sim_medium *m = &a->media[i];
            if (!sl_str_eq(sl_str_c(m->word), sl_str_c(words[w])))
                continue;
            sl_buf_adds(b, k++ > 0 ? SL_STR("; ") : SL_STR_NONE);
            if (m->url.n > 0)
                sl_buf_addf(b, "at " SL_STR_FMT, SL_STR_ARG(sl_str_head(m->url, QUOTE_BYTES)));
            else
                sl_buf_addf(b, SL_STR_FMT " %llu bytes", SL_STR_ARG(sl_str_head(m->type, 100)),
                            (unsigned long long)m->bytes);
        }
        sl_buf_addc(b, ')');
    }
}

static struct sl_str whole_head(struct sl_str s, size_t most)
{
    size_t n = s.n < most ? s.n : most;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return sl_str_head(s, n);
}

static void add_results(struct sim_ask *a, struct sl_buf *b)
{
    if (a->n_given == 0)
        return;
    sl_buf_adds(b, SL_STR(" results:"));
    for (unsigned i = 0; i < a->n_given; i++) {
        sl_buf_adds(b, a->given[i].failed ? SL_STR(" failed \"") : SL_STR(" \""));
        sl_buf_adds(b, whole_head(a->given[i].text, QUOTE_BYTES));
        sl_buf_addc(b, '"');
    }
}

/* Words that the request put into the answer's mouth; nothing when there are none. */
static void compose(struct sim_ask *a, struct sl_buf *b)
{
    ptrdiff_t echo = sl_str_find_str(a->last, SL_STR("ECHO:"));
    sl_buf_adds(b, SL_STR("[simulated]"));
    size_t bare = b->n;
    if (a->line.n > 0) {
        sl_buf_addc(b, ' ');
        sl_buf_adds(b, a->line);
    }
    for (unsigned i = 0; i < a->n_says; i++) {
        sl_buf_addc(b, ' ');
        sl_buf_adds(b, a->says[i]);
    }
    if (echo >= 0) {
        sl_buf_addc(b, ' ');
        sl_buf_adds(b, sl_str_trim(sl_str_from(a->last, (size_t)echo + 5)));
    }
    add_media(a, b);
    if (a->c->n_tools == 0)
        add_results(a, b);
    if (b->n == bare)
        sl_buf_reset(b);
}

static void make_text(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    struct sl_buf b;
    if (a->wants_json && c->n_tools == 0) {
        c->text = a->schema != NULL ? example_of(c, a->schema) : SL_STR("{\"simulated\":true}");
        return;
    }
    if (a->line.n == 0 && a->n_says == 0 && a->n_media == 0 && a->n_given == 0 &&
        sl_str_find_str(a->last, SL_STR("ECHO:")) < 0)
        return;
    sl_buf_init(&b, TEXT_BYTES);
    compose(a, &b);
    if (b.n > 0)
        c->text = sl_arena_str(c->s->arena, whole_head(sl_buf_str(&b), b.n));
    sl_buf_done(&b);
}

/* ---- how much ---- */

static bool number_is_given(const struct sim_call *c)
{
    return sl_str_starts(c->model, SL_STR("sim-long-")) ||
           http_headers_find_name(&c->r->headers, SL_STR("x-sim-tokens")) != NULL;
}

static uint32_t natural_tokens(const struct sim_call *c)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, SL_STR("x-sim-tokens"));
    uint64_t n = c->sim->set.tokens > 0 ? c->sim->set.tokens : TOKENS_DEFAULT;
    if (h != NULL)
        sl_str_to_u64(h->value, &n);
    else if (sl_str_starts(c->model, SL_STR("sim-long-")))
        sl_str_to_u64(sl_str_from(c->model, 9), &n);
    return (uint32_t)(n < 1 ? 1 : n > SIM_TOKENS_MAX ? SIM_TOKENS_MAX : n);
}

uint32_t sim_tool_tokens(const struct sim_tool *t)
{
    return tokens_of_bytes(t->name.n + t->arguments.n);
}

/* The answer ends before the first stop sequence in it. */
static void stop_early(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    struct sl_str text = c->text.n > 0 ? c->text : a->n_stops > 0 ? sim_words(c, c->text_pieces) : SL_STR_NONE;
    ptrdiff_t first = -1;
    for (unsigned i = 0; i < a->n_stops; i++) {
        ptrdiff_t at = sl_str_find_str(text, a->stops[i]);
        if (at < 0 || (first >= 0 && at >= first))
            continue;
        first = at;
        c->stopped_by = sl_arena_str(c->s->arena, a->stops[i]);
    }
    if (first < 0)
        return;
    c->text = first > 0 ? sl_str_head(text, (size_t)first) : SL_STR_NONE;
    c->text_pieces = tokens_of_bytes((size_t)first);
    c->finish = FINISH_SEQUENCE;
}

static void make_amount(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    uint64_t limit = a->limit;
    if (c->kind == SIM_COMPLETION && limit == UINT64_MAX && c->sim->set.tokens == 0)
        limit = COMPLETION_TOKENS_DEFAULT;
    if (number_is_given(c))
        limit = UINT64_MAX; /* the test said how many */
    c->reasoning = c->reasoning < limit ? c->reasoning : (uint32_t)limit;
    limit = limit == UINT64_MAX ? limit : limit - c->reasoning;
    sim_partial_take(a, natural_tokens(c));
    if (c->n_tools == 0 || c->text.n > 0)
        c->text_pieces = c->text.n > 0 ? tokens_of_bytes(c->text.n) : natural_tokens(c) - c->told;
    if (c->text_pieces > 0 && c->n_tools == 0)
        stop_early(a);
    if (c->text_pieces > limit) {
        c->text_pieces = (uint32_t)limit;
        if (c->n_tools == 0)
            c->finish = FINISH_LENGTH;
    }
    c->tokens = c->text_pieces;
    for (unsigned i = 0; i < c->n_tools; i++)
        c->tokens += sim_tool_tokens(&c->tools[i]);
}

static void make_thinking(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    struct sl_str asked = a->order.n > 0 ? a->order : a->last;
    bool word = sl_str_find_str(asked, SL_STR("think")) >= 0 || sl_str_find_str(a->last, SL_STR("think")) >= 0;
    if (a->think == THINK_OFF || (a->think == THINK_UNSAID && !word))
        return;
    c->reasoning = SIM_REASONING_TOKENS;
    c->thinks = true;
    c->redacted = sl_str_find_str(a->last, SL_STR("think redacted")) >= 0;
    c->nonce = sl_rand_next(&c->sim->rand);
}

static void make_parts(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    c->think_pieces = c->thinks && a->show == SHOW_TEXT ? c->reasoning : 0;
    c->pieces = c->think_pieces + c->text_pieces;
    if (c->thinks && a->show != SHOW_NOT)
        c->parts[c->n_parts++] = (struct sim_part){.kind = PART_THINK};
    if (c->text_pieces > 0)
        c->parts[c->n_parts++] = (struct sim_part){.kind = PART_TEXT};
    for (unsigned i = 0; i < c->n_tools; i++) {
        c->parts[c->n_parts++] = (struct sim_part){.kind = PART_TOOL, .tool = i};
        c->pieces += sim_tool_pieces(&c->tools[i]);
    }
}

bool sim_ask_settle(struct sim_ask *a)
{
    struct sim_call *c = a->c;
    close_message(a);
    c->prefill = a->role == ROLE_MODEL;
    a->goes_on |= c->prefill;
    a->role = ROLE_NONE;
    if (a->called)
        close_turn(a); /* calls whose results are missing: as if they were given */
    if (a->closed > 0)
        c->prompt = a->closed;
    choose_calls(a);
    make_text(a);
    make_thinking(a);
    make_amount(a);
    make_parts(a);
    if (!a->own_cache)
        c->cached = sim_chain_cached(&a->chain, c->prompt);
    if ((uint64_t)c->tokens * c->n * c->prompts <= SIM_TOKENS_MAX)
        return true;
    sim_refuse(c, &(struct sim_error){.trouble = TROUBLE_SAID,
                                      .status = 400,
                                      .type = "invalid_request_error",
                                      .code = "invalid_value",
                                      .param = c->vendor == VENDOR_OPENAI ? "n" : NULL,
                                      .message = "More tokens than the simulator makes for one request."});
    return false;
}
