/* See terms.h. */
#include "dialect/terms.h"

#include "dialect/dialect.h"

enum {
    CHAT = 0,
    RESPONSES,
    MESSAGES,
    GEMINI,
    FORMATS
};

static const struct sl_str names[FORMATS] = {SL_STR_INIT("openai"), SL_STR_INIT("openai-responses"),
                                             SL_STR_INIT("anthropic"), SL_STR_INIT("gemini")};

static const struct sl_str terms[TERM_COUNT][FORMATS] = {
#define X(id, chat, responses, messages, gemini)                                                                       \
    {SL_STR_INIT(chat), SL_STR_INIT(responses), SL_STR_INIT(messages), SL_STR_INIT(gemini)},
    TERMS(X)
#undef X
};

struct sl_str term_of(const struct neutral_request *req, enum term what)
{
    for (unsigned i = 1; req->from != NULL && i < FORMATS; i++)
        if (sl_str_eq(req->from->name, names[i]))
            return terms[what][i];
    return terms[what][CHAT];
}

/* The message or item of that place. */
static struct sl_str place_of(const struct neutral_request *req, uint32_t index, struct sl_arena *a)
{
    struct sl_str list = term_of(req, TERM_MESSAGES);
    if (index == NEUTRAL_APART)
        return term_of(req, TERM_SYSTEM);
    if (index < req->earlier)
        return term_of(req, TERM_PREVIOUS);
    return sl_arena_printf(a, SL_STR_FMT "[%u]", SL_STR_ARG(list), index - req->earlier);
}

struct sl_str term_message(const struct neutral_request *req, const struct neutral_message *m, struct sl_arena *a)
{
    return place_of(req, m->index, a);
}

static struct sl_str element(struct sl_str of, struct sl_str list, uint32_t at, struct sl_arena *a)
{
    if (at == 0)
        return of;
    return sl_arena_printf(a, SL_STR_FMT "%s" SL_STR_FMT "[%u]", SL_STR_ARG(of), list.n > 0 ? "." : "",
                           SL_STR_ARG(list), at - 1);
}

struct sl_str term_part(const struct neutral_request *req, const struct neutral_message *m,
                        const struct neutral_part *p, struct sl_arena *a)
{
    uint32_t index = p != NULL && p->item > 0 ? p->item - 1 : m->index;
    struct sl_str place = place_of(req, index, a), list = term_of(req, TERM_PARTS);
    if (p == NULL)
        return place;
    if (index == NEUTRAL_APART && !sl_str_eq(list, SL_STR("parts")))
        list = SL_STR_NONE; /* of Anthropic: the system prompt is the list */
    else if (p->kind == NP_TOOL_CALL && sl_str_eq(term_of(req, TERM_IMAGE_URL), SL_STR("image_url")))
        list = SL_STR("tool_calls"); /* of chat; in Responses a call is an item */
    return element(element(place, list, p->at, a), term_of(req, TERM_INNER_PARTS), p->inner, a);
}

struct sl_str term_media(const struct neutral_request *req, enum neutral_part_kind kind)
{
    return term_of(req, kind == NP_IMAGE   ? TERM_IMAGE_URL
                        : kind == NP_AUDIO ? TERM_AUDIO_URL
                        : kind == NP_VIDEO ? TERM_VIDEO_URL
                                           : TERM_FILE_URL);
}

struct sl_str term_tool(const struct neutral_request *req, const struct neutral_tool *tool, struct sl_arena *a)
{
    struct sl_str list = tool->list.n > 0 ? tool->list : term_of(req, TERM_TOOLS);
    if (tool->index == NEUTRAL_APART)
        return list;
    struct sl_str place = sl_arena_printf(a, SL_STR_FMT "[%u]", SL_STR_ARG(list), tool->index);
    return element(place, term_of(req, TERM_INNER_TOOLS), tool->inner, a);
}
