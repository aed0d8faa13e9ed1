/* See models.h. */
#include "dialect/models.h"

#include "base/clock.h"
#include "dialect/caps.h"
#include "dialect/json_write.h"

/* Pico-dollars as exact decimal dollars; at most 32 bytes. */
static struct sl_str dollars(int64_t p, char out[40])
{
    char digits[20];
    size_t n = sl_u64_digits((uint64_t)p, digits), at = 0;
    if (n > 12) {
        memcpy(out, digits, n - 12);
        at = n - 12;
    } else {
        out[at++] = '0';
    }
    out[at++] = '.';
    for (size_t i = n; i < 12; i++)
        out[at++] = '0';
    size_t tail = n > 12 ? 12 : n;
    memcpy(out + at, digits + n - tail, tail);
    at += tail;
    while (out[at - 1] == '0')
        at--;
    at -= out[at - 1] == '.';
    return sl_str_of(out, at);
}

static void member_price(struct json_writer *w, struct sl_str name, int64_t p, bool as_text)
{
    char text[40];
    if (p < 0)
        return;
    struct sl_str s = dollars(p, text);
    if (as_text)
        jw_member_inside(w, name, s);
    else
        jw_member_raw(w, name, s);
}

static void member_count(struct json_writer *w, struct sl_str name, uint64_t v)
{
    if (v > 0)
        jw_member_u64(w, name, v);
}

static void strings_if(struct json_writer *w, bool have, struct sl_str text)
{
    if (have)
        jw_inside(w, text);
}

static void modalities(struct json_writer *w, struct sl_str name, const struct model_row *r)
{
    jw_key(w, name);
    jw_open(w, '[');
    jw_inside(w, SL_STR("text"));
    strings_if(w, (r->flags & CAP_IMAGES) != 0, SL_STR("image"));
    strings_if(w, (r->flags & CAP_PDF) != 0, SL_STR("file"));
    strings_if(w, (r->flags & CAP_AUDIO) != 0, SL_STR("audio"));
    strings_if(w, (r->flags & CAP_VIDEO) != 0, SL_STR("video"));
    jw_close(w, ']');
}

static void openai_more(struct json_writer *w, const struct model_row *r)
{
    member_count(w, SL_STR("context_length"), r->context);
    member_count(w, SL_STR("max_output_tokens"), r->max_output);
    if (r->input_p >= 0 || r->output_p >= 0) {
        jw_key(w, SL_STR("pricing"));
        jw_open(w, '{');
        member_price(w, SL_STR("prompt"), r->input_p, true);
        member_price(w, SL_STR("completion"), r->output_p, true);
        member_price(w, SL_STR("input_cache_read"), r->cache_read_p, true);
        member_price(w, SL_STR("input_cache_write"), r->cache_write_p, true);
        jw_close(w, '}');
    }
    if (r->flags == 0)
        return;
    jw_key(w, SL_STR("architecture"));
    jw_open(w, '{');
    modalities(w, SL_STR("input_modalities"), r);
    jw_close(w, '}');
    jw_key(w, SL_STR("supported_parameters"));
    jw_open(w, '[');
    jw_inside(w, SL_STR("max_tokens"));
    strings_if(w, (r->flags & CAP_SAMPLING) != 0, SL_STR("temperature"));
    strings_if(w, (r->flags & CAP_SAMPLING) != 0, SL_STR("top_p"));
    strings_if(w, (r->flags & CAP_STOP) != 0, SL_STR("stop"));
    strings_if(w, (r->flags & CAP_TOOLS) != 0, SL_STR("tools"));
    strings_if(w, (r->flags & CAP_FORCED_TOOL) != 0, SL_STR("tool_choice"));
    strings_if(w, (r->flags & CAP_SCHEMA) != 0, SL_STR("response_format"));
    strings_if(w, (r->flags & CAP_LOGPROBS) != 0, SL_STR("logprobs"));
    strings_if(w, r->thinks, SL_STR("reasoning_effort"));
    jw_close(w, ']');
}

static void openai_object(struct json_writer *w, const struct model_row *r)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), r->id);
    jw_member_inside(w, SL_STR("object"), SL_STR("model"));
    jw_key(w, SL_STR("created"));
    jw_i64(w, r->created_s);
    jw_member_plain(w, SL_STR("owned_by"), r->owned_by);
    openai_more(w, r);
    jw_close(w, '}');
}

static void anthropic_object(struct json_writer *w, const struct model_row *r)
{
    char time[SL_TIME_TEXT];
    sl_time_text(r->created_s * SL_SEC, time);
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("model"));
    jw_member_plain(w, SL_STR("id"), r->id);
    jw_member_plain(w, SL_STR("display_name"), r->id);
    jw_member_inside(w, SL_STR("created_at"), sl_str_c(time));
    member_count(w, SL_STR("max_input_tokens"), r->context);
    member_count(w, SL_STR("max_tokens"), r->max_output);
    jw_close(w, '}');
}

static void gemini_object(struct json_writer *w, const struct model_row *r)
{
    jw_open(w, '{');
    jw_key(w, SL_STR("name"));
    jw_string(w);
    jw_piece_plain(w, SL_STR("models/"));
    jw_piece_plain(w, r->id);
    jw_string_end(w);
    jw_member_plain(w, SL_STR("displayName"), r->id);
    member_count(w, SL_STR("inputTokenLimit"), r->context);
    member_count(w, SL_STR("outputTokenLimit"), r->max_output);
    jw_key(w, SL_STR("supportedGenerationMethods"));
    jw_open(w, '[');
    jw_inside(w, SL_STR("generateContent"));
    jw_inside(w, SL_STR("countTokens"));
    jw_close(w, ']');
    if (r->flags != 0)
        jw_member_bool(w, SL_STR("thinking"), r->thinks);
    jw_close(w, '}');
}

/* What Codex refuses to do without, found by elimination. */
static void codex_object(struct json_writer *w, const struct model_row *r)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("slug"), r->id);
    jw_member_plain(w, SL_STR("display_name"), r->id);
    jw_member_raw(w, SL_STR("supported_reasoning_levels"), SL_STR("[]"));
    jw_member_inside(w, SL_STR("shell_type"), SL_STR("shell_command"));
    jw_member_inside(w, SL_STR("visibility"), SL_STR("list"));
    jw_member_bool(w, SL_STR("supported_in_api"), true);
    jw_member_u64(w, SL_STR("priority"), 1);
    jw_member_bool(w, SL_STR("support_verbosity"), false);
    jw_member_inside(w, SL_STR("apply_patch_tool_type"), SL_STR("freeform")); /* without it the tool is not offered */
    jw_member_raw(w, SL_STR("truncation_policy"), SL_STR("{\"mode\":\"bytes\",\"limit\":10000}"));
    jw_member_raw(w, SL_STR("experimental_supported_tools"), SL_STR("[]"));
    jw_member_inside(w, SL_STR("base_instructions"), SL_STR("You are a coding agent."));
    member_count(w, SL_STR("context_window"), r->context);
    member_count(w, SL_STR("max_context_window"), r->context);
    jw_key(w, SL_STR("input_modalities"));
    jw_open(w, '[');
    jw_inside(w, SL_STR("text"));
    strings_if(w, (r->flags & CAP_IMAGES) != 0, SL_STR("image"));
    jw_close(w, ']');
    jw_close(w, '}');
}

static void info_object(struct json_writer *w, const struct model_row *r)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("model_name"), r->id);
    jw_member_raw(w, SL_STR("litellm_params"), SL_STR("{}"));
    jw_key(w, SL_STR("model_info"));
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("id"), r->id);
    jw_member_plain(w, SL_STR("litellm_provider"), r->owned_by);
    member_count(w, SL_STR("max_input_tokens"), r->context);
    member_count(w, SL_STR("max_output_tokens"), r->max_output);
    member_count(w, SL_STR("max_tokens"), r->max_output);
    member_price(w, SL_STR("input_cost_per_token"), r->input_p, false);
    member_price(w, SL_STR("output_cost_per_token"), r->output_p, false);
    member_price(w, SL_STR("cache_read_input_token_cost"), r->cache_read_p, false);
    member_price(w, SL_STR("cache_creation_input_token_cost"), r->cache_write_p, false);
    if (r->flags != 0) {
        jw_member_bool(w, SL_STR("supports_function_calling"), (r->flags & CAP_TOOLS) != 0);
        jw_member_bool(w, SL_STR("supports_vision"), (r->flags & CAP_IMAGES) != 0);
        jw_member_bool(w, SL_STR("supports_pdf_input"), (r->flags & CAP_PDF) != 0);
        jw_member_bool(w, SL_STR("supports_reasoning"), r->thinks);
    }
    jw_close(w, '}');
    jw_close(w, '}');
}

static void write_object(enum models_shape shape, struct json_writer *w, const struct model_row *r)
{
    switch (shape) {
    case MODELS_OPENAI:
        openai_object(w, r);
        break;
    case MODELS_ANTHROPIC:
        anthropic_object(w, r);
        break;
    case MODELS_GEMINI:
        gemini_object(w, r);
        break;
    case MODELS_CODEX:
        codex_object(w, r);
        break;
    case MODELS_INFO:
        info_object(w, r);
        break;
    }
}

void models_object(enum models_shape shape, struct sl_buf *to, const struct model_row *row)
{
    struct json_writer w = json_writer_on(to);
    write_object(shape, &w, row);
}

void models_list(enum models_shape shape, struct sl_buf *to, const struct model_row *rows, size_t n)
{
    bool named = shape == MODELS_GEMINI || shape == MODELS_CODEX;
    struct json_writer w = json_writer_on(to);
    jw_open(&w, '{');
    if (shape == MODELS_OPENAI)
        jw_member_inside(&w, SL_STR("object"), SL_STR("list"));
    jw_key(&w, named ? SL_STR("models") : SL_STR("data"));
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        write_object(shape, &w, &rows[i]);
    jw_close(&w, ']');
    if (shape == MODELS_ANTHROPIC) {
        jw_member_bool(&w, SL_STR("has_more"), false);
        if (n > 0) {
            jw_member_plain(&w, SL_STR("first_id"), rows[0].id);
            jw_member_plain(&w, SL_STR("last_id"), rows[n - 1].id);
        } else {
            jw_member_null(&w, SL_STR("first_id"));
            jw_member_null(&w, SL_STR("last_id"));
        }
    }
    jw_close(&w, '}');
}
