/* What answers are made of, as events: see answer_reading.h. Sources: openai.md 7.3, 7.5; translate-openai-anthropic.md 11, 13, 15. */
#include "dialect/openai_responses/answer_reading.h"

#include "dialect/carrier.h"
#include "dialect/media.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_responses/openai_responses.h"

static void drop_scratch(void *arg)
{
    struct answer_reading *r = arg;
    sl_arena_done(&r->scratch);
}

struct answer_reading *answer_reading_new(struct translation *t)
{
    struct answer_reading *r = SL_ARENA_NEW(t->a, struct answer_reading);
    r->t = t;
    sl_arena_init(&r->scratch, t->a->cache);
    sl_arena_on_drop(t->a, drop_scratch, r);
    if (t->stops_kept_back > 0)
        stop_match_init(&r->stops, t->req->stops, t->req->n_stops, t->a);
    return r;
}

static bool is_output(enum neutral_event_kind kind)
{
    return kind != NE_START && kind != NE_USAGE && kind != NE_FINISH && kind != NE_PING && kind != NE_ERROR &&
           kind != NE_DONE;
}

static void flush_held(struct answer_reading *r)
{
    struct sl_str held = stop_match_rest(&r->stops, &r->scratch);
    if (held.n > 0)
        neutral_put(r->to, &(struct neutral_event){.kind = NE_TEXT, .block = r->held_block, .text = held});
}

void answer_put(struct answer_reading *r, const struct neutral_event *e)
{
    if (is_output(e->kind) && r->stops.met)
        return;
    bool aside = e->kind == NE_PING || e->kind == NE_START || e->kind == NE_LOGPROBS || e->kind == NE_CITATION;
    if (!aside && (e->kind != NE_TEXT || e->block != r->held_block))
        flush_held(r);
    if (e->kind != NE_TEXT) {
        neutral_put(r->to, e);
        return;
    }
    struct neutral_event text = *e;
    r->held_block = e->block;
    stop_match_feed(&r->stops, e->text, &r->scratch, &text.text);
    if (text.text.n > 0)
        neutral_put(r->to, &text);
}

struct answer_item *answer_item_at(struct answer_reading *r, uint64_t index)
{
    if (index >= ANSWER_ITEMS_MAX)
        return NULL;
    if (index >= r->cap_items) {
        uint32_t cap = r->cap_items == 0 ? 8 : r->cap_items;
        while (cap <= index)
            cap *= 2;
        struct answer_item **items = sl_arena_zalloc(r->t->a, cap * sizeof(struct answer_item *));
        if (r->cap_items > 0)
            memcpy(items, r->items, r->cap_items * sizeof(struct answer_item *));
        r->items = items;
        r->cap_items = cap;
    }
    if (r->items[index] == NULL)
        r->items[index] = SL_ARENA_NEW(r->t->a, struct answer_item);
    if (index >= r->n_items)
        r->n_items = (uint32_t)index + 1;
    r->current = (uint32_t)index;
    return r->items[index];
}

struct answer_part *answer_part_at(struct answer_reading *r, struct answer_item *item, uint64_t index)
{
    if (index >= ANSWER_PARTS_MAX)
        return NULL;
    if (index >= item->cap_parts) {
        uint32_t cap = item->cap_parts == 0 ? 2 : item->cap_parts;
        while (cap <= index)
            cap *= 2;
        struct answer_part *parts = sl_arena_zalloc(r->t->a, cap * sizeof *parts);
        if (item->cap_parts > 0)
            memcpy(parts, item->parts, item->cap_parts * sizeof *parts);
        item->parts = parts;
        item->cap_parts = cap;
    }
    if (index >= item->n_parts)
        item->n_parts = (uint32_t)index + 1;
    return &item->parts[index];
}

void answer_start(struct answer_reading *r, const struct json_node *response)
{
    if (r->started)
        return;
    r->started = true;
    answer_put(r, &(struct neutral_event){.kind = NE_START,
                                          .id = json_get_inside(&r->tree, response, SL_STR("id")),
                                          .model = json_get_inside(&r->tree, response, SL_STR("model")),
                                          .tier = json_get_inside(&r->tree, response, SL_STR("service_tier"))});
}

/* -- Text ------------------------------------------------------------------------------------------------------------ */

void answer_text(struct answer_reading *r, struct answer_part *part, enum neutral_event_kind kind, struct sl_str text)
{
    if (text.n == 0)
        return;
    if (!part->begun) {
        part->begun = true;
        part->block = r->blocks++;
        part->from = r->chars;
    }
    if (kind == NE_TEXT)
        r->chars += json_chars(text);
    answer_put(r, &(struct neutral_event){.kind = kind, .block = part->block, .text = text});
}

void answer_logprobs(struct answer_reading *r, const struct json_node *of)
{
    const struct json_node *list = json_got(&r->tree, of, SL_STR("logprobs"));
    if (json_kind_of(list) == JSON_ARRAY && list->children > 0)
        answer_put(r, &(struct neutral_event){.kind = NE_LOGPROBS, .raw = json_raw_of(&r->tree, list)});
}

static int64_t offset_of(struct answer_reading *r, const struct json_node *annotation, const char *name, uint64_t from)
{
    uint64_t v = 0;
    if (!json_u64_of(&r->tree, json_get(&r->tree, annotation, sl_str_c(name)), &v) || v > UINT32_MAX)
        return -1;
    return (int64_t)(from + v);
}

void answer_annotation(struct answer_reading *r, struct answer_part *part, const struct json_node *annotation)
{
    part->noted = true;
    struct neutral_event e = {.kind = NE_CITATION, .block = part->block};
    e.citation.url = json_get_inside(&r->tree, annotation, SL_STR("url"));
    e.citation.title = json_get_inside(&r->tree, annotation, SL_STR("title"));
    if (e.citation.title.n == 0)
        e.citation.title = json_get_inside(&r->tree, annotation, SL_STR("filename"));
    e.citation.from = offset_of(r, annotation, "start_index", part->from);
    e.citation.to = offset_of(r, annotation, "end_index", part->from);
    if (e.citation.url.n > 0 || e.citation.title.n > 0)
        answer_put(r, &e);
}

static bool message_done(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    uint64_t i = 0;
    for (JSON_EACH(&r->tree, json_got(&r->tree, v, SL_STR("content")), it)) {
        struct answer_part *part = answer_part_at(r, item, i++);
        if (part == NULL)
            return false;
        const struct json_node *notes = json_got(&r->tree, it, SL_STR("annotations"));
        bool told = part->begun, noted = part->noted;
        if (!told) {
            answer_text(r, part, NE_TEXT, json_get_inside(&r->tree, it, SL_STR("text")));
            answer_text(r, part, NE_REFUSAL, json_get_inside(&r->tree, it, SL_STR("refusal")));
            answer_logprobs(r, it);
        }
        for (const struct json_node *note = noted ? NULL : json_child(notes); note != NULL;
             note = json_sibling(&r->tree, note))
            answer_annotation(r, part, note);
    }
    return true;
}

/* -- Reasoning ------------------------------------------------------------------------------------------------------- */

static void reasoning_begin(struct answer_reading *r, struct answer_item *item)
{
    if (!item->begun)
        item->block = r->blocks++;
    item->begun = true;
}

void answer_thought(struct answer_reading *r, struct answer_item *item, enum answer_thought form, uint64_t part,
                    struct sl_str text)
{
    if (text.n == 0 || (item->thought != THOUGHT_NONE && item->thought != form))
        return;
    reasoning_begin(r, item);
    struct neutral_event e = {.kind = NE_REASONING, .block = item->block};
    if (item->saw_thought && item->thought_part != part) {
        e.text = SL_STR("\\n\\n");
        answer_put(r, &e);
    }
    item->thought = form;
    item->thought_part = part;
    item->saw_thought = true;
    e.text = text;
    answer_put(r, &e);
}

static void whole_thoughts(struct answer_reading *r, struct answer_item *item, const struct json_node *v,
                           enum answer_thought form)
{
    bool summary = form == THOUGHT_SUMMARY;
    uint64_t i = 0;
    for (JSON_EACH(&r->tree, json_got(&r->tree, v, summary ? SL_STR("summary") : SL_STR("content")), it))
        answer_thought(r, item, form, i++, json_get_inside(&r->tree, it, SL_STR("text")));
}

/* Clients of other formats get the item's id and what is encrypted in one carrier. */
static void reasoning_signature(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    struct sl_str encrypted = json_get_inside(&r->tree, v, SL_STR("encrypted_content"));
    struct sl_str id = json_get_inside(&r->tree, v, SL_STR("id"));
    if (encrypted.n == 0)
        return;
    struct sl_arena *a = &r->scratch;
    struct neutral_event e = {.kind = NE_SIGNATURE, .text = encrypted, .id = id};
    if (r->t->face != &openai_responses_dialect) {
        struct sl_str plain_id = json_plain(id, a), plain = json_plain(encrypted, a);
        char *both = sl_arena_alloc(a, plain_id.n + 1 + plain.n);
        if (plain_id.n > 0)
            memcpy(both, plain_id.p, plain_id.n);
        both[plain_id.n] = '\n';
        memcpy(both + plain_id.n + 1, plain.p, plain.n);
        e.text =
            carrier_pack(a, CARRIER_OPENAI, carrier_family(r->t->up_model), sl_str_of(both, plain_id.n + 1 + plain.n));
    }
    reasoning_begin(r, item);
    e.block = item->block;
    answer_put(r, &e);
}

static void reasoning_done(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    if (!item->saw_thought) {
        whole_thoughts(r, item, v, THOUGHT_SUMMARY);
        whole_thoughts(r, item, v, THOUGHT_FULL);
    }
    reasoning_signature(r, item, v);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------- */

static bool is_type(struct answer_reading *r, const struct json_node *v, const char *type)
{
    return json_text_is(&r->tree, json_get(&r->tree, v, SL_STR("type")), sl_str_c(type));
}

void answer_call_begin(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    struct sl_str name = json_ident(json_get_inside(&r->tree, v, SL_STR("name")), &r->scratch);
    struct sl_str id = json_ident(json_get_inside(&r->tree, v, SL_STR("call_id")), &r->scratch);
    if (item->begun || name.n == 0)
        return;
    if (id.n == 0)
        id = json_ident(json_get_inside(&r->tree, v, SL_STR("id")), &r->scratch);
    item->begun = true;
    item->call = r->calls++;
    item->block = r->blocks++;
    answer_put(r, &(struct neutral_event){.kind = NE_CALL_BEGIN,
                                          .block = item->block,
                                          .call = item->call,
                                          .id = id,
                                          .name = names_back(&r->t->names, name),
                                          .custom = is_type(r, v, "custom_tool_call")});
}

void answer_arguments(struct answer_reading *r, struct answer_item *item, struct sl_str inside)
{
    if (!item->begun || inside.n == 0)
        return;
    item->saw_arguments = true;
    answer_put(r,
               &(struct neutral_event){.kind = NE_CALL_ARGS, .block = item->block, .call = item->call, .text = inside});
}

static bool call_done(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    answer_call_begin(r, item, v);
    if (!item->begun) /* a call of nothing */
        return false;
    const struct json_node *arguments = json_got(&r->tree, v, SL_STR("arguments"));
    struct sl_str text = json_get_inside(&r->tree, v, SL_STR("input"));
    if (json_kind_of(arguments) == JSON_STRING)
        text = json_inside_of(&r->tree, arguments);
    else if (json_kind_of(arguments) == JSON_OBJECT) /* servers that forget that it is a string */
        text = json_escape(json_raw_of(&r->tree, arguments), &r->scratch);
    if (!item->saw_arguments)
        answer_arguments(r, item, text);
    answer_put(r, &(struct neutral_event){.kind = NE_CALL_END, .block = item->block, .call = item->call});
    return true;
}

/* -- Tools of the provider ------------------------------------------------------------------------------------------- */

static struct sl_str image_mime(struct answer_reading *r, const struct json_node *v, struct sl_str data)
{
    struct sl_str format = json_get_inside(&r->tree, v, SL_STR("output_format"));
    struct sl_str mime = media_sniff(data);
    if (mime.n > 0 || format.n == 0)
        return mime.n > 0 ? mime : SL_STR("image/png");
    return sl_arena_printf(&r->scratch, "image/" SL_STR_FMT, SL_STR_ARG(format));
}

static void other_done(struct answer_reading *r, const struct json_node *v)
{
    struct sl_str result = json_get_inside(&r->tree, v, SL_STR("result"));
    struct neutral_event e = {.block = r->blocks++, .id = json_get_inside(&r->tree, v, SL_STR("id"))};
    if (result.n > 0 && is_type(r, v, "image_generation_call")) {
        e.kind = NE_MEDIA;
        e.media = (struct neutral_media){.source = NS_BASE64, .data = result, .mime = image_mime(r, v, result)};
    } else {
        e.kind = NE_HOSTED;
        e.type = json_get_inside(&r->tree, v, SL_STR("type"));
        e.raw = json_raw_of(&r->tree, v);
    }
    answer_put(r, &e);
}

enum answer_item_kind answer_item_kind_of(struct answer_reading *r, const struct json_node *v)
{
    if (is_type(r, v, "message"))
        return AI_MESSAGE;
    if (is_type(r, v, "reasoning"))
        return AI_REASONING;
    return is_type(r, v, "function_call") || is_type(r, v, "custom_tool_call") ? AI_CALL : AI_OTHER;
}

bool answer_item_done(struct answer_reading *r, struct answer_item *item, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT)
        return false;
    if (item->done)
        return true;
    item->done = true;
    if (item->kind == AI_UNKNOWN)
        item->kind = answer_item_kind_of(r, v);
    switch (item->kind) {
    case AI_MESSAGE:
        return message_done(r, item, v);
    case AI_REASONING:
        reasoning_done(r, item, v);
        return true;
    case AI_CALL:
        return call_done(r, item, v);
    case AI_UNKNOWN:
    case AI_OTHER:
        break;
    }
    other_done(r, v);
    return true;
}

/* -- The end --------------------------------------------------------------------------------------------------------- */

/* Statuses that the codes of a failed run stand for (openai.md 2.2, 2.4). */
static int status_of(struct sl_str code)
{
    static const struct {
        struct sl_str code;
        int status;
    } rows[] = {
        {SL_STR_INIT("server_error"), 500},
        {SL_STR_INIT("rate_limit_exceeded"), 429},
        {SL_STR_INIT("insufficient_quota"), 429},
        {SL_STR_INIT("slow_down"), 429},
        {SL_STR_INIT("server_is_overloaded"), 503},
        {SL_STR_INIT("vector_store_timeout"), 504},
        {SL_STR_INIT("context_length_exceeded"), 400},
        {SL_STR_INIT("invalid_prompt"), 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].code, code))
            return rows[i].status;
    return 0;
}

void answer_error(struct answer_reading *r, const struct json_node *error)
{
    if (r->failed)
        return;
    r->failed = r->over = true;
    struct neutral_event e = {.kind = NE_ERROR};
    e.error.type = json_get_inside(&r->tree, error, SL_STR("type"));
    if (sl_str_eq(e.error.type, SL_STR("error"))) /* the flat form: the event's type */
        e.error.type = SL_STR_NONE;
    e.error.code = json_get_inside(&r->tree, error, SL_STR("code"));
    e.error.message = json_kind_of(error) == JSON_STRING ? json_inside_of(&r->tree, error)
                                                         : json_get_inside(&r->tree, error, SL_STR("message"));
    e.error.param = json_get_inside(&r->tree, error, SL_STR("param"));
    e.error.status = status_of(e.error.code);
    answer_put(r, &e);
}

static void put_usage(struct answer_reading *r, const struct json_node *response)
{
    const struct json_node *usage = json_got(&r->tree, response, SL_STR("usage"));
    struct neutral_event e = {.kind = NE_USAGE, .tier = json_get_inside(&r->tree, response, SL_STR("service_tier"))};
    if (json_kind_of(usage) != JSON_OBJECT)
        return;
    openai_usage_read(json_raw_of(&r->tree, usage), &e.usage);
    if (e.usage.found)
        answer_put(r, &e);
}

static void put_finish(struct answer_reading *r, const struct json_node *response, bool incomplete)
{
    static const struct {
        struct sl_str reason;
        enum neutral_finish finish;
    } rows[] = {{SL_STR_INIT("max_output_tokens"), FINISH_LENGTH},
                {SL_STR_INIT("max_tokens"), FINISH_LENGTH}, /* compatible servers */
                {SL_STR_INIT("content_filter"), FINISH_CONTENT_FILTER}};
    struct neutral_event e = {.kind = NE_FINISH, .finish = r->calls > 0 ? FINISH_TOOL_CALLS : FINISH_STOP};
    if (incomplete) {
        const struct json_node *details = json_got(&r->tree, response, SL_STR("incomplete_details"));
        e.text = json_get_inside(&r->tree, details, SL_STR("reason"));
        e.finish = e.text.n > 0 ? FINISH_OTHER : FINISH_LENGTH;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (sl_str_eq(rows[i].reason, e.text))
                e.finish = rows[i].finish;
    }
    if (r->stops.met) {
        e.finish = FINISH_STOP_SEQUENCE;
        e.text = SL_STR_NONE;
        e.stop_sequence = r->t->req->stops[r->stops.which];
    }
    answer_put(r, &e);
}

void answer_end(struct answer_reading *r, const struct json_node *response, bool incomplete)
{
    static const char *const not_whole[] = {"failed", "cancelled", "in_progress", "queued"};
    const struct json_node *status = json_get(&r->tree, response, SL_STR("status"));
    const struct json_node *error = json_got(&r->tree, response, SL_STR("error"));
    put_usage(r, response);
    for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++) {
        if (error == NULL && !json_text_is(&r->tree, status, sl_str_c(not_whole[i])))
            continue;
        answer_error(r, error);
        return;
    }
    put_finish(r, response, incomplete || json_text_is(&r->tree, status, SL_STR("incomplete")));
    r->over = true;
}
