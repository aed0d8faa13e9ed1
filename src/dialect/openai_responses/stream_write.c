/* A stream for a client of Responses (translate-openai-anthropic.md 9.2; openai.md 7.6). Each item is announced, told in pieces and
 * said whole; the last event says everything once more. One message or reasoning item is open at a time; calls stay open until they
 * end, since those of parallel tools may interleave. */
#include "base/list.h"
#include "dialect/carrier.h"
#include "dialect/json_tree.h"
#include "dialect/openai_responses/answer_writing.h"
#include "dialect/openai_responses/hosted.h"
#include "dialect/openai_responses/openai_responses.h"

void grown_add(struct grown *g, struct sl_arena *a, struct sl_str s)
{
    if (s.n == 0)
        return;
    if (s.n > g->cap - g->n) {
        size_t cap = g->cap == 0 ? 64 : g->cap;
        while (cap - g->n < s.n)
            cap *= 2;
        char *p = sl_arena_alloc(a, cap);
        if (g->n > 0)
            memcpy(p, g->p, g->n);
        g->p = p;
        g->cap = cap;
    }
    memcpy(g->p + g->n, s.p, s.n);
    g->n += s.n;
}

struct answer_writing *answer_writing_new(struct translation *t, struct sl_buf *out, enum events_wanted events)
{
    struct answer_writing *s = SL_ARENA_NEW(t->a, struct answer_writing);
    s->t = t;
    s->w = events == WITHOUT_EVENTS ? json_writer_on(out) : json_writer_on_line(out);
    s->quiet = events == WITHOUT_EVENTS;
    s->tier = t->req != NULL ? t->req->service_tier : SL_STR_NONE;
    return s;
}

/* -- Frames of events ------------------------------------------------------------------------------------------------ */

/* False: nobody listens. */
static bool event_begin(struct answer_writing *s, const char *type)
{
    if (s->quiet)
        return false;
    struct sl_str name = sl_str_c(type);
    struct sl_buf *out = s->w.to;
    sl_buf_adds(out, s->lead);
    s->lead = SL_STR_NONE;
    sl_buf_adds(out, SL_STR("event: "));
    sl_buf_adds(out, name);
    sl_buf_adds(out, SL_STR("\ndata: "));
    s->w.comma = false;
    jw_open(&s->w, '{');
    jw_member_inside(&s->w, SL_STR("type"), name);
    jw_member_u64(&s->w, SL_STR("sequence_number"), s->sequence++);
    return true;
}

static void event_end(struct answer_writing *s)
{
    jw_close(&s->w, '}');
    sl_buf_adds(s->w.to, SL_STR("\n\n"));
}

static bool item_event_begin(struct answer_writing *s, const char *type, const struct output_item *item)
{
    if (!event_begin(s, type))
        return false;
    jw_member_inside(&s->w, SL_STR("item_id"), item->id);
    jw_member_u64(&s->w, SL_STR("output_index"), item->index);
    return true;
}

static void item_event(struct answer_writing *s, const char *type, const struct output_item *item)
{
    if (item_event_begin(s, type, item))
        event_end(s);
}

static void whole_item_event(struct answer_writing *s, const char *type, const struct output_item *item,
                             enum item_form form)
{
    if (!event_begin(s, type))
        return;
    jw_member_u64(&s->w, SL_STR("output_index"), item->index);
    jw_key(&s->w, SL_STR("item"));
    write_output_item(s, &s->w, item, form);
    event_end(s);
}

static bool part_event_begin(struct answer_writing *s, const char *type, const struct output_item *item)
{
    if (!item_event_begin(s, type, item))
        return false;
    jw_member_u64(&s->w, SL_STR("content_index"), item->n_parts - 1);
    return true;
}

static void response_event(struct answer_writing *s, const char *type, enum response_status status,
                           const struct error_facts *error)
{
    if (!event_begin(s, type))
        return;
    jw_key(&s->w, SL_STR("response"));
    write_response_object(s, &s->w, status, error);
    event_end(s);
}

static void start(struct answer_writing *s)
{
    if (s->started)
        return;
    s->started = true;
    response_event(s, "response.created", RS_IN_PROGRESS, NULL);
    response_event(s, "response.in_progress", RS_IN_PROGRESS, NULL);
}

/* -- Items begin and end --------------------------------------------------------------------------------------------- */

static const char *const id_prefixes[] = {
    [OK_MESSAGE] = "msg", [OK_REASONING] = "rs", [OK_FUNCTION] = "fc", [OK_CUSTOM] = "ctc", [OK_SEARCH] = "tsc",
    [OK_IMAGE] = "ig",    [OK_WEB] = "ws",       [OK_CODE] = "ci",     [OK_MCP] = "mcp",    [OK_RAW] = "it",
};

struct output_item *output_item_new(struct answer_writing *s, enum output_kind kind)
{
    struct output_item *item = SL_ARENA_NEW(s->t->a, struct output_item);
    item->kind = kind;
    item->index = s->n_items++;
    item->id = sl_arena_printf(s->t->a, "%s_" SL_STR_FMT "_%u", id_prefixes[kind], SL_STR_ARG(s->t->id), item->index);
    SL_APPEND(s->first, s->last, item);
    return item;
}

struct output_part *output_part_new(struct answer_writing *s, struct output_item *item)
{
    struct output_part *part = SL_ARENA_NEW(s->t->a, struct output_part);
    SL_APPEND(item->parts, item->last, part);
    item->n_parts++;
    return part;
}

void output_item_announce(struct answer_writing *s, const struct output_item *item)
{
    whole_item_event(s, "response.output_item.added", item, ITEM_SKELETON);
}

void output_item_progress(struct answer_writing *s, const struct output_item *item, const char *type)
{
    item_event(s, type, item);
}

static void close_part(struct answer_writing *s, struct output_item *item)
{
    struct output_part *part = item->last;
    if (part == NULL)
        return;
    if (part_event_begin(s, part->refusal ? "response.refusal.done" : "response.output_text.done", item)) {
        jw_member_inside(&s->w, part->refusal ? SL_STR("refusal") : SL_STR("text"), grown_str(&part->text));
        if (!part->refusal) {
            jw_key(&s->w, SL_STR("logprobs"));
            jw_open(&s->w, '[');
            if (part->logprobs.n > 0)
                jw_raw(&s->w, grown_str(&part->logprobs));
            jw_close(&s->w, ']');
        }
        event_end(s);
    }
    if (part_event_begin(s, "response.content_part.done", item)) {
        jw_key(&s->w, SL_STR("part"));
        write_output_part(&s->w, part, ITEM_WHOLE);
        event_end(s);
    }
}

static bool summary_event_begin(struct answer_writing *s, const char *type, const struct output_item *item)
{
    if (!item_event_begin(s, type, item))
        return false;
    jw_member_u64(&s->w, SL_STR("summary_index"), 0);
    return true;
}

static void summary_part_event(struct answer_writing *s, const char *type, const struct output_item *item,
                               struct sl_str text)
{
    if (!summary_event_begin(s, type, item))
        return;
    jw_key(&s->w, SL_STR("part"));
    jw_open(&s->w, '{');
    jw_member_inside(&s->w, SL_STR("type"), SL_STR("summary_text"));
    jw_member_inside(&s->w, SL_STR("text"), text);
    jw_close(&s->w, '}');
    event_end(s);
}

static void close_summary(struct answer_writing *s, struct output_item *item)
{
    if (item->text.n == 0)
        return;
    if (summary_event_begin(s, "response.reasoning_summary_text.done", item)) {
        jw_member_inside(&s->w, SL_STR("text"), grown_str(&item->text));
        event_end(s);
    }
    summary_part_event(s, "response.reasoning_summary_part.done", item, grown_str(&item->text));
}

static void write_arguments(struct answer_writing *s, struct output_item *item, struct sl_str piece)
{
    if (!item_event_begin(s,
                          item->kind == OK_CUSTOM ? "response.custom_tool_call_input.delta"
                                                  : "response.function_call_arguments.delta",
                          item))
        return;
    jw_member_inside(&s->w, SL_STR("delta"), piece);
    event_end(s);
}

static void close_call(struct answer_writing *s, struct output_item *item)
{
    bool custom = item->kind == OK_CUSTOM;
    if (item->text.n == 0 && !custom)
        write_arguments(s, item, SL_STR("{}")); /* clients add these up */
    if (!item_event_begin(s, custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
                          item))
        return;
    struct sl_str text = item->text.n > 0 ? grown_str(&item->text) : custom ? SL_STR_NONE : SL_STR("{}");
    jw_member_inside(&s->w, custom ? SL_STR("input") : SL_STR("arguments"), text);
    if (!custom)
        jw_member_inside(&s->w, SL_STR("name"), item->name);
    event_end(s);
}

static const char *progress_done(enum output_kind kind)
{
    switch (kind) {
    case OK_WEB:
        return "response.web_search_call.completed";
    case OK_CODE:
        return "response.code_interpreter_call.completed";
    case OK_MCP:
        return "response.mcp_call.completed";
    case OK_IMAGE:
        return "response.image_generation_call.completed";
    default:
        return NULL;
    }
}

void output_item_close(struct answer_writing *s, struct output_item *item)
{
    if (item->done)
        return;
    item->done = true;
    if (s->open == item)
        s->open = NULL;
    if (item->kind == OK_MESSAGE)
        close_part(s, item);
    else if (item->kind == OK_REASONING)
        close_summary(s, item);
    else if (item->kind == OK_FUNCTION || item->kind == OK_CUSTOM)
        close_call(s, item);
    else if (progress_done(item->kind) != NULL)
        item_event(s, progress_done(item->kind), item);
    whole_item_event(s, "response.output_item.done", item, ITEM_WHOLE);
}

void output_close_open(struct answer_writing *s)
{
    if (s->open != NULL)
        output_item_close(s, s->open);
}

/* -- Text ------------------------------------------------------------------------------------------------------------ */

static struct output_part *part_for(struct answer_writing *s, bool refusal)
{
    if (s->open == NULL || s->open->kind != OK_MESSAGE) {
        output_close_open(s);
        s->open = output_item_new(s, OK_MESSAGE);
        output_item_announce(s, s->open);
    }
    struct output_item *item = s->open;
    if (item->last != NULL && item->last->refusal == refusal)
        return item->last;
    close_part(s, item);
    struct output_part *part = output_part_new(s, item);
    part->refusal = refusal;
    part->from = s->chars;
    if (part_event_begin(s, "response.content_part.added", item)) {
        jw_key(&s->w, SL_STR("part"));
        write_output_part(&s->w, part, ITEM_SKELETON);
        event_end(s);
    }
    return part;
}

static void take_text(struct answer_writing *s, struct sl_str text, bool refusal)
{
    if (text.n == 0)
        return;
    struct output_part *part = part_for(s, refusal);
    s->refused = s->refused || refusal;
    grown_add(&part->text, s->t->a, text);
    uint64_t chars = json_chars(text);
    part->chars += chars;
    if (!refusal)
        s->chars += chars;
    if (!part_event_begin(s, refusal ? "response.refusal.delta" : "response.output_text.delta", s->open))
        return;
    jw_member_inside(&s->w, SL_STR("delta"), text);
    if (!refusal)
        jw_member_raw(&s->w, SL_STR("logprobs"), SL_STR("[]"));
    event_end(s);
}

static void take_logprobs(struct answer_writing *s, struct sl_str raw)
{
    struct output_item *item = s->open;
    if (raw.n <= 2 || item == NULL || item->kind != OK_MESSAGE || item->last == NULL || item->last->refusal)
        return;
    struct sl_str inner = sl_str_of(raw.p + 1, raw.n - 2);
    if (item->last->logprobs.n > 0)
        grown_add(&item->last->logprobs, s->t->a, SL_STR(","));
    grown_add(&item->last->logprobs, s->t->a, inner);
    if (!part_event_begin(s, "response.output_text.delta", item))
        return;
    jw_member_inside(&s->w, SL_STR("delta"), SL_STR_NONE);
    jw_member_raw(&s->w, SL_STR("logprobs"), raw);
    event_end(s);
}

/* The part that a citation is of: by its place in the text; the last, where that is not known. */
static struct output_part *cited_part(struct answer_writing *s, const struct neutral_citation *c,
                                      struct output_item **out_item)
{
    struct output_part *found = NULL;
    if (s->open != NULL && s->open->last != NULL && !s->open->last->refusal &&
        (c->from < 0 || (uint64_t)c->from >= s->open->last->from)) { /* as it nearly always is */
        *out_item = s->open;
        return s->open->last;
    }
    for (struct output_item *item = s->first; item != NULL; item = item->next) {
        for (struct output_part *p = item->parts; p != NULL; p = p->next) {
            if (p->refusal || (found != NULL && c->from >= 0 && p->from > (uint64_t)c->from))
                continue;
            found = p;
            *out_item = item;
        }
    }
    return found;
}

static int64_t within(const struct output_part *part, int64_t at)
{
    if (at < 0 || (uint64_t)at < part->from)
        return 0;
    uint64_t v = (uint64_t)at - part->from;
    return (int64_t)(v < part->chars ? v : part->chars);
}

static void take_citation(struct answer_writing *s, const struct neutral_citation *c)
{
    struct output_item *item = NULL;
    struct output_part *part = c->url.n > 0 ? cited_part(s, c, &item) : NULL;
    if (part == NULL)
        return;
    struct output_note *note = SL_ARENA_NEW(s->t->a, struct output_note);
    note->c = (struct neutral_citation){.url = sl_arena_str(s->t->a, c->url),
                                        .title = sl_arena_str(s->t->a, c->title),
                                        .from = within(part, c->from),
                                        .to = within(part, c->to)};
    SL_APPEND(part->notes, part->last_note, note);
    part->n_notes++;
    if (s->open != item || item->last != part || !part_event_begin(s, "response.output_text.annotation.added", item))
        return;
    jw_member_u64(&s->w, SL_STR("annotation_index"), part->n_notes - 1);
    jw_key(&s->w, SL_STR("annotation"));
    write_output_note(&s->w, note);
    event_end(s);
}

/* -- Reasoning ------------------------------------------------------------------------------------------------------- */

static struct output_item *reasoning_for(struct answer_writing *s, uint32_t block)
{
    if (s->open != NULL && s->open->kind == OK_REASONING && s->open->block == block && s->open->sealed.n == 0)
        return s->open;
    output_close_open(s);
    struct output_item *item = s->open = output_item_new(s, OK_REASONING);
    item->block = block;
    output_item_announce(s, item);
    return item;
}

static void take_thought(struct answer_writing *s, const struct neutral_event *e)
{
    if (e->text.n == 0 || !s->t->show_reasoning)
        return;
    struct output_item *item = reasoning_for(s, e->block);
    if (item->text.n == 0)
        summary_part_event(s, "response.reasoning_summary_part.added", item, SL_STR_NONE);
    grown_add(&item->text, s->t->a, e->text);
    if (!summary_event_begin(s, "response.reasoning_summary_text.delta", item))
        return;
    jw_member_inside(&s->w, SL_STR("delta"), e->text);
    event_end(s);
}

/* What a reader gave raw is wrapped, so that it comes back to nobody else. */
static struct sl_str wrapped(struct answer_writing *s, struct sl_str sealed, bool redacted)
{
    const struct dialect *up = s->t->up;
    enum carrier_vendor vendor = CARRIER_OTHER;
    if (up == s->t->face || up == NULL || sl_str_starts(sealed, SL_STR("slc1.")))
        return sl_arena_str(s->t->a, sealed);
    if (sl_str_eq(up->name, SL_STR("anthropic")))
        vendor = redacted ? CARRIER_ANTHROPIC_REDACTED : CARRIER_ANTHROPIC;
    else if (sl_str_eq(up->name, SL_STR("gemini")))
        vendor = CARRIER_GOOGLE;
    return carrier_pack(s->t->a, vendor, carrier_family(s->t->up_model), json_plain(sealed, s->t->a));
}

static void seal(struct answer_writing *s, uint32_t block, struct sl_str sealed, bool redacted)
{
    if (sealed.n == 0)
        return;
    struct output_item *item = reasoning_for(s, block);
    item->sealed = wrapped(s, sealed, redacted);
    output_item_close(s, item);
}

static void take_redacted(struct answer_writing *s, const struct neutral_event *e)
{
    output_close_open(s); /* it is a block of its own */
    seal(s, e->block, e->text, true);
}

/* A signature on a part (Gemini) seals the thoughts before it, or stands before the part by itself (translate-gemini.md 16). */
static void seal_before(struct answer_writing *s, const struct neutral_event *e)
{
    if (e->signature.n == 0)
        return;
    bool thinking = s->open != NULL && s->open->kind == OK_REASONING && s->open->sealed.n == 0;
    seal(s, thinking ? s->open->block : e->block, e->signature, false);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------- */

static const struct neutral_tool *tool_named(const struct answer_writing *s, struct sl_str name)
{
    const struct neutral_tool *tool = s->t->req != NULL ? s->t->req->tools : NULL;
    while (tool != NULL && !sl_str_eq(tool->name, name))
        tool = tool->next;
    return tool;
}

/* What the client called the tool: of its own kind, in a namespace, or a search that it runs itself. */
static struct output_item *new_call(struct answer_writing *s, const struct neutral_event *e)
{
    const struct neutral_tool *tool = tool_named(s, e->name);
    enum output_kind kind = e->custom ? OK_CUSTOM : OK_FUNCTION;
    if (tool != NULL && tool->kind == NT_FUNCTION)
        kind = sl_str_eq(tool->type, SL_STR("tool_search")) ? OK_SEARCH : OK_FUNCTION;
    else if (tool != NULL)
        kind = OK_CUSTOM;
    struct output_item *item = output_item_new(s, kind);
    item->name = sl_arena_str(s->t->a, e->name);
    if (tool != NULL && tool->space.n > 0) {
        item->space = tool->space;
        item->name = sl_str_from(item->name, tool->space.n + 2);
    }
    return item;
}

static void keep_call(struct answer_writing *s, uint32_t call, struct output_item *item)
{
    if (call >= s->cap_calls) {
        uint32_t cap = s->cap_calls == 0 ? 8 : s->cap_calls;
        while (cap <= call)
            cap *= 2;
        struct output_item **calls = sl_arena_zalloc(s->t->a, cap * sizeof(struct output_item *));
        if (s->cap_calls > 0)
            memcpy(calls, s->calls, s->cap_calls * sizeof(struct output_item *));
        s->calls = calls;
        s->cap_calls = cap;
    }
    s->calls[call] = item;
}

static void take_call(struct answer_writing *s, const struct neutral_event *e)
{
    if (e->call >= OUTPUT_CALLS_MAX || (e->call < s->cap_calls && s->calls[e->call] != NULL))
        return;
    seal_before(s, e);
    output_close_open(s);
    struct output_item *item = new_call(s, e);
    struct sl_str id = e->id.n > 0 ? names_fit(&ids_openai, e->id, s->t->a) : SL_STR_NONE;
    item->call_id = id.n > 0 ? sl_arena_str(s->t->a, id)
                             : sl_arena_printf(s->t->a, "call_" SL_STR_FMT "_%u", SL_STR_ARG(s->t->id), item->index);
    keep_call(s, e->call, item);
    output_item_announce(s, item);
}

static struct output_item *call_of(struct answer_writing *s, uint32_t call)
{
    struct output_item *item = call < s->cap_calls ? s->calls[call] : NULL;
    return item != NULL && !item->done ? item : NULL;
}

static void take_arguments(struct answer_writing *s, const struct neutral_event *e)
{
    struct output_item *item = call_of(s, e->call);
    if (item == NULL || e->text.n == 0)
        return;
    grown_add(&item->text, s->t->a, e->text);
    if (item->kind == OK_SEARCH)
        return;
    write_arguments(s, item, e->text);
}

/* -- The rest -------------------------------------------------------------------------------------------------------- */

static void take_media(struct answer_writing *s, const struct neutral_event *e)
{
    if (e->is_audio) { /* there is no place for sound, but what was said can be read */
        take_text(s, e->text, false);
        return;
    }
    seal_before(s, e);
    output_close_open(s);
    struct output_item *item = output_item_new(s, OK_IMAGE);
    item->mime = sl_arena_str(s->t->a, e->media.mime);
    item->raw = sl_arena_str(s->t->a, e->media.data);
    output_item_announce(s, item);
    output_item_close(s, item);
}

static void take_finish(struct answer_writing *s, const struct neutral_event *e)
{
    s->finish = e->finish;
    bool explained = sl_str_find(e->text, ' ') > 0; /* else it is the provider's one word */
    if (e->finish == FINISH_CONTENT_FILTER && !s->refused && explained)
        take_text(s, e->text, true);
}

static void take_output(struct answer_writing *s, const struct neutral_event *e)
{
    struct output_item *call;
    switch (e->kind) {
    case NE_TEXT:
        if (e->signature.n > 0 && s->open != NULL && s->open->kind == OK_REASONING)
            seal_before(s, e);
        take_text(s, e->text, false);
        break;
    case NE_REFUSAL:
        take_text(s, e->text, true);
        break;
    case NE_REASONING:
        take_thought(s, e);
        break;
    case NE_SIGNATURE:
        seal(s, e->block, e->text, false);
        break;
    case NE_REDACTED:
        take_redacted(s, e);
        break;
    case NE_CALL_BEGIN:
        take_call(s, e);
        break;
    case NE_CALL_ARGS:
        take_arguments(s, e);
        break;
    case NE_CALL_END:
        call = call_of(s, e->call);
        if (call != NULL)
            output_item_close(s, call);
        break;
    case NE_MEDIA:
        take_media(s, e);
        break;
    case NE_CITATION:
        take_citation(s, &e->citation);
        break;
    case NE_HOSTED:
        hosted_take(s, e);
        break;
    case NE_LOGPROBS:
        take_logprobs(s, e->raw);
        break;
    case NE_FINISH:
        take_finish(s, e);
        break;
    default:
        break;
    }
}

void answer_writing_take(struct answer_writing *s, const struct neutral_event *e)
{
    if (e->kind == NE_ERROR || e->kind == NE_DONE || e->choice > 0)
        return;
    if (e->kind == NE_PING) {
        if (!s->quiet && s->started)
            sl_buf_addc(s->w.to, '\n'); /* relay_same.h says why no comment */
        return;
    }
    if ((e->kind == NE_START || e->kind == NE_USAGE) && e->usage.found)
        s->usage = e->usage;
    if ((e->kind == NE_START || e->kind == NE_USAGE) && e->tier.n > 0)
        s->tier = sl_arena_str(s->t->a, e->tier);
    if (e->kind == NE_START && s->model.n == 0)
        s->model = sl_arena_str(s->t->a, e->model);
    start(s);
    take_output(s, e);
}

void answer_writing_close(struct answer_writing *s)
{
    if (s->open != NULL)
        s->open->incomplete = answer_is_incomplete(s);
    for (struct output_item *item = s->first; item != NULL; item = item->next)
        output_item_close(s, item);
}

/* -- The codec's --------------------------------------------------------------------------------------------------------- */

void *responses_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    return answer_writing_new(t, out, WITH_EVENTS);
}

void responses_stream_write(void *state, const struct neutral_event *e)
{
    answer_writing_take(state, e);
}

void responses_stream_write_end(void *state)
{
    struct answer_writing *s = state;
    start(s);
    answer_writing_close(s);
    response_event(s, answer_is_incomplete(s) ? "response.incomplete" : "response.completed", RS_ENDED, NULL);
}

void responses_stream_write_error(void *state, const struct error_facts *error)
{
    struct answer_writing *s = state;
    start(s);
    response_event(s, "response.failed", RS_FAILED, error);
}
