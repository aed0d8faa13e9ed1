/* See unsaid.h. */
#include "dialect/unsaid.h"

#include "dialect/openai_responses/openai_responses.h"
#include "dialect/terms.h"

#define SETTING_NAME_MAX 64u /* bytes told of a longer one */

/* An empty list or object, or nothing. */
static bool is_empty(struct sl_str raw)
{
    return raw.n <= 2;
}

static bool keeps_it(const struct neutral_request *req)
{
    return req->store == SAID_YES && req->from != &openai_responses_dialect;
}

/* Tools of a client of Claude go to Claude as they stood. */
static bool within_refuses(struct translation *t, struct request_refusal *out)
{
    bool own = t->req->from == t->up && t->up != NULL && t->up->errors == ERRORS_ANTHROPIC;
    for (const struct neutral_member *m = t->req->within.first; m != NULL; m = m->next)
        if (!(own && sl_str_starts(m->name, SL_STR("tools["))) && translation_refuses(t, false, m->name, "", out))
            return true;
    return false;
}

bool unsaid_refuses(struct translation *t, unsigned wishes, struct request_refusal *out)
{
    const struct neutral_request *req = t->req;
    /* Without a harmful one the caller gets something else than it asked for; what says the same as silence is no wish. */
    const struct {
        enum wish wish;
        bool said, harmful;
        enum term what;
    } rows[] = {
        {WISH_N, req->n > 1, true, TERM_N},
        {WISH_LOGPROBS, req->logprobs == SAID_YES, true, TERM_LOGPROBS},
        {WISH_AUDIO, req->wants_audio, true, TERM_MODALITIES},
        {WISH_AUDIO, !req->wants_audio && req->audio.n > 0, false, TERM_AUDIO}, /* a voice asks for no audio */
        {WISH_IMAGE, req->wants_image, true, TERM_MODALITIES},
        {WISH_STATE, req->previous_response_id.n > 0, true, TERM_PREVIOUS},
        {WISH_STATE, req->conversation.n > 0, true, TERM_CONVERSATION},
        {WISH_STATE, req->background, true, TERM_BACKGROUND},
        {WISH_TOP_K, req->top_k.n > 0, false, TERM_TOP_K},
        {WISH_SEED, req->seed.n > 0, false, TERM_SEED},
        {WISH_LOGIT_BIAS, !is_empty(req->logit_bias), false, TERM_LOGIT_BIAS},
        {WISH_PENALTIES, !json_is_zero(req->presence_penalty), false, TERM_PRESENCE},
        {WISH_PENALTIES, !json_is_zero(req->frequency_penalty), false, TERM_FREQUENCY},
        {WISH_VERBOSITY, req->verbosity.n > 0 && !sl_str_eq(req->verbosity, SL_STR("medium")), false, TERM_VERBOSITY},
        {WISH_SAFETY, !is_empty(req->safety_settings), false, TERM_SAFETY},
        {WISH_USER, req->user.n > 0, false, TERM_USER},
        {WISH_METADATA, !is_empty(req->metadata), false, TERM_METADATA},
        {WISH_CACHE_KEY, req->prompt_cache_key.n > 0, false, TERM_CACHE_KEY},
        {WISH_MAX_CALLS, req->max_tool_calls > 0, false, TERM_MAX_CALLS},
        {WISH_STORE, keeps_it(req), false, TERM_STORE},
        {WISH_PARALLEL, req->choice.parallel == SAID_NO, false, TERM_PARALLEL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((rows[i].wish & wishes) != 0 && rows[i].said &&
            translation_refuses(t, rows[i].harmful, term_of(req, rows[i].what), "", out))
            return true;
    return within_refuses(t, out);
}

const struct neutral_tool *unsaid_chosen(const struct neutral_request *req, struct sl_str name)
{
    bool search = sl_str_starts(name, SL_STR("web_search")); /* "web_search_preview" and others are one tool */
    for (const struct neutral_tool *t = req->tools; t != NULL && name.n > 0; t = t->next)
        if (t->name.n > 0 ? sl_str_eq(t->name, name) : sl_str_eq(t->type, name) || (search && t->kind == NT_WEB_SEARCH))
            return t;
    return NULL;
}

bool unsaid_search_setting(const struct json_tree *t, const struct json_node *member)
{
    bool frame = json_key_is(t, member, SL_STR("type")) || json_key_is(t, member, SL_STR("name"));
    bool as_ever = member->kind == JSON_TRUE && json_key_is(t, member, SL_STR("external_web_access"));
    return member->kind != JSON_NULL && !frame && !as_ever;
}

struct sl_str unsaid_search_name(struct sl_str tool, const struct json_tree *t, const struct json_node *member,
                                 struct sl_arena *a)
{
    struct sl_str key = sl_str_head(json_key_of(t, member), SETTING_NAME_MAX);
    return sl_arena_printf(a, SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(tool), SL_STR_ARG(key));
}
