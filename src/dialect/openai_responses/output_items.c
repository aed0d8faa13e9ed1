/* Items of an answer, as JSON (openai.md 7.3). */
#include "dialect/json_tree.h"
#include "dialect/openai_responses/answer_writing.h"

void write_output_note(struct json_writer *w, const struct output_note *note)
{
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("url_citation"));
    jw_member_inside(w, SL_STR("url"), note->c.url);
    jw_member_inside(w, SL_STR("title"), note->c.title);
    jw_member_u64(w, SL_STR("start_index"), (uint64_t)note->c.from);
    jw_member_u64(w, SL_STR("end_index"), (uint64_t)note->c.to);
    jw_close(w, '}');
}

void write_output_part(struct json_writer *w, const struct output_part *part, enum item_form form)
{
    struct sl_str text = form == ITEM_WHOLE ? grown_str(&part->text) : SL_STR_NONE;
    if (part->raw.n > 0) {
        jw_raw(w, part->raw);
        return;
    }
    jw_open(w, '{');
    if (part->refusal) {
        jw_member_inside(w, SL_STR("type"), SL_STR("refusal"));
        jw_member_inside(w, SL_STR("refusal"), text);
        jw_close(w, '}');
        return;
    }
    jw_member_inside(w, SL_STR("type"), SL_STR("output_text"));
    jw_member_inside(w, SL_STR("text"), text);
    jw_key(w, SL_STR("annotations"));
    jw_open(w, '[');
    if (form == ITEM_WHOLE && part->raw_notes.n > 0)
        jw_raw(w, grown_str(&part->raw_notes));
    for (const struct output_note *n = form == ITEM_WHOLE ? part->notes : NULL; n != NULL; n = n->next)
        write_output_note(w, n);
    jw_close(w, ']');
    jw_key(w, SL_STR("logprobs"));
    jw_open(w, '[');
    if (form == ITEM_WHOLE && part->logprobs.n > 0)
        jw_raw(w, grown_str(&part->logprobs));
    jw_close(w, ']');
    jw_close(w, '}');
}

/* -- What each kind has ---------------------------------------------------------------------------------------------- */

static void write_message(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    jw_member_inside(w, SL_STR("role"), SL_STR("assistant"));
    jw_key(w, SL_STR("content"));
    jw_open(w, '[');
    for (const struct output_part *p = form == ITEM_WHOLE ? item->parts : NULL; p != NULL; p = p->next)
        write_output_part(w, p, ITEM_WHOLE);
    jw_close(w, ']');
}

static void write_reasoning(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    jw_key(w, SL_STR("summary"));
    jw_open(w, '[');
    if (form == ITEM_WHOLE && item->text.n > 0) {
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("type"), SL_STR("summary_text"));
        jw_member_inside(w, SL_STR("text"), grown_str(&item->text));
        jw_close(w, '}');
    }
    jw_close(w, ']');
    if (form == ITEM_WHOLE && item->sealed.n > 0)
        jw_member_inside(w, SL_STR("encrypted_content"), item->sealed);
}

static struct sl_str whole_text(const struct output_item *item, enum item_form form, struct sl_str otherwise)
{
    if (form == ITEM_SKELETON)
        return SL_STR_NONE;
    return item->text.n > 0 ? grown_str(&item->text) : otherwise;
}

static void write_call(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    jw_member_inside(w, SL_STR("call_id"), item->call_id);
    jw_member_inside(w, SL_STR("name"), item->name);
    jw_maybe_inside(w, SL_STR("namespace"), item->space);
    if (item->kind == OK_CUSTOM)
        jw_member_inside(w, SL_STR("input"), whole_text(item, form, SL_STR_NONE));
    else
        jw_member_inside(w, SL_STR("arguments"), whole_text(item, form, SL_STR("{}")));
}

/* Its arguments are an object, not the text of one. */
static void write_search(struct answer_writing *s, struct json_writer *w, const struct output_item *item,
                         enum item_form form)
{
    struct sl_str raw = json_plain(whole_text(item, form, SL_STR("{}")), s->t->a);
    jw_member_inside(w, SL_STR("call_id"), item->call_id);
    jw_member_inside(w, SL_STR("execution"), SL_STR("client"));
    jw_member_raw(w, SL_STR("arguments"), json_is(raw, JSON_OBJECT) ? raw : SL_STR("{}"));
}

static void write_web(struct json_writer *w, const struct output_item *item)
{
    jw_key(w, SL_STR("action"));
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("search"));
    jw_member_inside(w, SL_STR("query"), grown_str(&item->text));
    jw_close(w, '}');
}

static void write_code(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    jw_member_inside(w, SL_STR("code"), grown_str(&item->text));
    jw_member_plain(w, SL_STR("container_id"), SL_STR(""));
    jw_key(w, SL_STR("outputs"));
    if (form == ITEM_SKELETON || item->output.n == 0) {
        jw_null(w);
        return;
    }
    jw_open(w, '[');
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("logs"));
    jw_member_inside(w, SL_STR("logs"), grown_str(&item->output));
    jw_close(w, '}');
    jw_close(w, ']');
}

static void write_mcp(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    jw_member_inside(w, SL_STR("server_label"), item->space);
    jw_member_inside(w, SL_STR("name"), item->name);
    jw_member_inside(w, SL_STR("arguments"), grown_str(&item->text));
    if (form == ITEM_WHOLE && item->output.n > 0)
        jw_member_inside(w, SL_STR("output"), grown_str(&item->output));
    else
        jw_member_null(w, SL_STR("output"));
    jw_member_null(w, SL_STR("error"));
}

static void write_image(struct json_writer *w, const struct output_item *item, enum item_form form)
{
    struct sl_str format = sl_str_starts(item->mime, SL_STR("image/")) ? sl_str_from(item->mime, 6) : SL_STR("png");
    if (form == ITEM_SKELETON)
        jw_member_null(w, SL_STR("result"));
    else
        jw_member_inside(w, SL_STR("result"), item->raw);
    jw_member_inside(w, SL_STR("output_format"), format);
}

static const struct sl_str type_names[] = {
    [OK_MESSAGE] = SL_STR_INIT("message"),
    [OK_REASONING] = SL_STR_INIT("reasoning"),
    [OK_FUNCTION] = SL_STR_INIT("function_call"),
    [OK_CUSTOM] = SL_STR_INIT("custom_tool_call"),
    [OK_SEARCH] = SL_STR_INIT("tool_search_call"),
    [OK_IMAGE] = SL_STR_INIT("image_generation_call"),
    [OK_WEB] = SL_STR_INIT("web_search_call"),
    [OK_CODE] = SL_STR_INIT("code_interpreter_call"),
    [OK_MCP] = SL_STR_INIT("mcp_call"),
    [OK_RAW] = SL_STR_INIT(""),
};

static void write_members(struct answer_writing *s, struct json_writer *w, const struct output_item *item,
                          enum item_form form)
{
    switch (item->kind) {
    case OK_MESSAGE:
        write_message(w, item, form);
        break;
    case OK_REASONING:
        write_reasoning(w, item, form);
        break;
    case OK_FUNCTION:
    case OK_CUSTOM:
        write_call(w, item, form);
        break;
    case OK_SEARCH:
        write_search(s, w, item, form);
        break;
    case OK_IMAGE:
        write_image(w, item, form);
        break;
    case OK_WEB:
        write_web(w, item);
        break;
    case OK_CODE:
        write_code(w, item, form);
        break;
    case OK_MCP:
        write_mcp(w, item, form);
        break;
    case OK_RAW:
        break;
    }
}

void write_output_item(struct answer_writing *s, struct json_writer *w, const struct output_item *item,
                       enum item_form form)
{
    if (item->kind == OK_RAW) {
        jw_raw(w, item->raw);
        return;
    }
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("id"), item->id);
    jw_member_inside(w, SL_STR("type"), type_names[item->kind]);
    if (item->kind != OK_REASONING) /* which has no status in most answers of the real service */
        jw_member_plain(w, SL_STR("status"),
                        form == ITEM_SKELETON ? SL_STR("in_progress")
                        : item->incomplete    ? SL_STR("incomplete")
                                              : SL_STR("completed"));
    write_members(s, w, item, form);
    jw_close(w, '}');
}

void write_output_list(struct answer_writing *s, struct json_writer *w)
{
    jw_open(w, '[');
    for (const struct output_item *item = s->first; item != NULL; item = item->next)
        write_output_item(s, w, item, ITEM_WHOLE);
    jw_close(w, ']');
}
