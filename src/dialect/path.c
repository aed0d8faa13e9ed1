/* Where providers answer: see dialect_upstream_path. Sources: openai.md 1.1, anthropic.md 1.1, gemini.md 2. */
#include "dialect/dialect.h"

#include "http/url.h"

static bool is_named(const struct dialect *d, struct sl_str name)
{
    return sl_str_eq(d->name, name);
}

static struct sl_str gemini_path(enum operation op, bool counts, struct sl_str model, bool stream, struct sl_arena *a)
{
    const char *verb = op == OP_EMBED_CONTENT ? ":embedContent"
                       : op == OP_EMBED_BATCH ? ":batchEmbedContents"
                       : counts               ? ":countTokens"
                       : stream               ? ":streamGenerateContent?alt=sse"
                                              : ":generateContent";
    struct sl_str name = url_segment(model, a);
    bool has_folder = sl_str_starts(name, SL_STR("models/")) || sl_str_starts(name, SL_STR("tunedModels/"));
    return sl_arena_printf(a, "/%s" SL_STR_FMT "%s", has_folder ? "" : "models/", SL_STR_ARG(name), verb);
}

struct sl_str dialect_upstream_path(const struct dialect *d, enum operation op, struct sl_str model, bool stream,
                                    struct sl_arena *a)
{
    const struct operation_row *row = operation_row(op);
    if (is_named(d, SL_STR("openai")))
        return row->generates ? SL_STR("/chat/completions") : dialect_of(op) == d ? row->upstream_path : SL_STR_NONE;
    if (row->stored && is_named(d, SL_STR("openai-responses")))
        return SL_STR("/responses"); /* the response's id follows */
    if (is_named(d, SL_STR("gemini")) && (op == OP_EMBED_CONTENT || op == OP_EMBED_BATCH))
        return gemini_path(op, false, model, false, a);
    if (!row->generates && !row->counts)
        return SL_STR_NONE;
    if (is_named(d, SL_STR("openai-responses")))
        return row->counts ? SL_STR("/responses/input_tokens") : SL_STR("/responses");
    if (is_named(d, SL_STR("anthropic")))
        return row->counts ? SL_STR("/messages/count_tokens") : SL_STR("/messages");
    if (is_named(d, SL_STR("gemini")))
        return gemini_path(op, row->counts, model, stream, a);
    return SL_STR_NONE;
}
