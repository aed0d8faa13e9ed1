/* Messages as contents: translate-gemini.md 3, gemini.md 5 (November 2026). Google's rules of turns are strict and a breach fails on
 * every target alike, so the list is put in order before anything is written:
 *
 *   neighbours of a role are one content; results stand alone, all of a step in one content, in the order of their calls, wherever
 *   the client sent them; a call without a result gets one that says so; a result without a call becomes a text; the first content
 *   is the user's; the last is, too, for models that take no prefill. */
#include "dialect/gemini/gemini_int.h"

#include "base/list.h"
#include "dialect/terms.h"

struct building {
    struct gem_writer *g;
    struct gem_content *first, *last;
    struct gem_index calls; /* by id: the newest */
    struct gem_call *step, *step_last;
    struct gem_out_part *system, *system_last;
    bool turns; /* a message that is no system message was met */
};

static bool add_message(struct building *b, const struct neutral_message *m);
static bool finish(struct building *b);

static void write_system(struct building *b)
{
    struct json_writer *w = &b->g->w;
    if (b->system == NULL)
        return;
    jw_key(w, SL_STR("systemInstruction"));
    jw_open(w, '{');
    jw_key(w, SL_STR("parts"));
    jw_open(w, '[');
    for (const struct gem_out_part *p = b->system; p != NULL; p = p->next)
        gem_write_text_part(b->g, p->text, SL_STR_NONE);
    jw_close(w, ']');
    jw_close(w, '}');
}

bool gem_write_contents(struct gem_writer *g)
{
    struct building b = {.g = g};
    for (const struct neutral_message *m = g->req->messages; m != NULL; m = m->next)
        if (!add_message(&b, m))
            return false;
    if (!finish(&b))
        return false;
    write_system(&b);
    jw_key(&g->w, SL_STR("contents"));
    jw_open(&g->w, '[');
    for (const struct gem_content *c = b.first; c != NULL; c = c->next)
        if (!gem_write_content(g, c))
            return false;
    jw_close(&g->w, ']');
    return true;
}

/* -- The list ------------------------------------------------------------------------------------------------------------ */

static struct gem_content *add_content(struct building *b, bool model)
{
    struct gem_content *c = SL_ARENA_NEW(b->g->t->a, struct gem_content);
    c->model = model;
    SL_APPEND(b->first, b->last, c);
    return c;
}

/* The model's turn is over: its calls are answered before anything else. */
static void close_step(struct building *b)
{
    if (b->step == NULL)
        return;
    struct gem_call *calls = b->step;
    b->step = b->step_last = NULL;
    add_content(b, false)->results = calls;
}

static struct gem_content *content_of(struct building *b, bool model)
{
    if (!model)
        close_step(b);
    if (b->last != NULL && b->last->model == model && b->last->results == NULL)
        return b->last;
    return add_content(b, model);
}

static struct gem_out_part *add_part(struct building *b, bool model, enum gem_out_kind kind)
{
    struct gem_content *c = content_of(b, model);
    struct gem_out_part *p = SL_ARENA_NEW(b->g->t->a, struct gem_out_part);
    p->kind = kind;
    SL_APPEND(c->first, c->last, p);
    return p;
}

static struct gem_out_part *add_text(struct building *b, bool model, struct sl_str inside)
{
    struct gem_out_part *p = add_part(b, model, GO_TEXT);
    p->text = inside;
    return p;
}

/* -- Messages -------------------------------------------------------------------------------------------------------------- */

static void add_system_part(struct building *b, struct sl_str text)
{
    struct gem_out_part *p = SL_ARENA_NEW(b->g->t->a, struct gem_out_part);
    p->text = text;
    SL_APPEND(b->system, b->system_last, p);
}

static bool add_system(struct building *b, const struct neutral_message *m)
{
    if (b->turns && gem_drops(b->g, false, term_message(b->g->req, m, b->g->t->a), "moved"))
        return false;
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->cache != NC_NONE)
            neutral_note(b->g->t->notes, "", term_of(b->g->req, TERM_CACHE_MARK));
        if (p->kind == NP_TEXT && p->text.n > 0)
            add_system_part(b, p->text);
        else if (p->kind != NP_TEXT && gem_drops(b->g, true, term_part(b->g->req, m, p, b->g->t->a), ""))
            return false;
    }
    return true;
}

static bool add_user_part(struct building *b, const struct neutral_message *m, const struct neutral_part *p)
{
    struct gem_out_part *out;
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        if (p->text.n > 0)
            add_text(b, false, p->text);
        return true;
    case NP_IMAGE:
    case NP_AUDIO:
    case NP_VIDEO:
    case NP_FILE:
        out = add_part(b, false, GO_MEDIA);
        out->p = p;
        out->at = m;
        return true;
    default:
        return !gem_drops(b->g, true, term_part(b->g->req, m, p, b->g->t->a), "");
    }
}

static bool add_user(struct building *b, const struct neutral_message *m)
{
    const struct gem_content *before = content_of(b, false);
    const struct gem_out_part *last = before->last;
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->cache != NC_NONE)
            neutral_note(b->g->t->notes, "", term_of(b->g->req, TERM_CACHE_MARK));
        if (!add_user_part(b, m, p))
            return false;
    }
    if (before->last == last && before->first == NULL)
        add_text(b, false, SL_STR(" ")); /* a content without parts is refused */
    return true;
}

static void add_call(struct building *b, const struct neutral_message *m, const struct neutral_part *p,
                     struct sl_str pending)
{
    struct gem_call *call = SL_ARENA_NEW(b->g->t->a, struct gem_call);
    struct gem_out_part *out = add_part(b, true, GO_CALL);
    *call = (struct gem_call){.call = p, .call_at = m};
    out->p = p;
    out->at = m;
    out->call = call;
    out->signature = gem_signature_for(b->g->t, p->signature, b->g->from_google || b->g->from_chat);
    if (out->signature.n == 0)
        out->signature = pending;
    SL_APPEND(b->step, b->step_last, call);
    if (p->id.n > 0)
        gem_index_put(&b->calls, b->g->t->a, p->id, call);
}

static bool add_hosted(struct building *b, const struct neutral_message *m, const struct neutral_part *p)
{
    bool server = sl_str_starts(p->type, SL_STR("tool")); /* toolCall, toolResponse: of the Gemini API only */
    if (!b->g->from_google || (server && b->g->vertex))
        return !gem_drops(b->g, false, term_part(b->g->req, m, p, b->g->t->a), "");
    struct gem_out_part *out = add_part(b, true, GO_RAW);
    out->p = p;
    out->signature = gem_signature_for(b->g->t, p->signature, true);
    return true;
}

/* Thinking is not sent back; the signature that a foreign client returned with it belongs to the call behind it. */
static bool add_model_part(struct building *b, const struct neutral_message *m, const struct neutral_part *p,
                           struct sl_str *pending)
{
    const struct gem_writer *g = b->g;
    bool raw = g->from_google || g->from_chat;
    switch (p->kind) {
    case NP_REASONING: {
        struct sl_str s = gem_signature_for(g->t, p->signature.n > 0 ? p->signature : p->encrypted, false);
        if (s.n > 0 && !g->from_google)
            *pending = s;
        return true;
    }
    case NP_TEXT:
    case NP_REFUSAL: {
        struct sl_str s = gem_signature_for(g->t, p->signature, raw);
        if (p->text.n > 0 || s.n > 0)
            add_text(b, true, p->text)->signature = s;
        return true;
    }
    case NP_TOOL_CALL:
        add_call(b, m, p, *pending);
        *pending = SL_STR_NONE;
        return true;
    case NP_HOSTED:
        return add_hosted(b, m, p);
    case NP_IMAGE:
    case NP_AUDIO:
    case NP_VIDEO:
    case NP_FILE: {
        struct gem_out_part *out = add_part(b, true, GO_MEDIA);
        out->p = p;
        out->at = m;
        out->signature = gem_signature_for(g->t, p->signature, raw);
        return true;
    }
    default:
        return !gem_drops(b->g, true, term_part(g->req, m, p, g->t->a), "");
    }
}

static bool add_model(struct building *b, const struct neutral_message *m)
{
    struct sl_str pending = SL_STR_NONE;
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->cache != NC_NONE)
            neutral_note(b->g->t->notes, "", term_of(b->g->req, TERM_CACHE_MARK));
        if (!add_model_part(b, m, p, &pending))
            return false;
    }
    return true;
}

/* A result that answers no call, as the user's words. */
static void add_orphan(struct building *b, const struct neutral_message *m, const struct neutral_part *p)
{
    struct sl_str name = p->name.n > 0 ? p->name : p->id;
    neutral_note(b->g->t->notes, "as text", term_part(b->g->req, m, p, b->g->t->a));
    add_text(b, false, sl_arena_printf(b->g->t->a, "Tool result (" SL_STR_FMT "):", SL_STR_ARG(name)));
    for (const struct neutral_part *c = p->content; c != NULL; c = c->next)
        if (c->kind == NP_TEXT && c->text.n > 0)
            add_text(b, false, c->text);
}

static void add_results(struct building *b, const struct neutral_message *m)
{
    close_step(b);
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        struct gem_call *call = gem_index_get(&b->calls, p->id);
        if (p->kind != NP_TOOL_RESULT)
            continue;
        if (p->cache != NC_NONE)
            neutral_note(b->g->t->notes, "", term_of(b->g->req, TERM_CACHE_MARK));
        if (call == NULL) {
            add_orphan(b, m, p);
            continue;
        }
        if (call->result != NULL)
            neutral_note(b->g->t->notes, "replaced", term_part(b->g->req, m, p, b->g->t->a));
        call->result = p;
        call->result_at = m;
    }
}

static bool add_message(struct building *b, const struct neutral_message *m)
{
    if (m->name.n > 0 && m->role != NR_TOOL)
        neutral_notef(b->g->t->notes, "", SL_STR_FMT ".name", SL_STR_ARG(term_message(b->g->req, m, b->g->t->a)));
    switch (m->role) {
    case NR_SYSTEM:
    case NR_DEVELOPER:
        return add_system(b, m);
    case NR_USER:
        b->turns = true;
        return add_user(b, m);
    case NR_ASSISTANT:
        b->turns = true;
        return add_model(b, m);
    case NR_TOOL:
        b->turns = true;
        add_results(b, m);
        return true;
    }
    return true;
}

/* -- Order ------------------------------------------------------------------------------------------------------------------ */

static void add_in_front(struct building *b, struct gem_out_part *parts)
{
    struct gem_content *c = SL_ARENA_NEW(b->g->t->a, struct gem_content);
    c->first = parts;
    c->next = b->first;
    b->first = c;
    if (b->last == NULL)
        b->last = c;
}

static struct gem_out_part *blank(struct building *b)
{
    struct gem_out_part *p = SL_ARENA_NEW(b->g->t->a, struct gem_out_part);
    p->text = SL_STR(" ");
    return p;
}

/* Models without systemInstruction: the text stands before the first words of the user. */
static void system_to_user(struct building *b)
{
    struct gem_content *c = b->first;
    for (struct gem_out_part *p = b->system; p != NULL; p = p->next)
        p->text = sl_arena_printf(b->g->t->a, SL_STR_FMT "\\n\\n", SL_STR_ARG(p->text));
    if (c == NULL || c->model || c->results != NULL) {
        add_in_front(b, b->system);
    } else {
        b->system_last->next = c->first;
        c->first = b->system;
    }
    b->system = b->system_last = NULL;
}

/* A turn of the model's at the end asks it to go on with it, which newer models refuse. */
static bool drop_prefill(struct building *b)
{
    const struct gem_writer *g = b->g;
    if (b->last == NULL || !b->last->model || gem_flag(g, CAP_PREFILL))
        return true;
    const struct neutral_message *last = NULL;
    for (const struct neutral_message *m = g->req->messages; m != NULL; m = m->next)
        if (m->role == NR_ASSISTANT)
            last = m;
    if (gem_drops(b->g, false, term_message(g->req, last, g->t->a), "prefill"))
        return false;
    struct gem_content *before = NULL;
    for (struct gem_content *c = b->first; c != b->last; c = c->next)
        before = c;
    if (before != NULL)
        before->next = NULL;
    else
        b->first = NULL;
    b->last = before;
    return true;
}

static void note_missing(struct building *b)
{
    for (const struct gem_content *c = b->first; c != NULL; c = c->next)
        for (const struct gem_call *call = c->results; call != NULL; call = call->next)
            if (call->result == NULL)
                neutral_note(b->g->t->notes, "result missing",
                             term_part(b->g->req, call->call_at, call->call, b->g->t->a));
}

static bool finish(struct building *b)
{
    close_step(b);
    note_missing(b);
    if (!drop_prefill(b))
        return false;
    if (b->first == NULL && b->system != NULL) { /* only system texts: they are the question */
        add_in_front(b, b->system);
        b->system = NULL;
        return true;
    }
    if (b->system != NULL && gem_flag(b->g, CAP_SYSTEM_IN_USER))
        system_to_user(b);
    if (b->first == NULL || b->first->model || b->first->results != NULL)
        add_in_front(b, blank(b));
    return true;
}
