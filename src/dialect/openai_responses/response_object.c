/* The response object (openai.md 7.5; translate-openai-anthropic.md 9.1): what was asked, said again, and what came. */
#include "dialect/openai_responses/answer_writing.h"

/* Members that are always there, in the order of the real service, and what they are when the request did not say. */
static const struct {
    struct sl_str name, otherwise;
} before_output[] =
    {
        {SL_STR_INIT("instructions"), SL_STR_INIT("null")},
        {SL_STR_INIT("max_output_tokens"), SL_STR_INIT("null")},
        {SL_STR_INIT("max_tool_calls"), SL_STR_INIT("null")},
},
  behind_output[] = {
      {SL_STR_INIT("parallel_tool_calls"), SL_STR_INIT("true")},
      {SL_STR_INIT("prompt_cache_key"), SL_STR_INIT("null")},
      {SL_STR_INIT("reasoning"), SL_STR_INIT("{\"effort\":null,\"summary\":null}")},
      {SL_STR_INIT("safety_identifier"), SL_STR_INIT("null")},
      {SL_STR_INIT("temperature"), SL_STR_INIT("1")},
      {SL_STR_INIT("tool_choice"), SL_STR_INIT("\"auto\"")},
      {SL_STR_INIT("tools"), SL_STR_INIT("[]")},
      {SL_STR_INIT("top_logprobs"), SL_STR_INIT("0")},
      {SL_STR_INIT("top_p"), SL_STR_INIT("1")},
      {SL_STR_INIT("truncation"), SL_STR_INIT("\"disabled\"")},
      {SL_STR_INIT("user"), SL_STR_INIT("null")},
      {SL_STR_INIT("metadata"), SL_STR_INIT("{}")},
};
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct sl_str asked(const struct answer_writing *s, struct sl_str name, struct sl_str otherwise)
{
    for (const struct neutral_member *m = s->t->req != NULL ? s->t->req->echo : NULL; m != NULL; m = m->next)
        if (sl_str_eq(m->name, name))
            return m->raw;
    return otherwise;
}

static void write_text(const struct answer_writing *s, struct json_writer *w)
{
    struct sl_str text = asked(s, SL_STR("text"), SL_STR_NONE);
    jw_key(w, SL_STR("text"));
    if (text.n > 0 && s->t->req->format != NF_UNSAID) {
        jw_raw(w, text);
        return;
    }
    jw_open(w, '{');
    jw_member_raw(w, SL_STR("format"), SL_STR("{\"type\":\"text\"}"));
    if (s->t->req != NULL)
        jw_maybe_inside(w, SL_STR("verbosity"), s->t->req->verbosity);
    jw_close(w, '}');
}

static void write_usage(const struct answer_writing *s, struct json_writer *w)
{
    const struct token_counts *u = &s->usage;
    jw_key(w, SL_STR("usage"));
    if (!u->found) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("input_tokens"), u->prompt);
    jw_key(w, SL_STR("input_tokens_details"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("cached_tokens"), u->cached);
    jw_member_u64(w, SL_STR("cache_write_tokens"), u->cache_write);
    jw_close(w, '}');
    jw_member_u64(w, SL_STR("output_tokens"), u->completion);
    jw_key(w, SL_STR("output_tokens_details"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("reasoning_tokens"), u->reasoning < u->completion ? u->reasoning : u->completion);
    jw_close(w, '}');
    jw_member_u64(w, SL_STR("total_tokens"), u->prompt + u->completion);
    if (u->estimated)
        jw_member_bool(w, SL_STR("estimated"), true);
    jw_close(w, '}');
}

bool answer_is_incomplete(const struct answer_writing *s)
{
    return s->finish == FINISH_LENGTH || s->finish == FINISH_CONTEXT || s->finish == FINISH_CONTENT_FILTER;
}

/* Words of other formats ("standard") would be none of this one's. */
static struct sl_str tier_of(const struct answer_writing *s)
{
    static const struct sl_str known[] = {SL_STR_INIT("default"), SL_STR_INIT("flex"), SL_STR_INIT("priority"),
                                          SL_STR_INIT("scale"), SL_STR_INIT("auto")};
    for (size_t i = 0; i < COUNT(known); i++)
        if (sl_str_eq(known[i], s->tier))
            return known[i];
    return known[0];
}

static void write_status(const struct answer_writing *s, struct json_writer *w, enum response_status status)
{
    struct sl_str word = SL_STR("in_progress");
    if (status == RS_QUEUED)
        word = SL_STR("queued");
    else if (status == RS_FAILED)
        word = SL_STR("failed");
    else if (status == RS_ENDED)
        word = answer_is_incomplete(s) ? SL_STR("incomplete") : SL_STR("completed");
    jw_member_plain(w, SL_STR("status"), word);
}

/* Codes that clients know (openai.md 2.4); the gateway's own would mean nothing to them. */
static struct sl_str code_of(enum gateway_error e)
{
    switch (e) {
    case GE_RATE_LIMITED:
    case GE_UP_RATE_LIMITED:
        return SL_STR("rate_limit_exceeded");
    case GE_OVERLOADED:
    case GE_UP_OVERLOADED:
        return SL_STR("server_is_overloaded");
    case GE_UP_TOO_LONG:
        return SL_STR("context_length_exceeded");
    case GE_UP_CONTENT:
    case GE_UP_REQUEST:
        return SL_STR("invalid_prompt");
    default:
        return SL_STR("server_error");
    }
}

static void write_error(struct json_writer *w, const struct error_facts *error)
{
    jw_key(w, SL_STR("error"));
    if (error == NULL) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("code"), code_of(error->error));
    jw_member_plain(w, SL_STR("message"),
                    error->message.n > 0 ? error->message : gateway_error_row(error->error)->message);
    jw_close(w, '}');
}

static void write_incomplete(const struct answer_writing *s, struct json_writer *w, enum response_status status)
{
    jw_key(w, SL_STR("incomplete_details"));
    if (status != RS_ENDED || !answer_is_incomplete(s)) {
        jw_null(w);
        return;
    }
    jw_raw(w, s->finish == FINISH_CONTENT_FILTER ? SL_STR("{\"reason\":\"content_filter\"}")
                                                 : SL_STR("{\"reason\":\"max_output_tokens\"}"));
}

static void write_model(const struct answer_writing *s, struct json_writer *w)
{
    if (s->t->req != NULL && s->t->req->model.n > 0)
        jw_member_plain(w, SL_STR("model"), s->t->req->model);
    else
        jw_member_inside(w, SL_STR("model"), s->model);
}

static void write_previous(const struct answer_writing *s, struct json_writer *w)
{
    struct sl_str id = s->t->req != NULL ? s->t->req->previous_response_id : SL_STR_NONE;
    jw_key(w, SL_STR("previous_response_id"));
    if (id.n > 0)
        jw_inside(w, id);
    else
        jw_null(w);
}

void write_response_object(struct answer_writing *s, struct json_writer *w, enum response_status status,
                           const struct error_facts *error)
{
    jw_open(w, '{');
    jw_key(w, SL_STR("id"));
    jw_string(w);
    jw_piece_plain(w, SL_STR("resp_"));
    jw_piece_plain(w, s->t->id);
    jw_string_end(w);
    jw_member_inside(w, SL_STR("object"), SL_STR("response"));
    jw_key(w, SL_STR("created_at"));
    jw_i64(w, s->t->created_s);
    write_status(s, w, status);
    jw_member_bool(w, SL_STR("background"), s->t->req != NULL && s->t->req->background);
    write_error(w, error);
    write_incomplete(s, w, status);
    for (size_t i = 0; i < COUNT(before_output); i++)
        jw_member_raw(w, before_output[i].name, asked(s, before_output[i].name, before_output[i].otherwise));
    write_model(s, w);
    jw_key(w, SL_STR("output"));
    if (status == RS_IN_PROGRESS || status == RS_QUEUED)
        jw_raw(w, SL_STR("[]"));
    else
        write_output_list(s, w);
    write_previous(s, w);
    for (size_t i = 0; i < COUNT(behind_output); i++)
        jw_member_raw(w, behind_output[i].name, asked(s, behind_output[i].name, behind_output[i].otherwise));
    write_text(s, w);
    jw_member_inside(w, SL_STR("service_tier"), tier_of(s));
    jw_member_bool(w, SL_STR("store"), s->t->req != NULL && s->t->req->store == SAID_YES);
    write_usage(s, w);
    jw_close(w, '}');
}
