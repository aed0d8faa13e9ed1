/* Words of this format. Sources: bedrock.md 6.1, 6.2 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/carrier.h"
#include "dialect/media.h"

struct word {
    struct sl_str from, to;
};

static struct sl_str look_up(const struct word *rows, size_t n, struct sl_str from)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq_nocase(rows[i].from, from))
            return rows[i].to;
    return SL_STR_NONE;
}

enum neutral_finish converse_finish_of(struct sl_str stop_reason)
{
    static const struct {
        struct sl_str word;
        enum neutral_finish finish;
    } rows[] = {
        {SL_STR_INIT("end_turn"), FINISH_STOP},
        {SL_STR_INIT("tool_use"), FINISH_TOOL_CALLS},
        {SL_STR_INIT("max_tokens"), FINISH_LENGTH},
        {SL_STR_INIT("stop_sequence"), FINISH_STOP_SEQUENCE},
        {SL_STR_INIT("guardrail_intervened"), FINISH_CONTENT_FILTER},
        {SL_STR_INIT("content_filtered"), FINISH_CONTENT_FILTER},
        {SL_STR_INIT("refusal"), FINISH_CONTENT_FILTER},
        {SL_STR_INIT("malformed_tool_use"), FINISH_MALFORMED_CALL},
        {SL_STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].word, stop_reason))
            return rows[i].finish;
    return FINISH_OTHER;
}

/* -- Media ----------------------------------------------------------------------------------------------------------- */

struct sl_str converse_image_format(struct sl_str mime)
{
    static const struct word rows[] = {{SL_STR_INIT("image/png"), SL_STR_INIT("png")},
                                       {SL_STR_INIT("image/jpeg"), SL_STR_INIT("jpeg")},
                                       {SL_STR_INIT("image/jpg"), SL_STR_INIT("jpeg")},
                                       {SL_STR_INIT("image/gif"), SL_STR_INIT("gif")},
                                       {SL_STR_INIT("image/webp"), SL_STR_INIT("webp")}};
    return look_up(rows, sizeof rows / sizeof rows[0], mime);
}

struct sl_str converse_video_format(struct sl_str mime)
{
    static const struct word rows[] = {
        {SL_STR_INIT("video/mp4"), SL_STR_INIT("mp4")},      {SL_STR_INIT("video/quicktime"), SL_STR_INIT("mov")},
        {SL_STR_INIT("video/mov"), SL_STR_INIT("mov")},      {SL_STR_INIT("video/x-matroska"), SL_STR_INIT("mkv")},
        {SL_STR_INIT("video/webm"), SL_STR_INIT("webm")},    {SL_STR_INIT("video/x-flv"), SL_STR_INIT("flv")},
        {SL_STR_INIT("video/mpeg"), SL_STR_INIT("mpeg")},    {SL_STR_INIT("video/mpg"), SL_STR_INIT("mpg")},
        {SL_STR_INIT("video/wmv"), SL_STR_INIT("wmv")},      {SL_STR_INIT("video/x-ms-wmv"), SL_STR_INIT("wmv")},
        {SL_STR_INIT("video/3gpp"), SL_STR_INIT("three_gp")}};
    return look_up(rows, sizeof rows / sizeof rows[0], mime);
}

struct sl_str converse_audio_format(struct sl_str mime)
{
    static const struct word rows[] = {
        {SL_STR_INIT("wav"), SL_STR_INIT("wav")},         {SL_STR_INIT("audio/wav"), SL_STR_INIT("wav")},
        {SL_STR_INIT("mp3"), SL_STR_INIT("mp3")},         {SL_STR_INIT("audio/mpeg"), SL_STR_INIT("mp3")},
        {SL_STR_INIT("audio/mp3"), SL_STR_INIT("mp3")},   {SL_STR_INIT("flac"), SL_STR_INIT("flac")},
        {SL_STR_INIT("audio/flac"), SL_STR_INIT("flac")}, {SL_STR_INIT("audio/ogg"), SL_STR_INIT("ogg")},
        {SL_STR_INIT("opus"), SL_STR_INIT("opus")},       {SL_STR_INIT("aac"), SL_STR_INIT("aac")},
        {SL_STR_INIT("audio/aac"), SL_STR_INIT("aac")},
    };
    return look_up(rows, sizeof rows / sizeof rows[0], mime);
}

static struct sl_str by_ending(struct sl_str name)
{
    static const struct word rows[] = {
        {SL_STR_INIT("pdf"), SL_STR_INIT("pdf")},     {SL_STR_INIT("csv"), SL_STR_INIT("csv")},
        {SL_STR_INIT("doc"), SL_STR_INIT("doc")},     {SL_STR_INIT("docx"), SL_STR_INIT("docx")},
        {SL_STR_INIT("xls"), SL_STR_INIT("xls")},     {SL_STR_INIT("xlsx"), SL_STR_INIT("xlsx")},
        {SL_STR_INIT("html"), SL_STR_INIT("html")},   {SL_STR_INIT("htm"), SL_STR_INIT("html")},
        {SL_STR_INIT("txt"), SL_STR_INIT("txt")},     {SL_STR_INIT("md"), SL_STR_INIT("md")},
        {SL_STR_INIT("markdown"), SL_STR_INIT("md")},
    };
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.')
        at--;
    return at > 0 ? look_up(rows, sizeof rows / sizeof rows[0], sl_str_from(name, at)) : SL_STR_NONE;
}

struct sl_str converse_document_format(const struct neutral_media *m)
{
    static const struct word rows[] = {
        {SL_STR_INIT("application/pdf"), SL_STR_INIT("pdf")},
        {SL_STR_INIT("text/csv"), SL_STR_INIT("csv")},
        {SL_STR_INIT("text/html"), SL_STR_INIT("html")},
        {SL_STR_INIT("text/markdown"), SL_STR_INIT("md")},
        {SL_STR_INIT("text/plain"), SL_STR_INIT("txt")},
        {SL_STR_INIT("application/json"), SL_STR_INIT("txt")},
        {SL_STR_INIT("application/xml"), SL_STR_INIT("txt")},
        {SL_STR_INIT("application/msword"), SL_STR_INIT("doc")},
        {SL_STR_INIT("application/vnd.openxmlformats-officedocument.wordprocessingml.document"), SL_STR_INIT("docx")},
        {SL_STR_INIT("application/vnd.ms-excel"), SL_STR_INIT("xls")},
        {SL_STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), SL_STR_INIT("xlsx")},
    };
    struct sl_str sniffed = m->source == NS_BASE64 ? media_sniff(m->data) : SL_STR_NONE;
    struct sl_str format = look_up(rows, sizeof rows / sizeof rows[0], sniffed.n > 0 ? sniffed : m->mime);
    if (format.n == 0 && sniffed.n == 0)
        format = by_ending(m->filename);
    if (format.n == 0 && sniffed.n == 0 && sl_str_starts(m->mime, SL_STR("text/")))
        format = SL_STR("txt");
    return format;
}

/* -- Thoughts -------------------------------------------------------------------------------------------------------- */

#define MARK "converse-"

struct sl_str converse_seal(struct sl_arena *a, struct sl_str model, char what, struct sl_str payload)
{
    return carrier_pack(a, CARRIER_OTHER, carrier_family(model),
                        sl_arena_printf(a, MARK "%c:" SL_STR_FMT, what, SL_STR_ARG(payload)));
}

struct sl_str converse_unseal(struct sl_arena *a, struct sl_str model, struct sl_str text, char *out_what)
{
    struct carrier c = carrier_unpack(a, text),
                   own = carrier_unpack(a, carrier_pack(a, CARRIER_OTHER, carrier_family(model), SL_STR("-")));
    const size_t head = sizeof MARK + 1;
    if (c.vendor != CARRIER_OTHER || !sl_str_eq(c.family, own.family) || !sl_str_starts(c.payload, SL_STR(MARK)) ||
        c.payload.n <= head || c.payload.p[head - 1] != ':')
        return SL_STR_NONE;
    *out_what = c.payload.p[head - 2];
    return sl_str_from(c.payload, head);
}
