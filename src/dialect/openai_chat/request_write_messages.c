/* Messages of a chat request. Decisions: translate-openai-anthropic.md 5.2, translate-gemini.md 12.1 (November 2026). Nothing of a
 * user stands between an assistant's calls and their results, and all text of system messages keeps its place where the model lets it. */
#include "dialect/openai_chat/chat_write.h"

#include <stdio.h>

static const struct names_rule *id_rule(const struct chat_write *cw)
{
    return cw->t->short_call_ids ? &ids_mistral : &ids_openai;
}

static struct sl_str call_id(struct chat_write *cw, struct sl_str id)
{
    return names_fit(id_rule(cw), id, cw->t->a);
}

static void begin_message(struct chat_write *cw, struct sl_str role)
{
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("role"), role);
}

static void write_name(struct chat_write *cw, const struct neutral_message *m)
{
    if (m->name.n == 0)
        return;
    if (cw->openai)
        jw_member_inside(&cw->w, SL_STR("name"), m->name);
    else
        neutral_notef(cw->t->notes, "", SL_STR_FMT ".name", SL_STR_ARG(term_message(cw->req, m, cw->t->a)));
}

/* -- System ------------------------------------------------------------------------------------------------------------------ */

static bool is_system(const struct neutral_message *m)
{
    return m != NULL && m->role <= NR_DEVELOPER;
}

static bool has_text(const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == NP_TEXT && p->text.n > 0)
            return true;
    return false;
}

static void write_joined(struct chat_write *cw, const struct neutral_message *m, struct sl_str separator, bool *first)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind != NP_TEXT || p->text.n == 0)
            continue;
        if (!*first)
            jw_piece_inside(&cw->w, separator);
        jw_piece_inside(&cw->w, p->text);
        *first = false;
    }
}

/* OpenAI: a message for each of the client's, its parts as they were. */
static bool write_user(struct chat_write *cw, const struct neutral_message *m, struct sl_str role);

static struct sl_str system_role(const struct chat_write *cw)
{
    return caps_has(cw->t->caps, CAP_DEVELOPER) && cw->openai ? SL_STR("developer") : SL_STR("system");
}

/* What no server that takes one leading system message only may get at its head: one message, joined. Gives the message behind. */
static const struct neutral_message *write_leading(struct chat_write *cw, const struct neutral_message *m)
{
    struct sl_str hint = chat_format_hint(cw);
    const struct neutral_message *end = m;
    bool any = hint.n > 0, first = true;
    for (; is_system(end); end = end->next)
        any |= has_text(end);
    if (!any)
        return end;
    begin_message(cw, SL_STR("system"));
    jw_key(&cw->w, SL_STR("content"));
    jw_string(&cw->w);
    for (; m != end; m = m->next)
        write_joined(cw, m, SL_STR("\\n\\n"), &first);
    if (hint.n > 0) {
        jw_piece_inside(&cw->w, first ? SL_STR_NONE : SL_STR("\\n\\n"));
        jw_piece_plain(&cw->w, hint);
    }
    jw_string_end(&cw->w);
    jw_close(&cw->w, '}');
    return end;
}

static const struct neutral_message *write_leading_openai(struct chat_write *cw, const struct neutral_message *m)
{
    struct sl_str hint = chat_format_hint(cw);
    for (; is_system(m); m = m->next)
        if (!write_user(cw, m, system_role(cw)))
            return NULL;
    if (hint.n > 0) {
        begin_message(cw, system_role(cw));
        jw_member_plain(&cw->w, SL_STR("content"), hint);
        jw_close(&cw->w, '}');
    }
    return m;
}

/* Between turns, for a model whose template has no place for it there. */
static void write_folded(struct chat_write *cw, const struct neutral_message *m)
{
    bool first = true;
    if (!has_text(m))
        return;
    neutral_note(cw->t->notes, "folded", term_message(cw->req, m, cw->t->a));
    begin_message(cw, SL_STR("user"));
    jw_key(&cw->w, SL_STR("content"));
    jw_string(&cw->w);
    jw_piece_inside(&cw->w, SL_STR("<system>"));
    write_joined(cw, m, SL_STR("\\n\\n"), &first);
    jw_piece_inside(&cw->w, SL_STR("</system>"));
    jw_string_end(&cw->w);
    jw_close(&cw->w, '}');
}

/* -- Users ------------------------------------------------------------------------------------------------------------------- */

static unsigned count_parts(const struct neutral_part *p)
{
    unsigned n = 0;
    for (; p != NULL; p = p->next)
        n++;
    return n;
}

/* The pieces that can be sent. False: refused. */
static bool prepare_all(struct chat_write *cw, const struct neutral_message *m, struct chat_piece *pieces, unsigned *n)
{
    *n = 0;
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        enum chat_sending s = chat_prepare(cw, m, p, &pieces[*n]);
        if (s == SENDING_REFUSED)
            return false;
        *n += s == SENDING_YES;
    }
    return true;
}

static bool is_plain_text(const struct chat_write *cw, const struct chat_piece *piece)
{
    bool marked = piece->p->cache != NC_NONE && caps_has(cw->t->caps, CAP_CACHE_MARKS);
    return piece->p->kind == NP_TEXT && !marked;
}

static bool write_user(struct chat_write *cw, const struct neutral_message *m, struct sl_str role)
{
    unsigned n;
    struct chat_piece *pieces = sl_arena_zalloc(cw->t->a, (count_parts(m->parts) + 1) * sizeof *pieces);
    if (!prepare_all(cw, m, pieces, &n))
        return false;
    if (n == 0)
        return true;
    begin_message(cw, role);
    jw_key(&cw->w, SL_STR("content"));
    if (n == 1 && is_plain_text(cw, &pieces[0])) {
        jw_inside(&cw->w, pieces[0].data);
    } else {
        jw_open(&cw->w, '[');
        for (unsigned i = 0; i < n; i++)
            chat_write_piece(cw, &pieces[i]);
        jw_close(&cw->w, ']');
    }
    write_name(cw, m);
    jw_close(&cw->w, '}');
    return true;
}

/* -- Assistants -------------------------------------------------------------------------------------------------------------- */

static bool is_custom_call(const struct chat_write *cw, const struct neutral_part *p)
{
    return p->custom && cw->openai;
}

static void write_arguments(struct chat_write *cw, const struct neutral_part *p)
{
    jw_key(&cw->w, SL_STR("arguments"));
    if (p->custom) { /* the only member of what stands for a free-form input: see request_write_tools.c */
        jw_string(&cw->w);
        jw_piece_inside(&cw->w, SL_STR("{\\\"input\\\":\\\""));
        jw_piece_plain(&cw->w, p->text);
        jw_piece_inside(&cw->w, SL_STR("\\\"}"));
        jw_string_end(&cw->w);
    } else {
        jw_plain(&cw->w, p->arguments.n > 0 ? p->arguments : SL_STR("{}"));
    }
}

static void write_call(struct chat_write *cw, const struct neutral_part *p)
{
    bool custom = is_custom_call(cw, p);
    struct sl_str kind = custom ? SL_STR("custom") : SL_STR("function");
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("id"), call_id(cw, p->id));
    jw_member_inside(&cw->w, SL_STR("type"), kind);
    jw_key(&cw->w, kind);
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), names_out(&cw->t->names, &names_openai, p->name, cw->t->a));
    if (custom)
        jw_member_inside(&cw->w, SL_STR("input"), p->text);
    else
        write_arguments(cw, p);
    jw_close(&cw->w, '}');
    struct sl_str signature = chat_google_signature(cw, p->signature);
    if (signature.n > 0) {
        jw_key(&cw->w, SL_STR("extra_content"));
        jw_open(&cw->w, '{');
        jw_key(&cw->w, SL_STR("google"));
        jw_open(&cw->w, '{');
        jw_member_inside(&cw->w, SL_STR("thought_signature"), signature);
        jw_close(&cw->w, '}');
        jw_close(&cw->w, '}');
    }
    jw_close(&cw->w, '}');
}

struct assistant { /* what a message of an assistant has to say */
    unsigned texts, calls, refusals;
};

/* False: refused. */
static bool survey(struct chat_write *cw, const struct neutral_message *m, struct assistant *out)
{
    *out = (struct assistant){.texts = 0};
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        switch (p->kind) {
        case NP_TEXT:
            out->texts += p->text.n > 0;
            break;
        case NP_REFUSAL:
            out->refusals += p->text.n > 0;
            break;
        case NP_TOOL_CALL:
            out->calls++;
            break;
        case NP_REASONING:
            break; /* returns to its own model or to nobody */
        case NP_AUDIO:
            out->texts += p->text.n > 0; /* the transcript stands for it */
            break;
        default:
            if (chat_refuses(cw, false, term_part(cw->req, m, p, cw->t->a), ""))
                return false;
        }
    }
    return true;
}

static bool is_said_text(const struct chat_write *cw, const struct neutral_part *p)
{
    bool refusal = p->kind == NP_REFUSAL && !cw->openai;
    return (p->kind == NP_TEXT || p->kind == NP_AUDIO || refusal) && p->text.n > 0;
}

static void write_texts(struct chat_write *cw, const struct neutral_message *m)
{
    jw_string(&cw->w);
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (is_said_text(cw, p))
            jw_piece_inside(&cw->w, p->text);
    jw_string_end(&cw->w);
}

static void write_refusal(struct chat_write *cw, const struct neutral_message *m)
{
    jw_key(&cw->w, SL_STR("refusal"));
    jw_string(&cw->w);
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == NP_REFUSAL)
            jw_piece_inside(&cw->w, p->text);
    jw_string_end(&cw->w);
}

static void write_content(struct chat_write *cw, const struct neutral_message *m, bool texts)
{
    jw_key(&cw->w, SL_STR("content"));
    if (chat_write_thinking_parts(cw, m)) {
        if (texts) {
            jw_open(&cw->w, '{');
            jw_member_inside(&cw->w, SL_STR("type"), SL_STR("text"));
            jw_key(&cw->w, SL_STR("text"));
            write_texts(cw, m);
            jw_close(&cw->w, '}');
        }
        jw_close(&cw->w, ']');
    } else if (texts) {
        write_texts(cw, m);
    } else {
        jw_null(&cw->w);
    }
}

static bool write_assistant(struct chat_write *cw, const struct neutral_message *m)
{
    struct assistant has;
    if (!survey(cw, m, &has))
        return false;
    if (has.texts + has.calls + has.refusals == 0)
        return true;
    begin_message(cw, SL_STR("assistant"));
    write_content(cw, m, has.texts > 0 || (has.refusals > 0 && !cw->openai));
    if (has.refusals > 0 && cw->openai)
        write_refusal(cw, m);
    write_name(cw, m);
    chat_write_reasoning(cw, m);
    if (has.calls > 0) {
        jw_key(&cw->w, SL_STR("tool_calls"));
        jw_open(&cw->w, '[');
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (p->kind == NP_TOOL_CALL)
                write_call(cw, p);
        jw_close(&cw->w, ']');
    }
    jw_close(&cw->w, '}');
    return true;
}

/* -- Results ----------------------------------------------------------------------------------------------------------------- */

/* Gemini answers functions with objects: {"output": "text"} is the text, everything else its JSON (translate-gemini.md 12.1). */
static void write_object_result(struct chat_write *cw, struct sl_str raw)
{
    struct json_tree tree;
    if (json_tree_read(&tree, raw, cw->t->a) && json_root(&tree)->children == 1) {
        const struct json_node *only = json_child(json_root(&tree));
        bool text = json_key_is(&tree, only, SL_STR("output")) || json_key_is(&tree, only, SL_STR("result"));
        if (text && json_kind_of(only) == JSON_STRING) {
            jw_piece_inside(&cw->w, json_inside_of(&tree, only));
            return;
        }
    }
    jw_piece_plain(&cw->w, raw);
}

static bool says_error(const struct neutral_part *result)
{
    const struct neutral_part *p = result->content;
    return p != NULL && p->kind == NP_TEXT && sl_str_starts_nocase(p->text, SL_STR("error"));
}

/* Texts joined by line ends; media stand in a message of their own behind the results. */
static void write_result_text(struct chat_write *cw, const struct neutral_part *result, unsigned *media)
{
    bool first = true;
    jw_string(&cw->w);
    if (result->is_error && !says_error(result))
        jw_piece_inside(&cw->w, SL_STR("Error: "));
    if (result->content == NULL && result->raw.n > 0)
        write_object_result(cw, result->raw);
    for (const struct neutral_part *p = result->content; p != NULL; p = p->next) {
        bool text = p->kind == NP_TEXT || p->kind == NP_REFUSAL;
        if (text && p->text.n == 0)
            continue;
        if (!first)
            jw_piece_inside(&cw->w, SL_STR("\\n"));
        first = false;
        if (text) {
            jw_piece_inside(&cw->w, p->text);
        } else {
            char label[48];
            int n = snprintf(label, sizeof label, "[attachment %u: see next message]", ++*media);
            jw_piece_inside(&cw->w, sl_str_of(label, (size_t)n));
        }
    }
    jw_string_end(&cw->w);
}

static enum neutral_cache result_mark(const struct neutral_part *result)
{
    enum neutral_cache mark = result->cache;
    for (const struct neutral_part *p = result->content; p != NULL && mark == NC_NONE; p = p->next)
        mark = p->cache;
    return mark;
}

static void write_result(struct chat_write *cw, const struct neutral_part *result, unsigned *media)
{
    const struct neutral_part marked = {.kind = NP_TEXT, .cache = result_mark(result)};
    bool list = marked.cache != NC_NONE && caps_has(cw->t->caps, CAP_CACHE_MARKS);
    begin_message(cw, SL_STR("tool"));
    jw_member_inside(&cw->w, SL_STR("tool_call_id"), call_id(cw, result->id));
    jw_key(&cw->w, SL_STR("content"));
    if (list) {
        jw_open(&cw->w, '[');
        jw_open(&cw->w, '{');
        jw_member_inside(&cw->w, SL_STR("type"), SL_STR("text"));
        jw_key(&cw->w, SL_STR("text"));
    }
    write_result_text(cw, result, media);
    if (list) {
        chat_write_mark(cw, &marked);
        jw_close(&cw->w, '}');
        jw_close(&cw->w, ']');
    }
    jw_close(&cw->w, '}');
}

static void write_label(struct chat_write *cw, unsigned number, struct sl_str id)
{
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("text"));
    jw_key(&cw->w, SL_STR("text"));
    jw_string(&cw->w);
    char label[64];
    int n = snprintf(label, sizeof label, "Attachment %u, of the result of the tool call ", number);
    jw_piece_inside(&cw->w, sl_str_of(label, (size_t)n));
    jw_piece_inside(&cw->w, id);
    jw_string_end(&cw->w);
    jw_close(&cw->w, '}');
}

static bool is_media(const struct neutral_part *p)
{
    return p->kind != NP_TEXT && p->kind != NP_REFUSAL;
}

/* False: refused. */
static bool write_moved(struct chat_write *cw, const struct neutral_message *m, const struct neutral_part *result,
                        unsigned *number)
{
    for (const struct neutral_part *p = result->content; p != NULL; p = p->next) {
        struct chat_piece piece = {.p = p};
        if (!is_media(p))
            continue;
        enum chat_sending s = chat_prepare(cw, m, p, &piece);
        if (s == SENDING_REFUSED)
            return false;
        ++*number;
        write_label(cw, *number, call_id(cw, result->id));
        if (s == SENDING_YES)
            chat_write_piece(cw, &piece);
    }
    return true;
}

static bool write_attachments(struct chat_write *cw, const struct neutral_message *m, const struct neutral_message *end)
{
    unsigned number = 0;
    begin_message(cw, SL_STR("user"));
    jw_key(&cw->w, SL_STR("content"));
    jw_open(&cw->w, '[');
    for (; m != end; m = m->next)
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (p->kind == NP_TOOL_RESULT && !write_moved(cw, m, p, &number))
                return false;
    jw_close(&cw->w, ']');
    jw_close(&cw->w, '}');
    return true;
}

/* All results of one turn, then what could not stand in them. Gives the message behind; NULL: refused. */
static bool write_results(struct chat_write *cw, const struct neutral_message *m,
                          const struct neutral_message **out_end)
{
    unsigned media = 0;
    const struct neutral_message *first = m;
    for (; m != NULL && m->role == NR_TOOL; m = m->next) {
        unsigned before = media;
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (p->kind == NP_TOOL_RESULT)
                write_result(cw, p, &media);
        if (media > before)
            neutral_note(cw->t->notes, "moved", term_message(cw->req, m, cw->t->a));
    }
    *out_end = m;
    return media == 0 || write_attachments(cw, first, m);
}

/* -- All of them --------------------------------------------------------------------------------------------------------------- */

static bool has_calls(const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == NP_TOOL_CALL)
            return true;
    return false;
}

/* A last message of the assistant, to be continued: no server of this format does that by itself (2.2, 17). */
static bool write_prefill(struct chat_write *cw, const struct neutral_message *m)
{
    if (m->role != NR_ASSISTANT || !has_text(m) || has_calls(m) || caps_has(cw->t->caps, CAP_PREFILL))
        return true;
    if (cw->req->from == &openai_chat_dialect)
        return true;
    if (chat_refuses(cw, true, term_message(cw->req, m, cw->t->a), "it would be answered, not continued"))
        return false;
    begin_message(cw, SL_STR("user"));
    jw_member_inside(&cw->w, SL_STR("content"), SL_STR("Continue."));
    jw_close(&cw->w, '}');
    return true;
}

static bool write_one(struct chat_write *cw, const struct neutral_message *m, const struct neutral_message **out_next)
{
    *out_next = m->next;
    switch (m->role) {
    case NR_SYSTEM:
    case NR_DEVELOPER:
        if (cw->openai || caps_has(cw->t->caps, CAP_MID_SYSTEM))
            return write_user(cw, m, system_role(cw));
        write_folded(cw, m);
        return true;
    case NR_ASSISTANT:
        return write_assistant(cw, m);
    case NR_TOOL:
        return write_results(cw, m, out_next);
    default:
        return write_user(cw, m, SL_STR("user"));
    }
}

static unsigned count_marks(const struct neutral_request *q)
{
    unsigned n = 0;
    for (const struct neutral_message *m = q->messages; m != NULL; m = m->next)
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
            if (m->role != NR_ASSISTANT) /* whose text goes as one string */
                n += (p->kind == NP_TOOL_RESULT ? result_mark(p) : p->cache) != NC_NONE;
    return n;
}

bool chat_write_messages(struct chat_write *cw)
{
    const struct neutral_message *m = cw->req->messages, *last = m;
    unsigned marks = count_marks(cw->req);
    cw->marks_skipped = marks > 4 ? marks - 4 : 0; /* openai.md 6.3 */
    jw_key(&cw->w, SL_STR("messages"));
    jw_open(&cw->w, '[');
    bool leading = is_system(m) || chat_format_hint(cw).n > 0;
    if (leading) {
        const struct neutral_message *end = cw->openai ? write_leading_openai(cw, m) : write_leading(cw, m);
        if (end == NULL && cw->refusal->error.error != GE_NONE)
            return false;
        m = end;
    }
    while (m != NULL) {
        last = m;
        if (!write_one(cw, m, &m))
            return false;
    }
    if (last != NULL && !write_prefill(cw, last))
        return false;
    jw_close(&cw->w, ']');
    return true;
}
