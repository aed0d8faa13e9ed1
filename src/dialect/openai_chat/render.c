/* Pieces of chat answers. Sources: openai.md 6.6, 6.7; translate-openai-anthropic.md 3, 15; translate-gemini.md 8, 10 (November
 * 2026). */
#include "dialect/openai_chat/chat_render.h"

#include "dialect/carrier.h"

void chat_render_head(struct json_writer *w, struct translation *t, struct sl_str object, struct sl_str tier)
{
    jw_key(w, SL_STR("id"));
    jw_string(w);
    jw_piece_inside(w, SL_STR("chatcmpl-"));
    jw_piece_plain(w, t->id);
    jw_string_end(w);
    jw_member_inside(w, SL_STR("object"), object);
    jw_key(w, SL_STR("created"));
    jw_i64(w, t->created_s);
    jw_member_plain(w, SL_STR("model"), t->req->model);
    jw_maybe_inside(w, SL_STR("service_tier"), chat_tier(tier));
}

void chat_render_thought(struct json_writer *w, const struct chat_thought *thought)
{
    bool encrypted = thought->data.n > 0;
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), encrypted ? SL_STR("reasoning.encrypted") : SL_STR("reasoning.text"));
    jw_maybe_inside(w, SL_STR("text"), thought->text);
    jw_maybe_inside(w, SL_STR("data"), thought->data);
    jw_maybe_inside(w, SL_STR("signature"), thought->signature);
    jw_maybe_inside(w, SL_STR("id"), thought->id);
    jw_member_u64(w, SL_STR("index"), thought->index);
    jw_close(w, '}');
}

void chat_render_citation(struct json_writer *w, const struct neutral_citation *c)
{
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("url_citation"));
    jw_key(w, SL_STR("url_citation"));
    jw_open(w, '{');
    jw_member_u64(w, SL_STR("start_index"), c->from > 0 ? (uint64_t)c->from : 0);
    jw_member_u64(w, SL_STR("end_index"), c->to > 0 ? (uint64_t)c->to : 0);
    jw_member_inside(w, SL_STR("url"), c->url);
    jw_member_inside(w, SL_STR("title"), c->title);
    jw_close(w, '}');
    jw_close(w, '}');
}

void chat_render_signature(struct json_writer *w, struct sl_str signature)
{
    if (signature.n == 0)
        return;
    jw_key(w, SL_STR("extra_content"));
    jw_open(w, '{');
    jw_key(w, SL_STR("google"));
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("thought_signature"), signature);
    jw_close(w, '}');
    jw_close(w, '}');
}

void chat_render_image(struct json_writer *w, const struct neutral_media *m, struct sl_str signature, uint32_t index)
{
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), SL_STR("image_url"));
    jw_member_u64(w, SL_STR("index"), index);
    jw_key(w, SL_STR("image_url"));
    jw_open(w, '{');
    jw_key(w, SL_STR("url"));
    jw_string(w);
    if (m->source == NS_BASE64) {
        jw_piece_inside(w, SL_STR("data:"));
        jw_piece_inside(w, m->mime.n > 0 ? m->mime : SL_STR("image/png"));
        jw_piece_inside(w, SL_STR(";base64,"));
    }
    jw_piece_inside(w, m->data);
    jw_string_end(w);
    jw_close(w, '}');
    chat_render_signature(w, signature);
    jw_close(w, '}');
}

void chat_render_audio(struct json_writer *w, const struct neutral_media *m, struct sl_str id, struct sl_str transcript,
                       int64_t created_s)
{
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("id"), id.n > 0 ? id : SL_STR("audio_0"));
    jw_member_inside(w, SL_STR("data"), m->data);
    jw_key(w, SL_STR("expires_at"));
    jw_i64(w, created_s + 3600); /* we keep nothing: it is what the client has */
    jw_member_inside(w, SL_STR("transcript"), transcript);
    jw_close(w, '}');
}

struct sl_str chat_carried(struct translation *t, struct sl_str signature, struct sl_str id, bool redacted)
{
    if (signature.n == 0 || carrier_unpack(t->a, signature).vendor != CARRIER_NONE || t->up == t->face)
        return signature;
    struct sl_str payload = json_plain(signature, t->a), up = t->up->name;
    enum carrier_vendor vendor = CARRIER_OTHER;
    if (sl_str_eq(up, SL_STR("anthropic"))) {
        vendor = redacted ? CARRIER_ANTHROPIC_REDACTED : CARRIER_ANTHROPIC;
    } else if (sl_str_eq(up, SL_STR("gemini"))) {
        vendor = CARRIER_GOOGLE;
    } else if (sl_str_eq(up, SL_STR("openai-responses"))) {
        vendor = CARRIER_OPENAI;
        payload = sl_arena_printf(t->a, SL_STR_FMT "\n" SL_STR_FMT, SL_STR_ARG(id), SL_STR_ARG(payload));
    }
    return carrier_pack(t->a, vendor, carrier_family(t->up_model), payload);
}

/* A code is one word; who explains uses several. */
struct sl_str chat_explanation(enum neutral_finish finish, struct sl_str text)
{
    return finish == FINISH_CONTENT_FILTER && sl_str_find(text, ' ') > 0 ? text : SL_STR_NONE;
}
