/* Messages as items (translate-openai-anthropic.md section 10). System text in front becomes `instructions`; each call, each result
 * and each run of text is an item of its own. Items have no ids: those belong to whoever stored them. */
#include "dialect/carrier.h"
#include "dialect/json_tree.h"
#include "dialect/media.h"
#include "dialect/openai_responses/openai_responses.h"
#include "dialect/openai_responses/writing.h"
#include "dialect/terms.h"

#define BILLING                                                                                                        \
    SL_STR("x-anthropic-billing-header:") /* of Claude Code: differs each time, and would break every cache */

/* Of the client's: named only when there is something to say about it. */
struct spot {
    const struct neutral_message *m;
    const struct neutral_part *p; /* NULL: the message */
};

static bool refuses_spot(struct writing *w, bool harmful, struct spot what, const char *how)
{
    return writing_refuses(w, harmful, term_part(w->req, what.m, what.p, w->t->a), how);
}

static void write_cache_mark(struct writing *w, enum neutral_cache cache)
{
    if (cache == NC_NONE || !caps_has(w->t->caps, CAP_TOP_CACHE))
        return;
    jw_member_raw(&w->w, SL_STR("prompt_cache_breakpoint"),
                  cache == NC_1H ? SL_STR("{\"mode\":\"explicit\",\"ttl\":\"12h\"}")
                                 : SL_STR("{\"mode\":\"explicit\",\"ttl\":\"30m\"}"));
}

static void write_text(struct writing *w, const struct neutral_part *p)
{
    jw_open_with(&w->w, SL_STR("{\"type\":\"input_text\",\"text\":\""), p->text);
    write_cache_mark(w, p->cache);
    jw_close(&w->w, '}');
}

/* -- Media ----------------------------------------------------------------------------------------------------------- */

static struct sl_str mime_of(const struct neutral_media *m, const char *otherwise)
{
    struct sl_str mime = media_sniff(m->data); /* the bytes know better than the label */
    if (mime.n == 0)
        mime = m->mime;
    if (mime.n == 0)
        mime = media_by_name(m->filename);
    return mime.n > 0 ? mime : sl_str_c(otherwise);
}

static void write_data_url(struct writing *w, const char *name, struct sl_str mime, struct sl_str base64)
{
    jw_key(&w->w, sl_str_c(name));
    jw_string(&w->w);
    jw_piece_plain(&w->w, SL_STR("data:"));
    jw_piece_inside(&w->w, mime);
    jw_piece_plain(&w->w, SL_STR(";base64,"));
    jw_piece_inside(&w->w, base64);
    jw_string_end(&w->w);
}

static bool is_web(struct sl_str url)
{
    return sl_str_starts_nocase(url, SL_STR("http:")) || sl_str_starts_nocase(url, SL_STR("https:"));
}

/* Whether the source can be passed on; *base64 is set for bytes. */
static bool source_fits(struct writing *w, const struct neutral_media *m, struct sl_str *base64)
{
    switch (m->source) {
    case NS_BASE64:
        *base64 = media_base64(m->data, w->t->a);
        return base64->n > 0;
    case NS_URL:
        return w->own || is_web(m->data);
    case NS_FILE_ID:
        return w->from_openai;
    case NS_TEXT:
        break;
    }
    return true;
}

static bool write_image(struct writing *w, const struct neutral_part *p, struct spot what)
{
    struct sl_str base64 = SL_STR_NONE;
    if (!caps_has(w->t->caps, CAP_IMAGES) || p->media.source == NS_TEXT || !source_fits(w, &p->media, &base64))
        return !refuses_spot(w, true, what, "");
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("input_image"));
    if (p->media.source == NS_BASE64)
        write_data_url(w, "image_url", mime_of(&p->media, "image/png"), base64);
    else
        jw_member_inside(&w->w, p->media.source == NS_URL ? SL_STR("image_url") : SL_STR("file_id"), p->media.data);
    jw_member_inside(&w->w, SL_STR("detail"), p->media.detail.n > 0 ? p->media.detail : SL_STR("auto"));
    write_cache_mark(w, p->cache);
    jw_close(&w->w, '}');
    return true;
}

static void write_text_file(struct writing *w, const struct neutral_part *p)
{
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("input_text"));
    jw_key(&w->w, SL_STR("text"));
    jw_string(&w->w);
    const struct sl_str heads[] = {p->media.filename, p->media.context};
    for (size_t i = 0; i < 2; i++) {
        jw_piece_inside(&w->w, heads[i]);
        if (heads[i].n > 0)
            jw_piece_inside(&w->w, SL_STR("\\n\\n"));
    }
    jw_piece_inside(&w->w, p->media.data);
    jw_string_end(&w->w);
    write_cache_mark(w, p->cache);
    jw_close(&w->w, '}');
}

static void write_file_bytes(struct writing *w, const struct neutral_media *m, struct sl_str base64)
{
    struct sl_str mime = mime_of(m, "application/octet-stream");
    bool pdf = sl_str_eq(mime, SL_STR("application/pdf"));
    jw_member_inside(&w->w, SL_STR("filename"), media_file_name(m->filename, pdf, w->t->a));
    write_data_url(w, "file_data", mime, base64);
}

static bool write_file(struct writing *w, const struct neutral_part *p, struct spot what)
{
    struct sl_str base64 = SL_STR_NONE;
    if (p->media.source == NS_TEXT) {
        write_text_file(w, p);
        return true;
    }
    if (!caps_has(w->t->caps, CAP_PDF) || !source_fits(w, &p->media, &base64))
        return !refuses_spot(w, true, what, "");
    if (p->media.context.n > 0)
        neutral_notef(w->t->notes, "", SL_STR_FMT ".context", SL_STR_ARG(term_part(w->req, what.m, what.p, w->t->a)));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("input_file"));
    if (p->media.source == NS_BASE64)
        write_file_bytes(w, &p->media, base64);
    else
        jw_member_inside(&w->w, p->media.source == NS_URL ? SL_STR("file_url") : SL_STR("file_id"), p->media.data);
    jw_close(&w->w, '}');
    return true;
}

/* Content of users, and of results of tools. */
static bool write_input_part(struct writing *w, const struct neutral_part *p, struct spot what)
{
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        write_text(w, p);
        return true;
    case NP_IMAGE:
        return write_image(w, p, what);
    case NP_FILE:
        return write_file(w, p, what);
    case NP_UNKNOWN:
    case NP_HOSTED:
        if (!w->own)
            break;
        jw_raw(&w->w, p->raw);
        return true;
    default:
        break;
    }
    return !refuses_spot(w, p->kind == NP_AUDIO || p->kind == NP_VIDEO || p->kind == NP_UNKNOWN, what, "");
}

/* -- Messages -------------------------------------------------------------------------------------------------------- */

static void open_message(struct writing *w, struct sl_str role, struct sl_str phase)
{
    jw_open_with(&w->w, SL_STR("{\"type\":\"message\",\"role\":\""), role);
    jw_maybe_inside(&w->w, SL_STR("phase"), phase);
    jw_key(&w->w, SL_STR("content"));
    jw_open(&w->w, '[');
}

static void close_message(struct writing *w)
{
    jw_close(&w->w, ']');
    jw_close(&w->w, '}');
}

static bool is_billing(const struct neutral_part *p)
{
    return p->kind == NP_TEXT && sl_str_starts(p->text, BILLING);
}

static bool refuses_name(struct writing *w, const struct neutral_message *m)
{
    if (m->name.n == 0)
        return false;
    struct sl_str place = term_message(w->req, m, w->t->a);
    return writing_refuses(w, false, sl_arena_printf(w->t->a, SL_STR_FMT ".name", SL_STR_ARG(place)), "");
}

static bool write_input_message(struct writing *w, const struct neutral_message *m, struct sl_str role)
{
    if (m->parts == NULL)
        return true;
    open_message(w, role, SL_STR_NONE);
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (!is_billing(p) && !write_input_part(w, p, (struct spot){m, p}))
            return false;
    close_message(w);
    return !refuses_name(w, m);
}

/* -- The assistant's items ------------------------------------------------------------------------------------------- */

struct run {
    bool open;                          /* a message item is being written */
    const struct neutral_part *waiting; /* reasoning, until the item that it led to */
};

/* The family in a carrier is spelled with '_' for what is no letter, digit or dash. */
static bool same_family(struct translation *t, struct sl_str family)
{
    struct carrier c =
        carrier_unpack(t->a, carrier_pack(t->a, CARRIER_OPENAI, carrier_family(t->up_model), SL_STR("-")));
    return sl_str_eq(c.family, family);
}

/* The item's id and encrypted content, when it is of this vendor and family. */
static bool own_reasoning(struct writing *w, const struct neutral_part *p, struct sl_str *id, struct sl_str *encrypted)
{
    struct sl_str text = p->encrypted.n > 0 ? p->encrypted : p->signature;
    struct carrier c = carrier_unpack(w->t->a, text);
    if (c.vendor == CARRIER_NONE) {
        *id = p->id;
        *encrypted = text;
        return w->own && (text.n > 0 || p->text.n > 0);
    }
    if (c.vendor != CARRIER_OPENAI || !same_family(w->t, c.family) || !sl_utf8_valid(c.payload))
        return false;
    struct sl_str rest = c.payload;
    *id = json_escape(sl_str_cut(&rest, '\n'), w->t->a);
    *encrypted = json_escape(rest, w->t->a);
    return rest.n > 0;
}

static void write_reasoning(struct writing *w, const struct neutral_part *p)
{
    struct sl_str id = SL_STR_NONE, encrypted = SL_STR_NONE;
    if (p->kind != NP_REASONING || !own_reasoning(w, p, &id, &encrypted))
        return;
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("reasoning"));
    jw_maybe_inside(&w->w, SL_STR("id"), id);
    jw_key(&w->w, SL_STR("summary"));
    jw_open(&w->w, '[');
    if (p->text.n > 0) {
        jw_open(&w->w, '{');
        jw_member_inside(&w->w, SL_STR("type"), SL_STR("summary_text"));
        jw_member_inside(&w->w, SL_STR("text"), p->text);
        jw_close(&w->w, '}');
    }
    jw_close(&w->w, ']');
    jw_maybe_inside(&w->w, SL_STR("encrypted_content"), encrypted);
    jw_close(&w->w, '}');
}

static void end_message(struct writing *w, struct run *run)
{
    if (run->open)
        close_message(w);
    run->open = false;
}

/* Reasoning must be followed by what it led to (section 10): it is written with that, or not at all. */
static void flush_reasoning(struct writing *w, struct run *run, const struct neutral_part *before)
{
    if (run->waiting == NULL)
        return;
    end_message(w, run);
    for (const struct neutral_part *p = run->waiting; p != before; p = p->next)
        write_reasoning(w, p);
    run->waiting = NULL;
}

static void write_said(struct writing *w, struct run *run, const struct neutral_message *m,
                       const struct neutral_part *p)
{
    if (p->text.n == 0 && !w->own)
        return;
    flush_reasoning(w, run, p);
    if (!run->open)
        open_message(w, SL_STR("assistant"), m->phase);
    run->open = true;
    bool refusal = p->kind == NP_REFUSAL;
    jw_open_with(&w->w,
                 refusal ? SL_STR("{\"type\":\"refusal\",\"refusal\":\"")
                         : SL_STR("{\"type\":\"output_text\",\"text\":\""),
                 p->text);
    if (!refusal && w->own)
        jw_maybe_raw(&w->w, SL_STR("annotations"), p->citations);
    jw_close(&w->w, '}');
}

static void write_call(struct writing *w, struct run *run, const struct neutral_part *p)
{
    struct sl_str id = names_fit(&ids_openai, p->id, w->t->a);
    flush_reasoning(w, run, p);
    end_message(w, run);
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), p->custom ? SL_STR("custom_tool_call") : SL_STR("function_call"));
    jw_member_inside(&w->w, SL_STR("call_id"), id);
    jw_member_inside(&w->w, SL_STR("name"), names_out(&w->t->names, &names_openai, p->name, w->t->a));
    if (p->custom)
        jw_member_inside(&w->w, SL_STR("input"), p->text);
    else
        jw_member_plain(&w->w, SL_STR("arguments"), p->arguments.n > 0 ? p->arguments : SL_STR("{}"));
    jw_close(&w->w, '}');
    if (p->custom)
        sl_map_put(&w->custom, id, (void *)(uintptr_t)p);
}

static bool write_foreign(struct writing *w, struct run *run, const struct neutral_part *p, struct spot what)
{
    if (w->own && p->raw.n > 0) {
        flush_reasoning(w, run, p);
        end_message(w, run);
        jw_raw(&w->w, p->raw);
        return true;
    }
    run->waiting = NULL; /* what it led to is not there */
    return !refuses_spot(w, false, what, "");
}

static bool write_assistant(struct writing *w, const struct neutral_message *m)
{
    struct run run = {.open = false};
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind == NP_REASONING)
            run.waiting = run.waiting != NULL ? run.waiting : p;
        else if (p->kind == NP_TEXT || p->kind == NP_REFUSAL)
            write_said(w, &run, m, p);
        else if (p->kind == NP_TOOL_CALL)
            write_call(w, &run, p);
        else if (!write_foreign(w, &run, p, (struct spot){m, p}))
            return false;
    }
    if (w->own)
        flush_reasoning(w, &run, NULL);
    end_message(w, &run);
    return !refuses_name(w, m);
}

/* -- Results --------------------------------------------------------------------------------------------------------- */

/* A flag is not sayable: it becomes a word, where the text does not say it already. */
static void mark_error(struct writing *w, const struct neutral_part *p, struct sl_str text)
{
    if (p->is_error && !sl_str_starts_nocase(text, SL_STR("error")))
        jw_piece_plain(&w->w, SL_STR("Error: "));
}

static void write_output_string(struct writing *w, const struct neutral_part *p)
{
    struct sl_str text = p->content != NULL ? p->content->text : SL_STR_NONE;
    jw_string(&w->w);
    mark_error(w, p, text);
    if (p->content == NULL && p->raw.n > 0)
        jw_piece_plain(&w->w, p->raw);
    jw_piece_inside(&w->w, text);
    jw_string_end(&w->w);
}

static bool write_output_list(struct writing *w, const struct neutral_part *p, struct spot what)
{
    jw_open(&w->w, '[');
    if (p->is_error) {
        const struct neutral_part mark = {.kind = NP_TEXT, .text = SL_STR("Error:")};
        write_text(w, &mark);
    }
    for (const struct neutral_part *c = p->content; c != NULL; c = c->next)
        if (!write_input_part(w, c, (struct spot){what.m, c}))
            return false;
    jw_close(&w->w, ']');
    return true;
}

static bool write_result(struct writing *w, const struct neutral_part *p, struct spot what)
{
    if (p->kind != NP_TOOL_RESULT)
        return !refuses_spot(w, false, what, "");
    struct sl_str id = names_fit(&ids_openai, p->id, w->t->a);
    bool custom = p->custom || sl_map_get(&w->custom, id) != NULL;
    bool is_string = p->content == NULL ||
                     (p->content->next == NULL && p->content->kind == NP_TEXT && p->content->cache == NC_NONE);
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"),
                     custom ? SL_STR("custom_tool_call_output") : SL_STR("function_call_output"));
    jw_member_inside(&w->w, SL_STR("call_id"), id);
    jw_key(&w->w, SL_STR("output"));
    if (is_string)
        write_output_string(w, p);
    else if (!write_output_list(w, p, what))
        return false;
    jw_close(&w->w, '}');
    return true;
}

static bool write_results(struct writing *w, const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (!write_result(w, p, (struct spot){m, p}))
            return false;
    return true;
}

/* -- System text and the list ---------------------------------------------------------------------------------------- */

static bool is_system(const struct neutral_message *m)
{
    return m->role == NR_SYSTEM || m->role == NR_DEVELOPER;
}

static bool can_be_instructions(const struct writing *w, const struct neutral_message *m)
{
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (p->kind != NP_TEXT || (p->cache != NC_NONE && caps_has(w->t->caps, CAP_TOP_CACHE)))
            return false;
    return is_system(m) && m->name.n == 0;
}

/* The first message that is not in `instructions`. There goes what a format with a place for system text put there, and the one
 * system message of a chat client; several of these stay items, each where it stood (openai.md 7.9). */
static const struct neutral_message *behind_instructions(const struct writing *w)
{
    const struct neutral_message *first = w->req->messages, *end = first;
    uint32_t n = 0;
    for (; end != NULL && can_be_instructions(w, end); end = end->next)
        n++;
    bool more = end != NULL && is_system(end);
    if (w->own)
        return n > 0 && first->role == NR_SYSTEM ? first->next : first;
    if (w->from_openai)
        return n == 1 && !more ? end : first;
    return more ? first : end;
}

static void write_instructions(struct writing *w, const struct neutral_message *end)
{
    bool any = false;
    bool json = w->req->format == NF_JSON_OBJECT && !w->from_openai; /* which must be named (openai.md 6.5) */
    for (const struct neutral_message *m = w->req->messages; m != end; m = m->next) {
        for (const struct neutral_part *p = m->parts; p != NULL; p = p->next) {
            if (is_billing(p) || p->text.n == 0)
                continue;
            if (!any) {
                jw_key(&w->w, SL_STR("instructions"));
                jw_string(&w->w);
            } else {
                jw_piece_inside(&w->w, SL_STR("\\n\\n"));
            }
            jw_piece_inside(&w->w, p->text);
            any = true;
        }
    }
    if (json && !any) {
        jw_key(&w->w, SL_STR("instructions"));
        jw_string(&w->w);
    }
    if (json)
        jw_piece_inside(&w->w, any ? SL_STR("\\n\\nAnswer with JSON.") : SL_STR("Answer with JSON."));
    if (any || json)
        jw_string_end(&w->w);
}

static struct sl_str system_role(const struct writing *w, const struct neutral_message *m, bool between)
{
    bool developer = m->role == NR_DEVELOPER || (between && !w->from_openai);
    return developer && caps_has(w->t->caps, CAP_DEVELOPER) ? SL_STR("developer") : SL_STR("system");
}

static bool write_message(struct writing *w, const struct neutral_message *m, bool between)
{
    switch (m->role) {
    case NR_SYSTEM:
    case NR_DEVELOPER:
        return write_input_message(w, m, system_role(w, m, between));
    case NR_USER:
        return write_input_message(w, m, SL_STR("user"));
    case NR_ASSISTANT:
        return write_assistant(w, m);
    case NR_TOOL:
        break;
    }
    return write_results(w, m);
}

/* An assistant's text at the end is a beginning to go on from for Anthropic and Gemini; OpenAI's models begin anew. */
static bool refuses_prefill(struct writing *w, const struct neutral_message *last)
{
    bool said = false;
    if (w->from_openai || last == NULL || last->role != NR_ASSISTANT)
        return false;
    for (const struct neutral_part *p = last->parts; p != NULL; p = p->next)
        said = (said || (p->kind == NP_TEXT && p->text.n > 0)) && p->kind != NP_TOOL_CALL;
    return said && refuses_spot(w, false, (struct spot){last, NULL}, "not continued");
}

bool writing_input(struct writing *w)
{
    const struct neutral_message *m = behind_instructions(w), *last = NULL;
    bool between = false;
    write_instructions(w, m);
    jw_key(&w->w, SL_STR("input"));
    jw_open(&w->w, '[');
    for (; m != NULL; m = m->next) {
        if (!write_message(w, m, between))
            return false;
        between = between || !is_system(m);
        last = m;
    }
    jw_close(&w->w, ']');
    return !refuses_prefill(w, last);
}
