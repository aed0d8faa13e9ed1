/* Which provider takes which of these operations, and in whose words: one table. */
#include "dialect/other/pairs.h"

enum other_match {
    MATCH_OPENAI = 0, /* speaks OpenAI's format; the rows of single platforms stand before it */
    MATCH_COHERE,
    MATCH_ARK,
    MATCH_ARK_VISION, /* its embedding models that take pictures: one vector a call */
    MATCH_GEMINI,     /* the Gemini API; Vertex AI has other methods for the same */
    MATCH_IMAGEN,
    MATCH_GEMINI_SPEECH,
    MATCH_VERTEX, /* Google's own models there */
    MATCH_VERTEX_ONE,
    MATCH_VERTEX_TWO,
    MATCH_VERTEX_IMAGEN,
    MATCH_VERTEX_IMAGE, /* Gemini's models that draw */
    MATCH_VERTEX_SPEECH,
    MATCH_TITAN, /* on Bedrock */
    MATCH_BEDROCK_COHERE
};

struct row {
    enum operation op;
    enum other_match match;
    int v2; /* of reranking, by the client's path: 1 only /v2, 0 only others, -1 any */
    enum other_way way;
    const struct other_pair *pair;
};

static const struct row rows[] = {
    {OP_EMBEDDINGS, MATCH_COHERE, -1, OTHER_PAIR, &other_embed_cohere},
    {OP_EMBEDDINGS, MATCH_ARK_VISION, -1, OTHER_PAIR, &other_embed_ark},
    {OP_EMBEDDINGS, MATCH_GEMINI, -1, OTHER_PAIR, &other_embed_gemini},
    {OP_EMBEDDINGS, MATCH_VERTEX_ONE, -1, OTHER_PAIR, &other_embed_vertex_one},
    {OP_EMBEDDINGS, MATCH_VERTEX_TWO, -1, OTHER_PAIR, &other_embed_vertex_two},
    {OP_EMBEDDINGS, MATCH_VERTEX, -1, OTHER_PAIR, &other_embed_vertex},
    {OP_EMBEDDINGS, MATCH_TITAN, -1, OTHER_PAIR, &other_embed_titan},
    {OP_EMBEDDINGS, MATCH_BEDROCK_COHERE, -1, OTHER_PAIR, &other_embed_bedrock_cohere},
    {OP_EMBEDDINGS, MATCH_OPENAI, -1, OTHER_SAME, NULL},
    {OP_EMBED_CONTENT, MATCH_GEMINI, -1, OTHER_SAME, NULL},
    {OP_EMBED_BATCH, MATCH_GEMINI, -1, OTHER_SAME, NULL},
    {OP_MODERATIONS, MATCH_OPENAI, -1, OTHER_SAME, NULL},
    {OP_RERANK, MATCH_COHERE, 1, OTHER_SAME, NULL},
    {OP_RERANK, MATCH_COHERE, 0, OTHER_PAIR, &other_rerank_cohere},
    {OP_RERANK, MATCH_OPENAI, 1, OTHER_PAIR, &other_rerank_jina},
    {OP_RERANK, MATCH_OPENAI, 0, OTHER_SAME, NULL},
    {OP_IMAGES, MATCH_ARK, -1, OTHER_PAIR, &other_images_seedream},
    {OP_IMAGES, MATCH_IMAGEN, -1, OTHER_PAIR, &other_images_imagen},
    {OP_IMAGES, MATCH_GEMINI, -1, OTHER_PAIR, &other_images_gemini},
    {OP_IMAGES, MATCH_OPENAI, -1, OTHER_SAME, NULL},
    {OP_IMAGES, MATCH_VERTEX_IMAGEN, -1, OTHER_PAIR, &other_images_vertex},
    {OP_IMAGES, MATCH_VERTEX_IMAGE, -1, OTHER_PAIR, &other_images_vertex_gemini},
    {OP_IMAGE_EDIT, MATCH_ARK, -1, OTHER_PAIR, &other_images_seedream}, /* its generations take pictures */
    {OP_IMAGE_EDIT, MATCH_IMAGEN, -1, OTHER_NONE, NULL},
    {OP_IMAGE_EDIT, MATCH_GEMINI_SPEECH, -1, OTHER_NONE, NULL},
    {OP_IMAGE_EDIT, MATCH_GEMINI, -1, OTHER_PAIR, &other_images_gemini},
    {OP_IMAGE_EDIT, MATCH_VERTEX_IMAGE, -1, OTHER_PAIR, &other_images_vertex_gemini},
    {OP_IMAGE_EDIT, MATCH_OPENAI, -1, OTHER_SAME, NULL},
    {OP_SPEECH, MATCH_GEMINI_SPEECH, -1, OTHER_PAIR, &other_speech_gemini},
    {OP_SPEECH, MATCH_VERTEX_SPEECH, -1, OTHER_PAIR, &other_speech_vertex},
    {OP_SPEECH, MATCH_OPENAI, -1, OTHER_SAME, NULL},
};

static bool fits(enum other_match m, const struct other_provider *p)
{
    bool openai = sl_str_eq(p->dialect, SL_STR("openai")), ark = openai && sl_str_eq(p->platform, SL_STR("ark"));
    bool gemini = sl_str_eq(p->dialect, SL_STR("gemini")) && p->platform.n == 0;
    bool vertex = sl_str_eq(p->dialect, SL_STR("gemini")) && sl_str_eq(p->platform, SL_STR("vertex"));
    bool bedrock = sl_str_eq(p->platform, SL_STR("bedrock")), speaks = sl_str_find_str(p->model, SL_STR("tts")) >= 0;
    switch (m) {
    case MATCH_OPENAI:
        return openai && !sl_str_eq(p->platform, SL_STR("vertex"));
    case MATCH_COHERE:
        return openai && sl_str_eq(p->platform, SL_STR("cohere"));
    case MATCH_ARK:
        return ark;
    case MATCH_ARK_VISION:
        return ark && sl_str_find_str(p->model, SL_STR("vision")) >= 0;
    case MATCH_GEMINI:
        return gemini;
    case MATCH_IMAGEN:
        return gemini && sl_str_starts(p->model, SL_STR("imagen"));
    case MATCH_GEMINI_SPEECH:
        return gemini && speaks;
    case MATCH_VERTEX:
        return vertex && sl_str_find_str(p->model, SL_STR("embedding")) >= 0;
    case MATCH_VERTEX_ONE:
        return vertex && sl_str_find_str(p->model, SL_STR("gemini-embedding-001")) >= 0;
    case MATCH_VERTEX_TWO:
        return vertex && sl_str_find_str(p->model, SL_STR("gemini-embedding")) >= 0;
    case MATCH_VERTEX_IMAGEN:
        return vertex && sl_str_find_str(p->model, SL_STR("imagen")) >= 0;
    case MATCH_VERTEX_IMAGE:
        return vertex && sl_str_find_str(p->model, SL_STR("gemini")) >= 0 &&
               sl_str_find_str(p->model, SL_STR("-image")) >= 0;
    case MATCH_VERTEX_SPEECH:
        return vertex && speaks;
    case MATCH_TITAN:
        return bedrock && sl_str_find_str(p->model, SL_STR("titan-embed-text")) >= 0;
    case MATCH_BEDROCK_COHERE:
        return bedrock && sl_str_find_str(p->model, SL_STR("cohere.embed")) >= 0;
    }
    return false;
}

enum other_way other_way_to(enum operation op, const struct other_provider *p, const struct other_look *l, bool v2,
                            const struct other_pair **out_pair)
{
    *out_pair = NULL;
    if (l->ark && fits(MATCH_ARK, p)) /* as its own clients say it: what OpenAI has no word for passes */
        return OTHER_SAME;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].op != op || (rows[i].v2 >= 0 && (rows[i].v2 != 0) != v2) || !fits(rows[i].match, p))
            continue;
        *out_pair = rows[i].pair;
        return rows[i].way;
    }
    return OTHER_NONE;
}

struct sl_str other_root_path(enum operation op, const struct other_provider *p, bool v2)
{
    return op == OP_RERANK && v2 && fits(MATCH_COHERE, p) ? SL_STR("/v2/rerank") : SL_STR_NONE;
}

/* Seedream before 4.0 knows no streams (seedance.md 17); what stands behind the name of an endpoint nobody tells. */
static bool ark_streams(struct sl_str model)
{
    ptrdiff_t at = sl_str_find_str(model, SL_STR("seedream-"));
    struct sl_str version = sl_str_from(model, at < 0 ? model.n : (size_t)at + 9);
    return version.n > 0 && version.p[0] >= '4' && version.p[0] <= '9';
}

bool other_asks_stream(const struct other_translation *t)
{
    switch (t->pair->streams) {
    case OTHER_STREAMS_SOUND:
        return true; /* the client hears it while it comes, whatever it asked for */
    case OTHER_STREAMS_GEMINI:
        return t->stream;
    case OTHER_STREAMS_SEEDREAM:
        return t->stream && ark_streams(t->up_model);
    case OTHER_STREAMS_NOTHING:
        break;
    }
    return false;
}
