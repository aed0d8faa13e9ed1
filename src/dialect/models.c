/* See models.h. */
#include "dialect/models.h"

#include "base/clock.h"
#include "dialect/effort.h"
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

static bool can(const struct model_row *r, unsigned flag)
{
    return r->caps != NULL && caps_has(r->caps, flag);
}

static bool thinks(const struct model_row *r)
{
    return r->caps != NULL && r->caps->thinking != THINK_NONE;
}

/* An effort is taken in each word, whichever way the model is told; no words: it does not think. */
static bool takes_effort(const struct model_row *r, enum neutral_effort e)
{
    bool in_tokens = thinks(r) && r->caps->efforts == 0 && e >= EFFORT_LOW && e <= EFFORT_HIGH;
    return in_tokens || (thinks(r) && (r->caps->efforts & EFFORT_BIT(e)) != 0);
}

static void modalities(struct json_writer *w, struct sl_str name, const struct model_row *r)
{
    jw_key(w, name);
    jw_open(w, '[');
    jw_inside(w, SL_STR("text"));
    strings_if(w, can(r, CAP_IMAGES), SL_STR("image"));
    strings_if(w, can(r, CAP_PDF), SL_STR("file"));
    strings_if(w, can(r, CAP_AUDIO), SL_STR("audio"));
    strings_if(w, can(r, CAP_VIDEO), SL_STR("video"));
    jw_close(w, ']');
}

static void pricing(struct json_writer *w, const struct model_row *r)
{
    if (r->input_p < 0 && r->output_p < 0)
        return;
    jw_key(w, SL_STR("pricing"));
    jw_open(w, '{');
    member_price(w, SL_STR("prompt"), r->input_p, true);
    member_price(w, SL_STR("completion"), r->output_p, true);
    member_price(w, SL_STR("input_cache_read"), r->cache_read_p, true);
    member_price(w, SL_STR("input_cache_write"), r->cache_write_p, true);
    jw_close(w, '}');
}

static void openai_more(struct json_writer *w, const struct model_row *r)
{
    member_count(w, SL_STR("context_length"), r->context);
    member_count(w, SL_STR("max_output_tokens"), r->max_output);
    pricing(w, r);
    if (r->caps == NULL)
        return;
    jw_key(w, SL_STR("architecture"));
    jw_open(w, '{');
    modalities(w, SL_STR("input_modalities"), r);
    jw_key(w, SL_STR("output_modalities"));
    jw_open(w, '[');
    jw_inside(w, SL_STR("text"));
    strings_if(w, can(r, CAP_IMAGE_OUT), SL_STR("image"));
    strings_if(w, can(r, CAP_AUDIO_OUT), SL_STR("audio"));
    jw_close(w, ']');
    jw_close(w, '}');
    jw_key(w, SL_STR("supported_parameters"));
    jw_open(w, '[');
    jw_inside(w, SL_STR("max_tokens"));
    strings_if(w, can(r, CAP_SAMPLING), SL_STR("temperature"));
    strings_if(w, can(r, CAP_SAMPLING), SL_STR("top_p"));
    strings_if(w, can(r, CAP_STOP), SL_STR("stop"));
    strings_if(w, can(r, CAP_TOOLS), SL_STR("tools"));
    strings_if(w, can(r, CAP_FORCED_TOOL), SL_STR("tool_choice"));
    strings_if(w, can(r, CAP_SCHEMA), SL_STR("response_format"));
    strings_if(w, can(r, CAP_LOGPROBS), SL_STR("logprobs"));
    strings_if(w, thinks(r), SL_STR("reasoning_effort"));
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

static void supported(struct json_writer *w, struct sl_str name, bool is)
{
    jw_key(w, name);
    jw_open(w, '{');
    jw_member_bool(w, SL_STR("supported"), is);
    jw_close(w, '}');
}

static void open_supported(struct json_writer *w, struct sl_str name, bool is)
{
    jw_key(w, name);
    jw_open(w, '{');
    jw_member_bool(w, SL_STR("supported"), is);
}

/* What a client of Messages gets from the model: for others than Claude through a translation, which takes any form of thinking.
 * null: not known. */
static void anthropic_capabilities(struct json_writer *w, const struct model_row *r)
{
    bool thinking = thinks(r), budget = thinking && (!r->claude || r->caps->thinking == THINK_BUDGET);
    bool effort = thinking && (!r->claude || r->caps->efforts != 0);
    jw_key(w, SL_STR("capabilities"));
    jw_open(w, '{');
    supported(w, SL_STR("batch"), r->claude);
    supported(w, SL_STR("citations"), r->claude);
    jw_member_null(w, SL_STR("code_execution"));
    jw_member_null(w, SL_STR("context_management"));
    open_supported(w, SL_STR("effort"), effort);
    for (enum neutral_effort e = EFFORT_LOW; e <= EFFORT_MAX; e++)
        supported(w, effort_word(e), effort && takes_effort(r, e));
    jw_close(w, '}');
    supported(w, SL_STR("image_input"), can(r, CAP_IMAGES));
    supported(w, SL_STR("pdf_input"), can(r, CAP_PDF));
    open_supported(w, SL_STR("server_tools"), r->claude);
    supported(w, SL_STR("code_execution"), r->claude);
    supported(w, SL_STR("web_search"), r->claude);
    jw_close(w, '}');
    supported(w, SL_STR("structured_outputs"), can(r, CAP_SCHEMA));
    open_supported(w, SL_STR("thinking"), thinking);
    jw_key(w, SL_STR("types"));
    jw_open(w, '{');
    supported(w, SL_STR("adaptive"), thinking && (!r->claude || r->caps->thinking == THINK_ADAPTIVE));
    supported(w, SL_STR("between_tools"), takes_effort(r, EFFORT_NONE));
    supported(w, SL_STR("disabled"), !r->claude || !thinking || can(r, CAP_THINKING_OFF));
    supported(w, SL_STR("enabled"), budget);
    jw_close(w, '}');
    jw_close(w, '}');
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
    jw_member_inside(w, SL_STR("lifecycle"), SL_STR("active"));
    member_count(w, SL_STR("max_input_tokens"), r->context);
    member_count(w, SL_STR("max_tokens"), r->max_output);
    pricing(w, r);
    if (r->caps != NULL)
        anthropic_capabilities(w, r);
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
    if (r->caps != NULL)
        jw_member_bool(w, SL_STR("thinking"), thinks(r));
    pricing(w, r);
    jw_close(w, '}');
}

/* What Codex refuses to do without, found by elimination. */
static void codex_object(struct json_writer *w, const struct model_row *r)
{
    jw_open(w, '{');
    jw_member_plain(w, SL_STR("slug"), r->id);
    jw_member_plain(w, SL_STR("display_name"), r->id);
    jw_key(w, SL_STR("supported_reasoning_levels"));
    jw_open(w, '[');
    for (enum neutral_effort e = EFFORT_MINIMAL; e <= EFFORT_XHIGH; e++) {
        if (!takes_effort(r, e))
            continue;
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("effort"), effort_word(e));
        jw_member_inside(w, SL_STR("description"), SL_STR(""));
        jw_close(w, '}');
    }
    jw_close(w, ']');
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
    strings_if(w, can(r, CAP_IMAGES), SL_STR("image"));
    jw_close(w, ']');
    pricing(w, r);
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
    if (r->caps != NULL) {
        jw_member_bool(w, SL_STR("supports_function_calling"), can(r, CAP_TOOLS));
        jw_member_bool(w, SL_STR("supports_vision"), can(r, CAP_IMAGES));
        jw_member_bool(w, SL_STR("supports_audio_input"), can(r, CAP_AUDIO));
        jw_member_bool(w, SL_STR("supports_audio_output"), can(r, CAP_AUDIO_OUT));
        jw_member_bool(w, SL_STR("supports_response_schema"), can(r, CAP_SCHEMA));
        jw_member_bool(w, SL_STR("supports_pdf_input"), can(r, CAP_PDF));
        jw_member_bool(w, SL_STR("supports_reasoning"), thinks(r));
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
