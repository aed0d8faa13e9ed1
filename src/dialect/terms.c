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

struct sl_str term_message(const struct neutral_request *req, const struct neutral_message *m, int part,
                           struct sl_arena *a)
{
    struct sl_str list = term_of(req, TERM_MESSAGES), parts = term_of(req, TERM_PARTS);
    if (part < 0)
        return sl_arena_printf(a, SL_STR_FMT "[%u]", SL_STR_ARG(list), m->index);
    return sl_arena_printf(a, SL_STR_FMT "[%u]." SL_STR_FMT "[%d]", SL_STR_ARG(list), m->index, SL_STR_ARG(parts),
                           part);
}

struct sl_str term_media(const struct neutral_request *req, enum neutral_part_kind kind)
{
    return term_of(req, kind == NP_IMAGE   ? TERM_IMAGE_URL
                        : kind == NP_AUDIO ? TERM_AUDIO_URL
                        : kind == NP_VIDEO ? TERM_VIDEO_URL
                                           : TERM_FILE_URL);
}

struct sl_str term_tool(const struct neutral_request *req, unsigned index, struct sl_arena *a)
{
    if (req->search_options == index + 1)
        return SL_STR("web_search_options");
    return sl_arena_printf(a, SL_STR_FMT "[%u]", SL_STR_ARG(term_of(req, TERM_TOOLS)), index);
}
