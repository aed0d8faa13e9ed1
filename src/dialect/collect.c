/* See collect.h. Pieces of a block are gathered in a list and joined when somebody looks. */
#include "dialect/collect.h"

#include "dialect/json_tree.h"

#define CHOICES_MAX 128u

struct piece {
    struct sl_str s;
    struct piece *next;
};

struct gathered {             /* behind every part */
    struct neutral_part part; /* first: the list of parts is a list of these */
    uint32_t block, call;
    struct piece *first, *last;
    size_t bytes;
};

#define CALLS_INDEXED 65536u /* calls that are found at once; more are looked for */

struct choice_state {
    struct gathered *first, *last;
    struct gathered **calls; /* by ordinal */
    uint32_t cap_calls;
    struct piece *logprobs, *logprobs_last;
    size_t logprobs_bytes;
    struct neutral_citation *citations;
    uint32_t n_citations, cap_citations;
};

struct neutral_collector {
    struct sl_arena *a;
    struct neutral_answer answer;
    struct neutral_answer_choice *choices;
    struct choice_state *states;
    uint32_t cap;
};

struct neutral_collector *neutral_collector_new(struct sl_arena *a)
{
    struct neutral_collector *c = SL_ARENA_NEW(a, struct neutral_collector);
    c->a = a;
    return c;
}

/* NULL: more answers than anybody asks for. */
static struct choice_state *choice_at(struct neutral_collector *c, uint32_t at)
{
    if (at >= CHOICES_MAX)
        return NULL;
    if (at >= c->cap) {
        uint32_t cap = at + 1 > 4 ? CHOICES_MAX : 4;
        struct neutral_answer_choice *choices = sl_arena_zalloc(c->a, cap * sizeof *choices);
        struct choice_state *states = sl_arena_zalloc(c->a, cap * sizeof *states);
        if (c->cap > 0) {
            memcpy(choices, c->choices, c->cap * sizeof *choices);
            memcpy(states, c->states, c->cap * sizeof *states);
        }
        c->choices = choices;
        c->states = states;
        c->cap = cap;
    }
    if (at >= c->answer.n_choices)
        c->answer.n_choices = at + 1;
    return &c->states[at];
}

static struct gathered *add_part(struct neutral_collector *c, struct choice_state *s, enum neutral_part_kind kind,
                                 const struct neutral_event *e)
{
    struct gathered *g = SL_ARENA_NEW(c->a, struct gathered);
    g->part.kind = kind;
    g->block = e->block;
    g->call = e->call;
    if (s->last != NULL)
        s->last->part.next = &g->part;
    else
        s->first = g;
    s->last = g;
    return g;
}

/* Views of events do not outlive the call. */
static struct sl_str keep(struct neutral_collector *c, struct sl_str s)
{
    return s.n > 0 ? sl_arena_str(c->a, s) : s;
}

static void add_piece(struct neutral_collector *c, struct piece **first, struct piece **last, size_t *bytes,
                      struct sl_str s)
{
    struct piece *p = SL_ARENA_NEW(c->a, struct piece);
    p->s = keep(c, s);
    *bytes += s.n;
    if (*last != NULL)
        (*last)->next = p;
    else
        *first = p;
    *last = p;
}

/* The part that this piece continues: the newest of its kind and block. */
static struct gathered *block_of(struct neutral_collector *c, struct choice_state *s, enum neutral_part_kind kind,
                                 const struct neutral_event *e)
{
    if (s->last != NULL && s->last->part.kind == kind && s->last->block == e->block && s->last->part.encrypted.n == 0)
        return s->last;
    return add_part(c, s, kind, e);
}

static void add_text(struct neutral_collector *c, struct choice_state *s, enum neutral_part_kind kind,
                     const struct neutral_event *e)
{
    struct gathered *g = block_of(c, s, kind, e);
    if (e->text.n > 0)
        add_piece(c, &g->first, &g->last, &g->bytes, e->text);
    if (e->signature.n > 0)
        g->part.signature = keep(c, e->signature);
    if (e->id.n > 0)
        g->part.id = keep(c, e->id);
}

static struct gathered *call_of(struct choice_state *s, uint32_t call)
{
    if (call < s->cap_calls)
        return s->calls[call];
    for (struct gathered *g = s->first; g != NULL; g = (struct gathered *)g->part.next)
        if (g->part.kind == NP_TOOL_CALL && g->call == call)
            return g;
    return NULL;
}

static void index_call(struct neutral_collector *c, struct choice_state *s, struct gathered *g)
{
    uint32_t cap = s->cap_calls == 0 ? 8 : s->cap_calls;
    if (g->call >= CALLS_INDEXED)
        return;
    while (cap <= g->call)
        cap *= 2;
    if (cap > s->cap_calls) {
        struct gathered **calls = sl_arena_zalloc(c->a, cap * sizeof(struct gathered *));
        if (s->cap_calls > 0)
            memcpy(calls, s->calls, s->cap_calls * sizeof(struct gathered *));
        s->calls = calls;
        s->cap_calls = cap;
    }
    if (s->calls[g->call] == NULL)
        s->calls[g->call] = g;
}

static void add_call(struct neutral_collector *c, struct choice_state *s, const struct neutral_event *e)
{
    struct gathered *g = add_part(c, s, NP_TOOL_CALL, e);
    index_call(c, s, g);
    g->part.id = keep(c, e->id);
    g->part.name = keep(c, e->name);
    g->part.custom = e->custom;
    g->part.signature = keep(c, e->signature);
}

static void add_media(struct neutral_collector *c, struct choice_state *s, const struct neutral_event *e)
{
    struct gathered *g = add_part(c, s, e->is_audio ? NP_AUDIO : NP_IMAGE, e);
    g->part.media = e->media;
    g->part.media.data = keep(c, e->media.data);
    g->part.media.mime = keep(c, e->media.mime);
    g->part.media.filename = keep(c, e->media.filename);
    g->part.signature = keep(c, e->signature);
    g->part.text = keep(c, e->text); /* a transcript */
    g->part.id = keep(c, e->id);
}

static void add_citation(struct neutral_collector *c, struct choice_state *s, const struct neutral_event *e)
{
    if (s->n_citations == s->cap_citations) {
        s->cap_citations = s->cap_citations == 0 ? 8 : 2 * s->cap_citations;
        s->citations = sl_arena_grow(c->a, s->citations, s->n_citations, s->cap_citations, sizeof *s->citations);
    }
    struct neutral_citation *to = &s->citations[s->n_citations++];
    *to = e->citation;
    to->url = keep(c, to->url);
    to->title = keep(c, to->title);
    to->cited_text = keep(c, to->cited_text);
}

static void add_logprobs(struct neutral_collector *c, struct choice_state *s, const struct neutral_event *e)
{
    struct sl_str inner = e->raw.n >= 2 ? sl_str_of(e->raw.p + 1, e->raw.n - 2) : SL_STR_NONE; /* without brackets */
    if (inner.n == 0)
        return;
    if (s->logprobs != NULL)
        add_piece(c, &s->logprobs, &s->logprobs_last, &s->logprobs_bytes, SL_STR(","));
    add_piece(c, &s->logprobs, &s->logprobs_last, &s->logprobs_bytes, inner);
}

static void take_start(struct neutral_collector *c, const struct neutral_event *e)
{
    if (e->id.n > 0)
        c->answer.id = keep(c, e->id);
    if (e->model.n > 0)
        c->answer.model = keep(c, e->model);
    if (e->tier.n > 0)
        c->answer.tier = keep(c, e->tier);
    if (e->usage.found)
        c->answer.usage = e->usage;
}

static void take_error(struct neutral_collector *c, const struct neutral_event *e)
{
    c->answer.failed = true;
    c->answer.error = (struct neutral_error){.status = e->error.status,
                                             .type = keep(c, e->error.type),
                                             .code = keep(c, e->error.code),
                                             .message = keep(c, e->error.message),
                                             .param = keep(c, e->error.param)};
}

static void take_finish(struct neutral_collector *c, const struct neutral_event *e)
{
    struct neutral_answer_choice *to = &c->choices[e->choice];
    to->finish = e->finish;
    to->finish_text = keep(c, e->text);
    to->stop_sequence = keep(c, e->stop_sequence);
}

static void take_output(struct neutral_collector *c, struct choice_state *s, const struct neutral_event *e)
{
    struct gathered *g;
    switch (e->kind) {
    case NE_TEXT:
        add_text(c, s, NP_TEXT, e);
        break;
    case NE_REASONING:
        add_text(c, s, NP_REASONING, e);
        break;
    case NE_REFUSAL:
        add_text(c, s, NP_REFUSAL, e);
        break;
    case NE_SIGNATURE:
        g = block_of(c, s, NP_REASONING, e);
        g->part.signature = keep(c, e->text);
        if (e->id.n > 0)
            g->part.id = keep(c, e->id);
        break;
    case NE_REDACTED:
        g = add_part(c, s, NP_REASONING, e);
        g->part.encrypted = keep(c, e->text);
        g->part.id = keep(c, e->id);
        break;
    case NE_CALL_BEGIN:
        add_call(c, s, e);
        break;
    case NE_CALL_ARGS:
        g = call_of(s, e->call);
        if (g != NULL && e->text.n > 0)
            add_piece(c, &g->first, &g->last, &g->bytes, e->text);
        break;
    case NE_MEDIA:
        add_media(c, s, e);
        break;
    case NE_CITATION:
        add_citation(c, s, e);
        break;
    case NE_HOSTED:
        g = add_part(c, s, NP_HOSTED, e);
        g->part.type = keep(c, e->type);
        g->part.raw = keep(c, e->raw);
        break;
    case NE_LOGPROBS:
        add_logprobs(c, s, e);
        break;
    case NE_FINISH:
        take_finish(c, e);
        break;
    default:
        break;
    }
}

static void take(void *owner, const struct neutral_event *e)
{
    struct neutral_collector *c = owner;
    if (e->kind == NE_START) {
        take_start(c, e);
    } else if (e->kind == NE_USAGE) {
        c->answer.usage = e->usage;
        if (e->tier.n > 0)
            c->answer.tier = keep(c, e->tier);
    } else if (e->kind == NE_ERROR) {
        take_error(c, e);
    } else if (e->kind != NE_PING && e->kind != NE_DONE) {
        struct choice_state *s = choice_at(c, e->choice);
        if (s != NULL)
            take_output(c, s, e);
    }
}

struct neutral_sink neutral_collector_sink(struct neutral_collector *c)
{
    return (struct neutral_sink){.put = take, .owner = c};
}

static struct sl_str join(struct neutral_collector *c, const struct piece *first, size_t bytes)
{
    if (first == NULL || first->next == NULL)
        return first != NULL ? first->s : SL_STR_NONE;
    char *out = sl_arena_alloc(c->a, bytes);
    size_t n = 0;
    for (; first != NULL; first = first->next) {
        memcpy(out + n, first->s.p, first->s.n);
        n += first->s.n;
    }
    return sl_str_of(out, n);
}

const struct neutral_answer *neutral_collected(struct neutral_collector *c)
{
    for (uint32_t i = 0; i < c->answer.n_choices; i++) {
        struct choice_state *s = &c->states[i];
        for (struct gathered *g = s->first; g != NULL; g = (struct gathered *)g->part.next) {
            struct sl_str text = join(c, g->first, g->bytes);
            if (g->part.kind == NP_TOOL_CALL && !g->part.custom)
                g->part.arguments = json_plain(text, c->a);
            else if (g->first != NULL)
                g->part.text = text;
        }
        c->choices[i].parts = s->first != NULL ? &s->first->part : NULL;
        c->choices[i].logprobs = join(c, s->logprobs, s->logprobs_bytes);
        c->choices[i].citations = s->citations;
        c->choices[i].n_citations = s->n_citations;
    }
    c->answer.choices = c->choices;
    return &c->answer;
}

/* -- The reverse ---------------------------------------------------------------------------------------------------- */

struct replay {
    struct sl_arena *a;
    const struct neutral_sink *to;
    struct neutral_event e; /* kind and text vary */
};

static void put_kind(struct replay *r, enum neutral_event_kind kind, struct sl_str text)
{
    r->e.kind = kind;
    r->e.text = text;
    neutral_put(r->to, &r->e);
}

static void replay_reasoning(struct replay *r, const struct neutral_part *p)
{
    r->e.id = p->id;
    if (p->encrypted.n > 0) {
        put_kind(r, NE_REDACTED, p->encrypted);
        return;
    }
    put_kind(r, NE_REASONING, p->text);
    if (p->signature.n > 0)
        put_kind(r, NE_SIGNATURE, p->signature);
}

static void replay_call(struct replay *r, const struct neutral_part *p)
{
    r->e.id = p->id;
    r->e.name = p->name;
    r->e.custom = p->custom;
    r->e.signature = p->signature;
    put_kind(r, NE_CALL_BEGIN, SL_STR_NONE);
    struct sl_str text = p->custom ? p->text : json_escape(p->arguments, r->a);
    if (text.n > 0)
        put_kind(r, NE_CALL_ARGS, text);
    put_kind(r, NE_CALL_END, SL_STR_NONE);
    r->e.call++;
}

static void replay_part(struct replay *r, const struct neutral_part *p)
{
    uint32_t call = r->e.call;
    r->e = (struct neutral_event){.choice = r->e.choice, .block = r->e.block, .call = call};
    switch (p->kind) {
    case NP_REASONING:
        replay_reasoning(r, p);
        break;
    case NP_TOOL_CALL:
        replay_call(r, p);
        break;
    case NP_REFUSAL:
        put_kind(r, NE_REFUSAL, p->text);
        break;
    case NP_IMAGE:
    case NP_AUDIO:
        r->e.media = p->media;
        r->e.is_audio = p->kind == NP_AUDIO;
        r->e.signature = p->signature;
        r->e.id = p->id;
        put_kind(r, NE_MEDIA, p->text);
        break;
    case NP_HOSTED:
        r->e.type = p->type;
        r->e.raw = p->raw;
        put_kind(r, NE_HOSTED, SL_STR_NONE);
        break;
    default:
        r->e.signature = p->signature;
        put_kind(r, NE_TEXT, p->text);
        break;
    }
    r->e.block++;
}

static void replay_choice(struct replay *r, const struct neutral_answer_choice *choice)
{
    for (const struct neutral_part *p = choice->parts; p != NULL; p = p->next)
        replay_part(r, p);
    struct neutral_event e = {.choice = r->e.choice};
    for (uint32_t i = 0; i < choice->n_citations; i++) {
        e.kind = NE_CITATION;
        e.citation = choice->citations[i];
        neutral_put(r->to, &e);
    }
    if (choice->logprobs.n > 0) {
        e.kind = NE_LOGPROBS;
        e.raw = sl_arena_printf(r->a, "[" SL_STR_FMT "]", SL_STR_ARG(choice->logprobs));
        neutral_put(r->to, &e);
    }
}

void neutral_replay(const struct neutral_answer *answer, struct sl_arena *a, const struct neutral_sink *to)
{
    struct neutral_event e = {
        .kind = NE_START, .id = answer->id, .model = answer->model, .tier = answer->tier, .usage = answer->usage};
    neutral_put(to, &e);
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        struct replay r = {.a = a, .to = to, .e = {.choice = i}};
        replay_choice(&r, &answer->choices[i]);
    }
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        const struct neutral_answer_choice *c = &answer->choices[i];
        e = (struct neutral_event){.kind = NE_FINISH,
                                   .choice = i,
                                   .finish = c->finish,
                                   .text = c->finish_text,
                                   .stop_sequence = c->stop_sequence};
        if (c->finish != FINISH_NONE)
            neutral_put(to, &e);
    }
    if (answer->usage.found) {
        e = (struct neutral_event){.kind = NE_USAGE, .usage = answer->usage, .tier = answer->tier};
        neutral_put(to, &e);
    }
    if (answer->failed) {
        e = (struct neutral_event){.kind = NE_ERROR, .error = answer->error};
        neutral_put(to, &e);
    }
}
