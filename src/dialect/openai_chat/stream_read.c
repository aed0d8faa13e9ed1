/* A stream of chat chunks as neutral events. Tolerant as openai-compatible.md 2 says (November 2026): what must not be tolerated is an
 * error or a cut that looks like an end. Finishes are told at the end only, since Azure sends a second one and usage comes behind. */
#include "dialect/openai_chat/chat_answer.h"

#include "base/list.h"

/* -- State ------------------------------------------------------------------------------------------------------------------- */

static void drop_scratch(void *arg)
{
    struct chat_reader *r = arg;
    sl_arena_done(&r->scratch);
}

struct chat_reader *chat_reader_new(struct translation *t)
{
    struct chat_reader *r = SL_ARENA_NEW(t->a, struct chat_reader);
    r->t = t;
    sl_arena_init(&r->scratch, t->a->cache);
    sl_arena_on_drop(t->a, drop_scratch, r);
    chat_stops_init(r);
    return r;
}

struct sl_str chat_keep(struct chat_reader *r, struct sl_str s)
{
    return s.n > 0 ? sl_arena_str(r->t->a, s) : SL_STR_NONE;
}

struct chat_text_piece {
    struct sl_str s;
    struct chat_text_piece *next;
};

void chat_text_add(struct chat_reader *r, struct chat_text *to, struct sl_str piece)
{
    if (piece.n == 0)
        return;
    struct chat_text_piece *p = SL_ARENA_NEW(r->t->a, struct chat_text_piece);
    p->s = chat_keep(r, piece);
    SL_APPEND(to->first, to->last, p);
    to->bytes += piece.n;
}

struct sl_str chat_text_join(struct chat_reader *r, const struct chat_text *text)
{
    if (text->first == NULL || text->first->next == NULL)
        return text->first != NULL ? text->first->s : SL_STR_NONE;
    char *out = sl_arena_alloc(r->t->a, text->bytes);
    size_t n = 0;
    for (const struct chat_text_piece *p = text->first; p != NULL; p = p->next) {
        memcpy(out + n, p->s.p, p->s.n);
        n += p->s.n;
    }
    return sl_str_of(out, n);
}

static void chat_start(struct chat_reader *r, const struct json_node *root);

void chat_put(struct chat_reader *r, uint32_t choice, struct neutral_event *e)
{
    chat_start(r, NULL);
    e->choice = choice;
    neutral_put(r->to, e);
}

/* NULL: more answers than anybody can ask for. */
static struct chat_choice *choice_at(struct chat_reader *r, uint64_t at)
{
    if (at >= CHAT_CHOICES_MAX) {
        r->too_much = true;
        return NULL;
    }
    if (r->choices[at] == NULL)
        r->choices[at] = SL_ARENA_NEW(r->t->a, struct chat_choice);
    if (at >= r->n_choices)
        r->n_choices = (uint32_t)at + 1;
    return r->choices[at];
}

/* -- Members of a chunk ------------------------------------------------------------------------------------------------------- */

/* With the first chunk that says who it is, or with the first output: Azure's first chunks are empty shells. */
static void chat_start(struct chat_reader *r, const struct json_node *root)
{
    struct neutral_event e = {.kind = NE_START};
    if (r->started && root == NULL)
        return;
    e.tier = chat_member(r, root, SL_STR("service_tier"));
    if (e.tier.n > 0 && !sl_str_eq(e.tier, r->tier))
        r->tier = chat_keep(r, e.tier);
    if (r->started)
        return;
    e.id = chat_member(r, root, SL_STR("id"));
    e.model = chat_member(r, root, SL_STR("model"));
    if (root != NULL && e.id.n == 0 && e.model.n == 0)
        return;
    r->started = true;
    neutral_put(r->to, &e);
}

static void take_usage(struct chat_reader *r, const struct json_node *usage)
{
    struct token_counts counts;
    if (json_kind_of(usage) != JSON_OBJECT)
        return;
    chat_usage_read(json_raw_of(&r->tree, usage), &counts);
    if (!counts.found || (r->usage.found && memcmp(&counts, &r->usage, sizeof counts) == 0))
        return;
    r->usage = counts;
    struct neutral_event e = {.kind = NE_USAGE, .usage = counts, .tier = r->tier};
    chat_put(r, 0, &e);
}

static void take_logprobs(struct chat_reader *r, uint32_t at, const struct json_node *choice)
{
    const struct json_node *content =
        json_get(&r->tree, json_get(&r->tree, choice, SL_STR("logprobs")), SL_STR("content"));
    struct neutral_event e = {.kind = NE_LOGPROBS, .raw = json_raw_of(&r->tree, content)};
    if (json_kind_of(content) == JSON_ARRAY && content->children > 0 && !r->choices[at]->stopped)
        chat_put(r, at, &e);
}

/* vLLM and SGLang name the stop sequence that was met. */
static struct sl_str stop_of(struct chat_reader *r, const struct json_node *choice)
{
    struct sl_str stop = chat_member(r, choice, SL_STR("stop_reason"));
    return stop.n > 0 ? stop : chat_member(r, choice, SL_STR("matched_stop"));
}

static void take_finish(struct chat_reader *r, struct chat_choice *c, const struct json_node *choice)
{
    struct sl_str word = chat_member(r, choice, SL_STR("finish_reason"));
    if (word.n == 0 || c->stopped)
        return;
    c->finished = true;
    c->word = chat_keep(r, word);
    struct sl_str stop = stop_of(r, choice);
    for (uint32_t i = 0; i < r->t->req->n_stops && stop.n > 0; i++)
        if (sl_str_eq(json_ident(stop, &r->scratch), json_ident(r->t->req->stops[i], &r->scratch)))
            c->stop = r->t->req->stops[i];
}

/* In a stream delta; message where nothing came in deltas before (a whole answer within a stream). In a whole answer message.
 * Perplexity sends both, in both. */
static const struct json_node *output_of(struct chat_reader *r, const struct chat_choice *c,
                                         const struct json_node *choice)
{
    const struct json_node *delta = json_get(&r->tree, choice, SL_STR("delta"));
    const struct json_node *message = json_get(&r->tree, choice, SL_STR("message"));
    if (r->whole)
        return message != NULL ? message : delta;
    return delta != NULL || c->begun ? delta : message;
}

/* False: it breaks the format. */
static bool take_choice(struct chat_reader *r, const struct json_node *choice, uint32_t position)
{
    uint64_t at = position;
    struct neutral_error error;
    if (json_kind_of(choice) != JSON_OBJECT)
        return false;
    const struct json_node *index = json_get(&r->tree, choice, SL_STR("index"));
    if (json_kind_of(index) == JSON_NUMBER && !json_u64_of(&r->tree, index, &at))
        return false;
    struct chat_choice *c = choice_at(r, at);
    if (c == NULL)
        return false;
    if (json_got(&r->tree, choice, SL_STR("error")) != NULL && chat_error_of(r, choice, &error)) {
        chat_fail(r, &error);
        return true;
    }
    const struct json_node *delta = output_of(r, c, choice);
    if (json_kind_of(delta) == JSON_OBJECT) {
        chat_take_delta(r, (uint32_t)at, delta);
        c->begun |= delta->children > 0;
    }
    take_logprobs(r, (uint32_t)at, choice);
    take_finish(r, c, choice);
    take_usage(r, json_get(&r->tree, choice, SL_STR("usage"))); /* Moonshot, once */
    return !r->too_much;
}

static void keep_citations(struct chat_reader *r, const struct json_node *root, uint64_t names)
{
    const struct json_tree *t = &r->tree;
    const struct json_node *v = json_got_of(t, root, names, SL_STR("search_results")); /* Perplexity: with titles */
    if (json_kind_of(v) != JSON_ARRAY)
        v = json_got_of(t, root, names, SL_STR("citations")); /* Perplexity, xAI: addresses */
    struct sl_str raw = json_raw_of(&r->tree, v);
    if (json_kind_of(v) == JSON_ARRAY && v->children > 0 && !sl_str_eq(raw, r->citations))
        r->citations = chat_keep(r, raw);
}

bool chat_take_object(struct chat_reader *r, const struct json_node *root)
{
    struct neutral_error error;
    const uint64_t names = json_names_of(&r->tree, root);
    const struct json_node *choices = json_got(&r->tree, root, SL_STR("choices"));
    const struct json_node *groq = json_got_of(&r->tree, root, names, SL_STR("x_groq"));
    if (chat_error_of(r, root, &error)) {
        chat_fail(r, &error);
        return true;
    }
    chat_start(r, root);
    if (choices != NULL && json_kind_of(choices) != JSON_ARRAY)
        return false;
    uint32_t position = 0;
    for (JSON_EACH(&r->tree, choices, it))
        if (!take_choice(r, it, position++) || r->failed)
            return r->failed;
    take_usage(r, json_get(&r->tree, groq, SL_STR("usage")));
    take_usage(r, json_got_of(&r->tree, root, names, SL_STR("usage")));
    keep_citations(r, root, names);
    return true;
}

/* -- The end ------------------------------------------------------------------------------------------------------------------- */

static bool finish_choice(struct chat_reader *r, uint32_t at, struct chat_choice *c)
{
    bool failed = false;
    chat_end_reasoning(r, at);
    chat_stops_flush(r, at);
    chat_end_calls(r, at);
    struct neutral_event e = {.kind = NE_FINISH, .finish = FINISH_STOP_SEQUENCE, .stop_sequence = c->stop};
    if (!c->stopped) {
        struct sl_str word = c->finished ? c->word : SL_STR("stop");
        e.finish = chat_finish_of(word, c->n_begun > 0, &failed);
        e.text = word;
        if (e.finish == FINISH_STOP && c->stop.n > 0)
            e.finish = FINISH_STOP_SEQUENCE;
        else if (e.finish != FINISH_STOP_SEQUENCE)
            e.stop_sequence = SL_STR_NONE;
    }
    if (failed) {
        const struct neutral_error error = {.type = SL_STR("server_error"),
                                            .code = c->word,
                                            .message = SL_STR("The provider ended the answer with an error.")};
        chat_fail(r, &error);
        return false;
    }
    chat_put(r, at, &e);
    return true;
}

bool chat_finish_all(struct chat_reader *r)
{
    bool any = false;
    if (r->failed || r->ended)
        return !r->failed && r->done;
    for (uint32_t i = 0; i < r->n_choices; i++) {
        struct chat_choice *c = r->choices[i];
        if (c == NULL || !(c->begun || c->finished))
            continue;
        any = true;
        if (!c->finished && !c->stopped && !r->done)
            return false; /* cut short */
    }
    if (!any)
        return false; /* nothing is no answer */
    r->ended = true;
    if (r->n_choices > 0 && r->choices[0] != NULL)
        chat_take_citations(r);
    for (uint32_t i = 0; i < r->n_choices; i++)
        if (r->choices[i] != NULL && (r->choices[i]->begun || r->choices[i]->finished) &&
            !finish_choice(r, i, r->choices[i]))
            return false;
    return true;
}

/* -- Events -------------------------------------------------------------------------------------------------------------------- */

void *chat_stream_read_begin(struct translation *t)
{
    return chat_reader_new(t);
}

static bool take_done(struct chat_reader *r)
{
    struct neutral_event e = {.kind = NE_DONE};
    r->done = true;
    if (!chat_finish_all(r))
        return r->failed;
    chat_put(r, 0, &e);
    return true;
}

/* An error event whose data is no JSON. */
static bool take_bare_error(struct chat_reader *r, struct sl_str data)
{
    const struct neutral_error error = {.type = SL_STR("server_error"), .message = json_escape(data, &r->scratch)};
    chat_fail(r, &error);
    return true;
}

static bool take_data(struct chat_reader *r, struct sl_str event, struct sl_str data)
{
    bool named = sl_str_eq(event, SL_STR("error"));
    if (!json_tree_read(&r->tree, data, &r->scratch))
        return named ? take_bare_error(r, data) : false;
    const struct json_node *root = json_root(&r->tree);
    if (json_kind_of(root) == JSON_ARRAY && root->children == 1)
        root = json_child(root); /* an error, as Google wraps it */
    struct neutral_error error;
    if (named && !chat_error_of(r, root, &error))
        return take_bare_error(r, data);
    return json_kind_of(root) == JSON_OBJECT && chat_take_object(r, root);
}

bool chat_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    struct chat_reader *r = state;
    data = sl_str_trim(data);
    if (data.n == 0 || r->done || r->failed)
        return true;
    r->to = to;
    sl_arena_reset(&r->scratch);
    return sl_str_starts(data, SL_STR("[DONE]")) ? take_done(r) : take_data(r, event, data);
}

bool chat_stream_read_end(void *state, const struct neutral_sink *to)
{
    struct chat_reader *r = state;
    r->to = to;
    return chat_finish_all(r);
}
