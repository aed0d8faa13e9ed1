/* The table of operations and the reading of paths: see operation.h. Sources of the variants: clients.md section 3.1,
 * openai.md sections 17 and 21, anthropic.md and gemini.md for the paths that are recognised but not served. */
#include "dialect/operation.h"

#include "base/check.h"
#include "http/url.h"

#define SEGMENTS_MAX 16u /* deeper paths are nobody's */

#define OBJECT_CHANGE(text, what)                                                                                      \
    .name = SL_STR_INIT(text), .needs_key = true, .relayed = true, .stored = true, .object = what
#define OBJECT_READ(text, what) OBJECT_CHANGE(text, what), .repeatable = true

static const struct operation_row rows[OP_COUNT] = {
    [OP_NONE] = {.name = SL_STR_INIT("unknown")},
    [OP_WRONG_METHOD] = {.name = SL_STR_INIT("wrong_method")},
    [OP_HELLO] = {.name = SL_STR_INIT("hello")},
    [OP_VIDEO_CALLBACK] = {.name = SL_STR_INIT("videos_callback")},
    [OP_CHAT] = {.name = SL_STR_INIT("chat"),
                 .upstream_path = SL_STR_INIT("/chat/completions"),
                 .needs_key = true,
                 .body = true,
                 .relayed = true,
                 .repeatable = true,
                 .streams = true,
                 .generates = true},
    [OP_COMPLETIONS] = {.name = SL_STR_INIT("completions"),
                        .upstream_path = SL_STR_INIT("/completions"),
                        .needs_key = true,
                        .body = true,
                        .relayed = true,
                        .repeatable = true,
                        .streams = true},
    [OP_EMBEDDINGS] = {.name = SL_STR_INIT("embeddings"),
                       .upstream_path = SL_STR_INIT("/embeddings"),
                       .other = true,
                       .needs_key = true,
                       .body = true,
                       .relayed = true,
                       .repeatable = true},
    [OP_RESPONSES] = {.name = SL_STR_INIT("responses"),
                      .upstream_path = SL_STR_INIT("/responses"),
                      .needs_key = true,
                      .body = true,
                      .relayed = true,
                      .repeatable = true,
                      .streams = true,
                      .generates = true},
    [OP_RESPONSES_COUNT] = {.name = SL_STR_INIT("responses_count"),
                            .upstream_path = SL_STR_INIT("/responses/input_tokens"),
                            .needs_key = true,
                            .body = true,
                            .relayed = true,
                            .repeatable = true,
                            .counts = true},
    [OP_MESSAGES] = {.name = SL_STR_INIT("messages"),
                     .upstream_path = SL_STR_INIT("/messages"),
                     .needs_key = true,
                     .body = true,
                     .relayed = true,
                     .repeatable = true,
                     .streams = true,
                     .generates = true},
    [OP_MESSAGES_COUNT] = {.name = SL_STR_INIT("messages_count"),
                           .upstream_path = SL_STR_INIT("/messages/count_tokens"),
                           .needs_key = true,
                           .body = true,
                           .relayed = true,
                           .repeatable = true,
                           .counts = true},
    [OP_GENERATE] = {.name = SL_STR_INIT("generate_content"),
                     .needs_key = true,
                     .body = true,
                     .relayed = true,
                     .repeatable = true,
                     .streams = true,
                     .generates = true},
    [OP_GENERATE_COUNT] = {.name = SL_STR_INIT("generate_content_count"),
                           .needs_key = true,
                           .body = true,
                           .relayed = true,
                           .repeatable = true,
                           .counts = true},
    [OP_TRANSCRIPTION] = {.name = SL_STR_INIT("audio_transcriptions"),
                          .upstream_path = SL_STR_INIT("/audio/transcriptions"),
                          .needs_key = true,
                          .form = true,
                          .form_only = true,
                          .any_answer = true,
                          .relayed = true,
                          .repeatable = true,
                          .streams = true},
    [OP_TRANSLATION] = {.name = SL_STR_INIT("audio_translations"),
                        .upstream_path = SL_STR_INIT("/audio/translations"),
                        .needs_key = true,
                        .form = true,
                        .form_only = true,
                        .any_answer = true,
                        .relayed = true,
                        .repeatable = true},
    [OP_IMAGE_EDIT] = {.name = SL_STR_INIT("images_edits"),
                       .upstream_path = SL_STR_INIT("/images/edits"),
                       .needs_key = true,
                       .body = true,
                       .form = true,
                       .relayed = true,
                       .repeatable = true,
                       .streams = true},
    [OP_IMAGE_VARIATION] = {.name = SL_STR_INIT("images_variations"),
                            .upstream_path = SL_STR_INIT("/images/variations"),
                            .needs_key = true,
                            .form = true,
                            .form_only = true,
                            .relayed = true,
                            .repeatable = true},
    [OP_MODELS_LIST] = {.name = SL_STR_INIT("models_list"), .needs_key = true},
    [OP_MODEL_GET] = {.name = SL_STR_INIT("model_get"), .needs_key = true},
    [OP_RESPONSE_GET] =
        {.name = SL_STR_INIT("responses_get"), .needs_key = true, .relayed = true, .repeatable = true, .stored = true},
    [OP_RESPONSE_DELETE] = {.name = SL_STR_INIT("responses_delete"),
                            .needs_key = true,
                            .relayed = true,
                            .stored = true},
    [OP_RESPONSE_CANCEL] = {.name = SL_STR_INIT("responses_cancel"),
                            .needs_key = true,
                            .relayed = true,
                            .repeatable = true,
                            .stored = true},
    [OP_RESPONSE_ITEMS] = {.name = SL_STR_INIT("responses_items"),
                           .needs_key = true,
                           .relayed = true,
                           .repeatable = true,
                           .stored = true},
    [OP_MODERATIONS] = {.name = SL_STR_INIT("moderations"),
                        .upstream_path = SL_STR_INIT("/moderations"),
                        .needs_key = true,
                        .body = true,
                        .relayed = true,
                        .other = true,
                        .repeatable = true},
    [OP_RERANK] = {.name = SL_STR_INIT("rerank"),
                   .upstream_path = SL_STR_INIT("/rerank"),
                   .needs_key = true,
                   .body = true,
                   .relayed = true,
                   .other = true,
                   .repeatable = true},
    [OP_IMAGES] = {.name = SL_STR_INIT("images"),
                   .upstream_path = SL_STR_INIT("/images/generations"),
                   .needs_key = true,
                   .body = true,
                   .relayed = true,
                   .other = true,
                   .repeatable = true,
                   .streams = true},
    [OP_SPEECH] = {.name = SL_STR_INIT("speech"),
                   .upstream_path = SL_STR_INIT("/audio/speech"),
                   .needs_key = true,
                   .body = true,
                   .relayed = true,
                   .other = true,
                   .repeatable = true,
                   .streams = true,
                   .any_answer = true},
    [OP_EMBED_CONTENT] = {.name = SL_STR_INIT("embed_content"),
                          .needs_key = true,
                          .body = true,
                          .relayed = true,
                          .other = true,
                          .repeatable = true},
    [OP_EMBED_BATCH] = {.name = SL_STR_INIT("embed_batch"),
                        .needs_key = true,
                        .body = true,
                        .relayed = true,
                        .other = true,
                        .repeatable = true},
    [OP_VIDEO] =
        {.name = SL_STR_INIT("videos"), .needs_key = true, .body = true, .relayed = true, .form = true, .video = true},
    [OP_VIDEO_REMIX] =
        {.name = SL_STR_INIT("videos_remix"), .needs_key = true, .body = true, .relayed = true, .video = true},
    [OP_VIDEO_GET] = {.name = SL_STR_INIT("videos_get"),
                      .needs_key = true,
                      .relayed = true,
                      .repeatable = true,
                      .stored = true,
                      .video = true},
    [OP_VIDEO_LIST] = {.name = SL_STR_INIT("videos_list"),
                       .needs_key = true,
                       .relayed = true,
                       .repeatable = true,
                       .stored = true,
                       .video = true},
    [OP_VIDEO_DELETE] =
        {.name = SL_STR_INIT("videos_delete"), .needs_key = true, .relayed = true, .stored = true, .video = true},
    [OP_VIDEO_CANCEL] =
        {.name = SL_STR_INIT("videos_cancel"), .needs_key = true, .relayed = true, .stored = true, .video = true},
    [OP_VIDEO_CONTENT] = {.name = SL_STR_INIT("videos_content"),
                          .needs_key = true,
                          .relayed = true,
                          .repeatable = true,
                          .stored = true,
                          .video = true},
    [OP_VIDEO_FETCH] = {.name = SL_STR_INIT("videos_fetch"),
                        .needs_key = true,
                        .body = true,
                        .relayed = true,
                        .repeatable = true,
                        .stored = true,
                        .video = true},
    [OP_FILE_CREATE] = {.name = SL_STR_INIT("files"),
                        .needs_key = true,
                        .relayed = true,
                        .stored = true,
                        .upload = true,
                        .object = OBJECT_FILE},
    [OP_BATCH_CREATE] = {.name = SL_STR_INIT("batches"),
                         .needs_key = true,
                         .body = true,
                         .relayed = true,
                         .stored = true,
                         .object = OBJECT_BATCH},
    [OP_MESSAGE_BATCH_CREATE] = {.name = SL_STR_INIT("message_batches"),
                                 .needs_key = true,
                                 .body = true,
                                 .relayed = true,
                                 .stored = true,
                                 .object = OBJECT_MESSAGE_BATCH},
    [OP_FILE_LIST] = {OBJECT_READ("files_list", OBJECT_FILE)},
    [OP_FILE_GET] = {OBJECT_READ("files_get", OBJECT_FILE)},
    [OP_FILE_CONTENT] = {OBJECT_READ("files_content", OBJECT_FILE), .any_answer = true},
    [OP_FILE_DELETE] = {OBJECT_CHANGE("files_delete", OBJECT_FILE)},
    [OP_BATCH_LIST] = {OBJECT_READ("batches_list", OBJECT_BATCH)},
    [OP_BATCH_GET] = {OBJECT_READ("batches_get", OBJECT_BATCH)},
    [OP_BATCH_CANCEL] = {OBJECT_CHANGE("batches_cancel", OBJECT_BATCH)},
    [OP_MESSAGE_BATCH_LIST] = {OBJECT_READ("message_batches_list", OBJECT_MESSAGE_BATCH)},
    [OP_MESSAGE_BATCH_GET] = {OBJECT_READ("message_batches_get", OBJECT_MESSAGE_BATCH)},
    [OP_MESSAGE_BATCH_RESULTS] = {OBJECT_READ("message_batches_results", OBJECT_MESSAGE_BATCH), .any_answer = true},
    [OP_MESSAGE_BATCH_CANCEL] = {OBJECT_CHANGE("message_batches_cancel", OBJECT_MESSAGE_BATCH)},
    [OP_MESSAGE_BATCH_DELETE] = {OBJECT_CHANGE("message_batches_delete", OBJECT_MESSAGE_BATCH)},
    [OP_GFILE_START] = {OBJECT_CHANGE("gemini_files", OBJECT_GEMINI_FILE), .body = true},
    [OP_GFILE_SEND] = {OBJECT_CHANGE("gemini_files_upload", OBJECT_GEMINI_FILE), .upload = true, .raw = true},
    [OP_GFILE_LIST] = {OBJECT_READ("gemini_files_list", OBJECT_GEMINI_FILE)},
    [OP_GFILE_GET] = {OBJECT_READ("gemini_files_get", OBJECT_GEMINI_FILE)},
    [OP_GFILE_CONTENT] = {OBJECT_READ("gemini_files_content", OBJECT_GEMINI_FILE), .any_answer = true},
    [OP_GFILE_DELETE] = {OBJECT_CHANGE("gemini_files_delete", OBJECT_GEMINI_FILE)},
    [OP_UPLOAD_CREATE] = {OBJECT_CHANGE("uploads", OBJECT_UPLOAD), .body = true},
    [OP_UPLOAD_PART] = {OBJECT_CHANGE("uploads_part", OBJECT_UPLOAD), .upload = true},
    [OP_UPLOAD_COMPLETE] = {OBJECT_CHANGE("uploads_complete", OBJECT_UPLOAD), .body = true},
    [OP_UPLOAD_CANCEL] = {OBJECT_CHANGE("uploads_cancel", OBJECT_UPLOAD)},
    [OP_REALTIME] = {.name = SL_STR_INIT("realtime"),
                     .upstream_path = SL_STR_INIT("/realtime"),
                     .needs_key = true,
                     .relayed = true,
                     .repeatable = true,
                     .streams = true,
                     .session = true},
    [OP_REALTIME_SECRET] = {.name = SL_STR_INIT("realtime_client_secrets"),
                            .needs_key = true,
                            .relayed = true,
                            .body = true},
    [OP_REALTIME_SESSION] = {.name = SL_STR_INIT("realtime_sessions"),
                             .needs_key = true,
                             .relayed = true,
                             .body = true},
    [OP_RESPONSES_SOCKET] = {.name = SL_STR_INIT("responses_websocket"),
                             .upstream_path = SL_STR_INIT("/responses"),
                             .needs_key = true,
                             .relayed = true,
                             .repeatable = true,
                             .streams = true,
                             .session = true},
    [OP_TRANSCRIPTION_SESSION] = {.name = SL_STR_INIT("realtime_transcription_sessions"),
                                  .needs_key = true,
                                  .relayed = true,
                                  .body = true},
    [OP_LIVE] = {.name = SL_STR_INIT("live"),
                 .upstream_path = SL_STR_INIT("/ws"), /* provider_live_path */
                 .needs_key = true,
                 .relayed = true,
                 .repeatable = true,
                 .streams = true,
                 .session = true},
    [OP_NOT_SERVED] = {.name = SL_STR_INIT("not_served"), .needs_key = true},
};

enum path_tail {
    TAIL_NONE = 0,
    TAIL_ANY,
    TAIL_MODEL,
    TAIL_RESPONSE,
    TAIL_OBJECT
}; /* nothing, anything, a model's id, a response's or an object's id and what to do with it may follow */

struct path_row {
    struct sl_str first, second; /* segments; second empty: none */
    enum path_tail tail;
    enum operation op;
    enum http_method method; /* HTTP_OTHER: any */
    struct sl_str allow;
    struct sl_str surface;
    enum error_format errors;
    struct sl_str why;
};

#define POST(a, b, op)                                                                                                 \
    {                                                                                                                  \
        SL_STR_INIT(a), SL_STR_INIT(b), TAIL_NONE, op, HTTP_POST, SL_STR_INIT("POST"), {NULL, 0}, ERRORS_OPENAI        \
    }
#define POST_ANTHROPIC(a, b, op)                                                                                       \
    {                                                                                                                  \
        SL_STR_INIT(a), SL_STR_INIT(b), TAIL_NONE, op, HTTP_POST, SL_STR_INIT("POST"), {NULL, 0}, ERRORS_ANTHROPIC     \
    }
#define POST_RESPONSES(a, b, op)                                                                                       \
    {                                                                                                                  \
        SL_STR_INIT(a), SL_STR_INIT(b), TAIL_NONE, op, HTTP_POST, SL_STR_INIT("POST"), {NULL, 0}, ERRORS_RESPONSES     \
    }
#define GET(a, tail, op)                                                                                               \
    {                                                                                                                  \
        SL_STR_INIT(a), {NULL, 0}, tail, op, HTTP_GET, SL_STR_INIT("GET"), {NULL, 0}, ERRORS_OPENAI                    \
    }
#define LATER(a, b, what, errors)                                                                                      \
    {                                                                                                                  \
        SL_STR_INIT(a), SL_STR_INIT(b), TAIL_ANY, OP_NOT_SERVED, HTTP_OTHER, {NULL, 0}, SL_STR_INIT(what), errors      \
    }

#define NEVER(a, b, what, because)                                                                                     \
    {                                                                                                                  \
        SL_STR_INIT(a), SL_STR_INIT(b), TAIL_ANY, OP_NOT_SERVED, HTTP_OTHER, {NULL, 0}, SL_STR_INIT(what),             \
            ERRORS_OPENAI, SL_STR_INIT(because)                                                                        \
    }
#define NO_CALLS "WebRTC and SIP calls go past this gateway. Open a WebSocket at /v1/realtime instead."

/* The first row that fits is taken. Segments behind an optional vendor prefix and any number of versions. */
static const struct path_row paths[] = {
    POST("chat", "completions", OP_CHAT),
    POST("completions", "", OP_COMPLETIONS),
    POST("embeddings", "", OP_EMBEDDINGS),
    POST("moderations", "", OP_MODERATIONS),
    POST("rerank", "", OP_RERANK),
    POST("images", "generations", OP_IMAGES),
    POST("audio", "speech", OP_SPEECH),
    GET("models", TAIL_NONE, OP_MODELS_LIST),
    GET("models", TAIL_MODEL, OP_MODEL_GET),
    {SL_STR_INIT("model"),
     SL_STR_INIT("info"),
     TAIL_NONE,
     OP_MODELS_LIST,
     HTTP_GET,
     SL_STR_INIT("GET"),
     {NULL, 0},
     ERRORS_OPENAI},
    LATER("chat", "completions", "Reading stored chat completions", ERRORS_OPENAI),
    POST_RESPONSES("responses", "", OP_RESPONSES),
    POST_RESPONSES("responses", "input_tokens", OP_RESPONSES_COUNT),
    LATER("responses", "compact", "Compaction of responses", ERRORS_RESPONSES),
    {SL_STR_INIT("responses"),
     {NULL, 0},
     TAIL_RESPONSE,
     OP_RESPONSE_GET,
     HTTP_OTHER,
     {NULL, 0},
     {NULL, 0},
     ERRORS_RESPONSES},
    LATER("conversations", "", "The Conversations API", ERRORS_OPENAI),
    POST_ANTHROPIC("messages", "", OP_MESSAGES),
    POST_ANTHROPIC("messages", "count_tokens", OP_MESSAGES_COUNT),
    {SL_STR_INIT("messages"),
     SL_STR_INIT("batches"),
     TAIL_OBJECT,
     OP_MESSAGE_BATCH_CREATE,
     HTTP_OTHER,
     {NULL, 0},
     {NULL, 0},
     ERRORS_ANTHROPIC},
    {SL_STR_INIT("files"), {NULL, 0}, TAIL_OBJECT, OP_FILE_CREATE, HTTP_OTHER, {NULL, 0}, {NULL, 0}, ERRORS_OPENAI},
    {SL_STR_INIT("batches"), {NULL, 0}, TAIL_OBJECT, OP_BATCH_CREATE, HTTP_OTHER, {NULL, 0}, {NULL, 0}, ERRORS_OPENAI},
    POST("audio", "transcriptions", OP_TRANSCRIPTION),
    POST("audio", "translations", OP_TRANSLATION),
    POST("images", "edits", OP_IMAGE_EDIT),
    POST("images", "variations", OP_IMAGE_VARIATION),
    LATER("images", "", "The Images API", ERRORS_OPENAI),
    LATER("audio", "", "The Audio API", ERRORS_OPENAI),
    LATER("videos", "characters", "Named characters", ERRORS_OPENAI),
    {SL_STR_INIT("uploads"), {NULL, 0}, TAIL_OBJECT, OP_UPLOAD_CREATE, HTTP_OTHER, {NULL, 0}, {NULL, 0}, ERRORS_OPENAI},
    {SL_STR_INIT("realtime"),
     {NULL, 0},
     TAIL_NONE,
     OP_REALTIME,
     HTTP_GET,
     SL_STR_INIT("GET"),
     {NULL, 0},
     ERRORS_OPENAI},
    POST("realtime", "client_secrets", OP_REALTIME_SECRET),
    POST("realtime", "sessions", OP_REALTIME_SESSION),
    POST("realtime", "transcription_sessions", OP_TRANSCRIPTION_SESSION),
    NEVER("realtime", "calls", "The Realtime API's calls", NO_CALLS),
    LATER("realtime", "", "This part of the Realtime API", ERRORS_OPENAI),
    LATER("ws", "", "This part of Gemini's Live API", ERRORS_GEMINI),
    LATER("vector_stores", "", "The Vector Stores API", ERRORS_OPENAI),
    LATER("fine_tuning", "", "The Fine-tuning API", ERRORS_OPENAI),
    LATER("assistants", "", "The Assistants API", ERRORS_OPENAI),
    LATER("threads", "", "The Assistants API", ERRORS_OPENAI),
};

struct segments {
    struct sl_str v[SEGMENTS_MAX];
    size_t n;
    bool too_many;
};

static struct segments split(struct sl_str path)
{
    struct segments s = {.n = 0};
    while (path.n > 0) {
        struct sl_str part = sl_str_cut(&path, '/');
        if (part.n == 0)
            continue;
        if (s.n == SEGMENTS_MAX) {
            s.too_many = true;
            break;
        }
        s.v[s.n++] = part;
    }
    return s;
}

static bool segment_is(const struct segments *s, size_t i, struct sl_str text)
{
    return i < s->n && sl_str_eq(s->v[i], text);
}

/* Azure's clients: /openai/deployments/NAME/chat/completions; some of them have the model in the body, too. */
static bool is_deployment(const struct segments *s)
{
    return segment_is(s, 0, SL_STR("openai")) && segment_is(s, 1, SL_STR("deployments")) && s->n > 3;
}

static struct sl_str deployment_of(const struct segments *s)
{
    return is_deployment(s) ? s->v[2] : SL_STR_NONE;
}

/* Where the API's own path begins, and whose errors are asked for by the prefix. */
static size_t skip_prefix(const struct segments *s, enum error_format *errors)
{
    size_t at = 0;
    if (segment_is(s, 0, SL_STR("openai"))) {
        at = is_deployment(s) ? 3 : 1;
    } else if (segment_is(s, 0, SL_STR("anthropic"))) {
        *errors = ERRORS_ANTHROPIC;
        at = 1;
    } else if (segment_is(s, 0, SL_STR("vertex")) || segment_is(s, 0, SL_STR("gemini"))) {
        *errors = ERRORS_GEMINI;
        at = 1;
    }
    if (segment_is(s, at, SL_STR("upload"))) { /* of Gemini's files: /upload/v1beta/files */
        *errors = ERRORS_GEMINI;
        at++;
    }
    while (segment_is(s, at, SL_STR("v1")))
        at++;
    if (segment_is(s, at, SL_STR("v2")) && segment_is(s, at + 1, SL_STR("rerank"))) /* Cohere's */
        at++;
    while (segment_is(s, at, SL_STR("v1beta")) || segment_is(s, at, SL_STR("v1alpha")) ||
           segment_is(s, at, SL_STR("v1beta1"))) {
        *errors = ERRORS_GEMINI;
        at++;
    }
    if (*errors == ERRORS_GEMINI &&
        segment_is(s, at, SL_STR("openai"))) { /* /v1beta/openai: OpenAI's format (gemini.md 19) */
        *errors = ERRORS_OPENAI;
        at++;
    }
    /* Vertex AI's clients: /v1/projects/P/locations/L/publishers/google/models/M:verb */
    if (segment_is(s, at, SL_STR("projects")) && segment_is(s, at + 2, SL_STR("locations")))
        at += 4;
    if (segment_is(s, at, SL_STR("publishers")))
        at += 2;
    else if (segment_is(s, at, SL_STR("endpoints")) && segment_is(s, at + 1, SL_STR("openapi"))) { /* OpenAI's format */
        *errors = ERRORS_OPENAI;
        at += 2;
    }
    return at;
}

/* Headers that only clients of one vendor send: for paths that several vendors share, and for those of nobody. */
static enum error_format errors_by_header(const struct http_request *r)
{
    if (http_headers_find_name(&r->headers, SL_STR("anthropic-version")) != NULL)
        return ERRORS_ANTHROPIC;
    if (http_headers_find(&r->headers, HN_X_GOOG_API_KEY) != NULL)
        return ERRORS_GEMINI;
    return ERRORS_OPENAI;
}

static bool path_fits(const struct path_row *row, const struct segments *s, size_t at)
{
    if (!segment_is(s, at, row->first))
        return false;
    size_t used = at + 1;
    if (row->second.n > 0) {
        if (!segment_is(s, used, row->second))
            return false;
        used++;
    }
    if (row->tail == TAIL_NONE)
        return used == s->n && !s->too_many;
    return row->tail == TAIL_ANY || row->tail == TAIL_OBJECT || used < s->n;
}

/* "/v1beta/models/gemini-3-pro:generateContent": a verb behind a colon. Ids of fine-tuned models have colons, too
 * ("ft:gpt-4o:org::id"), but no such verbs. */
static const struct {
    struct sl_str verb;
    enum operation op;
    bool stream;
} verbs[] = {
    {SL_STR_INIT(":generateContent"), OP_GENERATE, false},
    {SL_STR_INIT(":streamGenerateContent"), OP_GENERATE, true},
    {SL_STR_INIT(":countTokens"), OP_GENERATE_COUNT, false},
    {SL_STR_INIT(":embedContent"), OP_EMBED_CONTENT, false},
    {SL_STR_INIT(":batchEmbedContents"), OP_EMBED_BATCH, false},
    {SL_STR_INIT(":predictLongRunning"), OP_VIDEO, false},
    {SL_STR_INIT(":fetchPredictOperation"), OP_VIDEO_FETCH, false},
    {SL_STR_INIT(":predict"), OP_NOT_SERVED, false},
};

/* How long the id is in front of that verb; 0: it ends otherwise. Some clients encode the colon. */
static size_t id_before(struct sl_str model, struct sl_str verb)
{
    struct sl_str bare = sl_str_from(verb, 1);
    if (sl_str_ends(model, verb))
        return model.n - verb.n;
    bool encoded = sl_str_ends(model, bare) && sl_str_ends(sl_str_head(model, model.n - bare.n), SL_STR("%3A"));
    return encoded ? model.n - bare.n - 3 : 0;
}

/* Claude as Vertex AI's clients ask for it: ".../publishers/anthropic/models/claude-opus-5:streamRawPredict" (bedrock.md 11.1). Whether
 * it is a stream is said in the body, too. */
static bool take_raw_verb(const struct http_request *r, struct operation_match *m)
{
    static const struct sl_str raw[] = {SL_STR_INIT(":rawPredict"), SL_STR_INIT(":streamRawPredict")};
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
        size_t id = id_before(m->model, raw[i]);
        if (id == 0)
            continue;
        bool claude = sl_str_find_str(r->path, SL_STR("publishers/anthropic/")) >= 0, post = r->method == HTTP_POST;
        struct sl_str model = sl_str_head(m->model, id);
        bool counts = sl_str_eq(model, SL_STR("count-tokens")); /* the model is in the body then */
        *m = (struct operation_match){
            .op = !post     ? OP_WRONG_METHOD
                  : !claude ? OP_NOT_SERVED
                  : counts  ? OP_MESSAGES_COUNT
                            : OP_MESSAGES,
            .errors = ERRORS_ANTHROPIC,
            .model = counts ? SL_STR_NONE : model,
            .stream = i == 1,
            .allow = post ? SL_STR_NONE : SL_STR("POST"),
            .surface = claude ? SL_STR_NONE : SL_STR("This publisher's API"),
        };
        return true;
    }
    return false;
}

/* True when m->model ends with a verb of Gemini's: it is cut off, and the operation is that one. */
static bool take_verb(const struct http_request *r, struct operation_match *m)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t id = id_before(m->model, verbs[i].verb);
        if (id == 0)
            continue;
        *m = (struct operation_match){
            .op = r->method == HTTP_POST ? verbs[i].op : OP_WRONG_METHOD,
            .errors = ERRORS_GEMINI,
            .google = verbs[i].op == OP_VIDEO || verbs[i].op == OP_VIDEO_FETCH,
            .model = sl_str_head(m->model, id),
            .stream = verbs[i].stream,
            .stream_array = verbs[i].stream && sl_str_find_str(r->query, SL_STR("alt=sse")) < 0,
            .allow = r->method == HTTP_POST ? SL_STR_NONE : SL_STR("POST"),
            .surface = verbs[i].op == OP_NOT_SERVED ? SL_STR("This method of the Gemini API") : SL_STR_NONE,
        };
        return true;
    }
    return false;
}

/* What may be done with a stored response. */
static const struct {
    struct sl_str verb;
    enum http_method method;
    enum operation op;
    struct sl_str allow;
} response_verbs[] = {
    {{NULL, 0}, HTTP_GET, OP_RESPONSE_GET, SL_STR_INIT("GET, DELETE")},
    {{NULL, 0}, HTTP_DELETE, OP_RESPONSE_DELETE, SL_STR_INIT("GET, DELETE")},
    {SL_STR_INIT("cancel"), HTTP_POST, OP_RESPONSE_CANCEL, SL_STR_INIT("POST")},
    {SL_STR_INIT("input_items"), HTTP_GET, OP_RESPONSE_ITEMS, SL_STR_INIT("GET")},
};

static void take_response(const struct http_request *r, const struct segments *s, size_t at, struct operation_match *m)
{
    struct sl_str verb = at + 2 < s->n ? s->v[at + 2] : SL_STR_NONE;
    m->op = OP_NONE;
    if (at + 3 < s->n || s->too_many)
        return;
    for (size_t i = 0; i < sizeof response_verbs / sizeof response_verbs[0]; i++) {
        if (!sl_str_eq(verb, response_verbs[i].verb))
            continue;
        m->op = response_verbs[i].method == r->method ? response_verbs[i].op : OP_WRONG_METHOD;
        m->allow = m->op == OP_WRONG_METHOD ? response_verbs[i].allow : SL_STR_NONE;
        m->model = s->v[at + 1];
        if (m->op != OP_WRONG_METHOD)
            return;
    }
}

/* What may be done with video jobs: of all of them, of one, with a verb behind its id. */
static const struct {
    bool id;
    struct sl_str verb;
    enum http_method method;
    enum operation op;
    struct sl_str allow;
} video_verbs[] = {
    {false, {NULL, 0}, HTTP_POST, OP_VIDEO, SL_STR_INIT("GET, POST")},
    {false, {NULL, 0}, HTTP_GET, OP_VIDEO_LIST, SL_STR_INIT("GET, POST")},
    {true, {NULL, 0}, HTTP_GET, OP_VIDEO_GET, SL_STR_INIT("GET, DELETE")},
    {true, {NULL, 0}, HTTP_DELETE, OP_VIDEO_DELETE, SL_STR_INIT("GET, DELETE")},
    {true, SL_STR_INIT("content"), HTTP_GET, OP_VIDEO_CONTENT, SL_STR_INIT("GET, HEAD")},
    {true, SL_STR_INIT("content"), HTTP_HEAD, OP_VIDEO_CONTENT, SL_STR_INIT("GET, HEAD")},
    {true, SL_STR_INIT("remix"), HTTP_POST, OP_VIDEO_REMIX, SL_STR_INIT("POST")},
    {true, SL_STR_INIT("cancel"), HTTP_POST, OP_VIDEO_CANCEL, SL_STR_INIT("POST")},
};

/* "/v1/videos/ID/content", "/api/v3/contents/generations/tasks/ID". False: it is about none. */
static bool take_video(const struct http_request *r, const struct segments *s, size_t at, struct operation_match *m)
{
    size_t from = m->ark ? at + 3 : at + 1;
    bool fits = m->ark ? segment_is(s, at, SL_STR("contents")) && segment_is(s, at + 1, SL_STR("generations")) &&
                             segment_is(s, at + 2, SL_STR("tasks"))
                       : segment_is(s, at, SL_STR("videos")) && !segment_is(s, at + 1, SL_STR("characters"));
    if (!fits || s->too_many || s->n > from + 2)
        return false;
    bool id = s->n > from;
    struct sl_str verb = s->n > from + 1 ? s->v[from + 1] : SL_STR_NONE;
    m->op = OP_NONE;
    for (size_t i = 0; i < sizeof video_verbs / sizeof video_verbs[0]; i++) {
        if (id != video_verbs[i].id || !sl_str_eq(verb, video_verbs[i].verb))
            continue;
        m->op = video_verbs[i].method == r->method ? video_verbs[i].op : OP_WRONG_METHOD;
        m->allow = m->op == OP_WRONG_METHOD ? video_verbs[i].allow : SL_STR_NONE;
        m->model = id ? s->v[from] : SL_STR_NONE;
        if (m->op != OP_WRONG_METHOD)
            break;
    }
    return true;
}

static bool is_google_file(struct sl_str name)
{
    size_t n = SL_STR("video").n + OPERATION_VIDEO_RANDOM;
    bool fits = name.n == n + SL_STR(":download").n && sl_str_starts(name, SL_STR("video")) &&
                sl_str_ends(name, SL_STR(":download"));
    for (size_t i = 0; i < n && fits; i++)
        fits = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9');
    return fits;
}

/* Veo's jobs as Google's clients ask for them: "models/M/operations/ID", "operations/ID", and the bytes as a file that nobody can have
 * uploaded. Google's library puts a link that is not https behind "files/" whole: "files/http://HOST/v1beta/files/ID:download". */
static bool take_google_video(const struct http_request *r, const struct segments *s, size_t at,
                              struct operation_match *m)
{
    if (s->too_many || s->n < at + 2)
        return false;
    struct sl_str last = s->v[s->n - 1];
    bool names = segment_is(s, at, SL_STR("operations")) ? s->n == at + 2 : segment_is(s, at, SL_STR("models"));
    bool job = names && segment_is(s, s->n - 2, SL_STR("operations")) &&
               (m->errors == ERRORS_GEMINI || sl_str_starts(last, SL_STR("video_")));
    bool file = segment_is(s, at, SL_STR("files")) && segment_is(s, s->n - 2, SL_STR("files")) && is_google_file(last);
    if ((!job || sl_str_find(last, ':') >= 0) && !file)
        return false;
    bool get = r->method == HTTP_GET, fits = get || (file && r->method == HTTP_HEAD);
    m->google = true;
    m->errors = ERRORS_GEMINI;
    m->op = !fits ? OP_WRONG_METHOD : file ? OP_VIDEO_CONTENT : OP_VIDEO_GET;
    m->allow = fits ? SL_STR_NONE : file ? SL_STR("GET, HEAD") : SL_STR("GET");
    m->model = file ? sl_str_of(last.p + SL_STR("video").n, OPERATION_VIDEO_RANDOM) : last;
    return true;
}

/* What may be done with objects. */
static const struct {
    enum operation_object object;
    bool has_id;
    struct sl_str verb;
    enum http_method method;
    enum operation op;
    struct sl_str allow;
} object_verbs[] = {
    {OBJECT_FILE, false, {NULL, 0}, HTTP_POST, OP_FILE_CREATE, SL_STR_INIT("GET, POST")},
    {OBJECT_FILE, false, {NULL, 0}, HTTP_GET, OP_FILE_LIST, SL_STR_INIT("GET, POST")},
    {OBJECT_FILE, true, {NULL, 0}, HTTP_GET, OP_FILE_GET, SL_STR_INIT("GET, DELETE")},
    {OBJECT_FILE, true, {NULL, 0}, HTTP_DELETE, OP_FILE_DELETE, SL_STR_INIT("GET, DELETE")},
    {OBJECT_FILE, true, SL_STR_INIT("content"), HTTP_GET, OP_FILE_CONTENT, SL_STR_INIT("GET")},
    {OBJECT_BATCH, false, {NULL, 0}, HTTP_POST, OP_BATCH_CREATE, SL_STR_INIT("GET, POST")},
    {OBJECT_BATCH, false, {NULL, 0}, HTTP_GET, OP_BATCH_LIST, SL_STR_INIT("GET, POST")},
    {OBJECT_BATCH, true, {NULL, 0}, HTTP_GET, OP_BATCH_GET, SL_STR_INIT("GET")},
    {OBJECT_BATCH, true, SL_STR_INIT("cancel"), HTTP_POST, OP_BATCH_CANCEL, SL_STR_INIT("POST")},
    {OBJECT_MESSAGE_BATCH, false, {NULL, 0}, HTTP_POST, OP_MESSAGE_BATCH_CREATE, SL_STR_INIT("GET, POST")},
    {OBJECT_MESSAGE_BATCH, false, {NULL, 0}, HTTP_GET, OP_MESSAGE_BATCH_LIST, SL_STR_INIT("GET, POST")},
    {OBJECT_MESSAGE_BATCH, true, {NULL, 0}, HTTP_GET, OP_MESSAGE_BATCH_GET, SL_STR_INIT("GET, DELETE")},
    {OBJECT_MESSAGE_BATCH, true, {NULL, 0}, HTTP_DELETE, OP_MESSAGE_BATCH_DELETE, SL_STR_INIT("GET, DELETE")},
    {OBJECT_MESSAGE_BATCH, true, SL_STR_INIT("cancel"), HTTP_POST, OP_MESSAGE_BATCH_CANCEL, SL_STR_INIT("POST")},
    {OBJECT_MESSAGE_BATCH, true, SL_STR_INIT("results"), HTTP_GET, OP_MESSAGE_BATCH_RESULTS, SL_STR_INIT("GET")},
    {OBJECT_UPLOAD, false, {NULL, 0}, HTTP_POST, OP_UPLOAD_CREATE, SL_STR_INIT("POST")},
    {OBJECT_UPLOAD, true, SL_STR_INIT("parts"), HTTP_POST, OP_UPLOAD_PART, SL_STR_INIT("POST")},
    {OBJECT_UPLOAD, true, SL_STR_INIT("complete"), HTTP_POST, OP_UPLOAD_COMPLETE, SL_STR_INIT("POST")},
    {OBJECT_UPLOAD, true, SL_STR_INIT("cancel"), HTTP_POST, OP_UPLOAD_CANCEL, SL_STR_INIT("POST")},
    {OBJECT_GEMINI_FILE, false, {NULL, 0}, HTTP_GET, OP_GFILE_LIST, SL_STR_INIT("GET")},
    {OBJECT_GEMINI_FILE, true, {NULL, 0}, HTTP_GET, OP_GFILE_GET, SL_STR_INIT("GET, DELETE")},
    {OBJECT_GEMINI_FILE, true, {NULL, 0}, HTTP_DELETE, OP_GFILE_DELETE, SL_STR_INIT("GET, DELETE")},
    {OBJECT_GEMINI_FILE, true, SL_STR_INIT(":download"), HTTP_GET, OP_GFILE_CONTENT, SL_STR_INIT("GET")},
};

/* "/upload/v1beta/files" asks for an upload; with an id in its query it is about that one. */
static void take_gemini_upload(const struct http_request *r, struct operation_match *m)
{
    bool known = url_query_find(r->query, SL_STR("upload_id"), &m->model);
    bool fits = r->method == HTTP_POST || (known && r->method == HTTP_PUT);
    m->op = !fits ? OP_WRONG_METHOD : known ? OP_GFILE_SEND : OP_GFILE_START;
    m->allow = fits ? SL_STR_NONE : SL_STR("POST");
    if (!known)
        m->model = SL_STR_NONE;
}

/* "ID:download" */
static struct sl_str take_colon_verb(struct sl_str *id)
{
    ptrdiff_t at = sl_str_find(*id, ':');
    struct sl_str verb = at > 0 ? sl_str_from(*id, (size_t)at) : SL_STR_NONE;
    id->n -= verb.n;
    return verb;
}

/* at: of the segment behind the path's own. */
static void take_object(const struct http_request *r, const struct segments *s, size_t at, enum operation_object object,
                        struct operation_match *m)
{
    bool has_id = at < s->n, gemini = m->errors == ERRORS_GEMINI && object == OBJECT_FILE;
    struct sl_str id = has_id ? s->v[at] : SL_STR_NONE, verb = at + 1 < s->n ? s->v[at + 1] : SL_STR_NONE;
    m->op = OP_NONE;
    if (at + 2 < s->n || s->too_many)
        return;
    if (m->errors == ERRORS_GEMINI && !gemini) {
        m->op = OP_NOT_SERVED;
        m->surface = SL_STR("This part of the Gemini API");
        return;
    }
    if (gemini && !has_id && at >= 2 &&
        (segment_is(s, at - 2, SL_STR("upload")) || (at >= 3 && segment_is(s, at - 3, SL_STR("upload"))))) {
        take_gemini_upload(r, m);
        return;
    }
    if (gemini) {
        object = OBJECT_GEMINI_FILE;
        verb = verb.n == 0 ? take_colon_verb(&id) : SL_STR("/"); /* nothing has that */
    }
    for (size_t i = 0; i < sizeof object_verbs / sizeof object_verbs[0]; i++) {
        if (object_verbs[i].object != object || object_verbs[i].has_id != has_id ||
            !sl_str_eq(verb, object_verbs[i].verb))
            continue;
        bool fits = object_verbs[i].method == r->method;
        m->op = fits ? object_verbs[i].op : OP_WRONG_METHOD;
        m->allow = fits ? SL_STR_NONE : object_verbs[i].allow;
        m->model = id;
        if (fits)
            return;
    }
}

static struct sl_str tail_of(struct sl_str path, const struct segments *s, size_t from)
{
    const char *end = path.p + path.n;
    while (end > s->v[from].p && end[-1] == '/')
        end--;
    return sl_str_of(s->v[from].p, (size_t)(end - s->v[from].p));
}

static bool is_hello(const struct http_request *r, const struct segments *s)
{
    if (s->n == 0)
        return r->method == HTTP_HEAD;
    return (r->method == HTTP_HEAD || r->method == HTTP_GET) && s->n == 2 && segment_is(s, 0, SL_STR("api")) &&
           segment_is(s, 1, SL_STR("hello"));
}

static enum models_shape shape_of(const struct http_request *r, const struct operation_match *m,
                                  const struct path_row *row)
{
    if (sl_str_eq(row->first, SL_STR("model")))
        return MODELS_INFO;
    if (sl_str_find_str(r->query, SL_STR("client_version=")) >= 0)
        return MODELS_CODEX;
    return m->errors == ERRORS_ANTHROPIC ? MODELS_ANTHROPIC
           : m->errors == ERRORS_GEMINI  ? MODELS_GEMINI
                                         : MODELS_OPENAI;
}

static bool asks_for_websocket(const struct http_request *r)
{
    const struct http_header *h = http_headers_find(&r->headers, HN_UPGRADE);
    return h != NULL && sl_str_eq_nocase(h->value, SL_STR("websocket"));
}

/* gemini.md section 18: "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", and Vertex AI's
 * "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent". The version is kept. */
static bool take_live(const struct http_request *r, const struct segments *s, size_t at, struct operation_match *m)
{
    static const struct sl_str gemini = SL_STR_INIT("google.ai.generativelanguage."),
                               gemini_end = SL_STR_INIT(".GenerativeService.BidiGenerateContent"),
                               vertex = SL_STR_INIT("google.cloud.aiplatform."),
                               vertex_end = SL_STR_INIT(".LlmBidiService");
    if (s->too_many || !segment_is(s, at, SL_STR("ws")) || s->n < at + 2 || s->n > at + 3)
        return false;
    struct sl_str name = s->v[at + 1];
    bool two = s->n == at + 3, cloud = two && segment_is(s, at + 2, SL_STR("BidiGenerateContent"));
    struct sl_str begin = cloud ? vertex : gemini, end = cloud ? vertex_end : gemini_end;
    if (two != cloud || !sl_str_starts(name, begin) || !sl_str_ends(name, end) || name.n <= begin.n + end.n)
        return false;
    struct sl_str version = sl_str_of(name.p + begin.n, name.n - begin.n - end.n);
    for (size_t i = 0; i < version.n; i++) /* it goes into the provider's path */
        if (!((version.p[i] >= 'a' && version.p[i] <= 'z') || (version.p[i] >= '0' && version.p[i] <= '9')))
            return false;
    m->model = version;
    m->errors = ERRORS_GEMINI;
    m->op = r->method == HTTP_GET ? OP_LIVE : OP_WRONG_METHOD;
    m->allow = r->method == HTTP_GET ? SL_STR_NONE : SL_STR("GET");
    return true;
}

/* Paths that no row of the table can say. */
static bool take_by_shape(const struct http_request *r, const struct segments *s, size_t at, struct operation_match *m)
{
    return take_video(r, s, at, m) || take_google_video(r, s, at, m) || take_live(r, s, at, m);
}

struct operation_match operation_of(const struct http_request *r)
{
    struct segments s = split(r->path);
    struct operation_match m = {.op = OP_NONE, .errors = errors_by_header(r)};
    if (is_hello(r, &s)) {
        m.op = OP_HELLO;
        return m;
    }
    if (s.n == 3 && r->method == HTTP_POST && segment_is(&s, 0, SL_STR("callbacks")) &&
        segment_is(&s, 1, SL_STR("videos"))) {
        m.op = OP_VIDEO_CALLBACK;
        m.model = s.v[2];
        return m;
    }
    size_t at = skip_prefix(&s, &m.errors);
    m.deployment = deployment_of(&s);
    m.ark = segment_is(&s, at, SL_STR("api")) && segment_is(&s, at + 1, SL_STR("v3"));
    at += m.ark ? 2 : 0;
    if (take_by_shape(r, &s, at, &m))
        return m;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct path_row *row = &paths[i];
        if (!path_fits(row, &s, at))
            continue;
        if (row->tail == TAIL_MODEL) {
            m.model = tail_of(r->path, &s, at + 1);
            if (take_verb(r, &m) || take_raw_verb(r, &m))
                return m;
        }
        if (row->errors != ERRORS_OPENAI)
            m.errors = row->errors;
        m.op = row->method == HTTP_OTHER || row->method == r->method ? row->op : OP_WRONG_METHOD;
        m.allow = m.op == OP_WRONG_METHOD ? row->allow : SL_STR_NONE;
        if (row->op == OP_RESPONSES && r->method == HTTP_GET && asks_for_websocket(r))
            m.op = OP_RESPONSES_SOCKET;
        if (row->tail == TAIL_RESPONSE)
            take_response(r, &s, at, &m);
        m.surface = row->surface;
        if (row->tail == TAIL_OBJECT)
            take_object(r, &s, at + 1 + (row->second.n > 0), operation_row(row->op)->object, &m);
        m.why = row->why;
        m.shape = shape_of(r, &m, row);
        return m;
    }
    return m;
}

const struct operation_row *operation_row(enum operation op)
{
    SL_CHECK(op < OP_COUNT);
    return &rows[op];
}

enum operation operation_granted_as(enum operation op)
{
    static const enum operation objects[] = {
        [OBJECT_FILE] = OP_FILE_CREATE,
        [OBJECT_BATCH] = OP_BATCH_CREATE,
        [OBJECT_MESSAGE_BATCH] = OP_MESSAGE_BATCH_CREATE,
        [OBJECT_GEMINI_FILE] = OP_FILE_CREATE,
        [OBJECT_UPLOAD] = OP_FILE_CREATE,
    };
    const struct operation_row *row = operation_row(op);
    if (op == OP_EMBED_CONTENT || op == OP_EMBED_BATCH)
        return OP_EMBEDDINGS;
    if (row->video)
        return OP_VIDEO;
    if (op == OP_RESPONSES_SOCKET)
        return OP_RESPONSES;
    if (op == OP_REALTIME_SECRET || op == OP_REALTIME_SESSION || op == OP_TRANSCRIPTION_SESSION || op == OP_LIVE)
        return OP_REALTIME;
    return row->object != OBJECT_NONE ? objects[row->object] : row->stored ? OP_RESPONSES : op;
}

int operation_by_name(struct sl_str name)
{
    for (int i = OP_CHAT; i < OP_COUNT; i++)
        if ((i <= OP_MODEL_GET || (rows[i].other && rows[i].upstream_path.n > 0)) && sl_str_eq(rows[i].name, name))
            return i;
    return -1;
}

bool operation_model_id(const struct operation_match *m, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str said = m->model.n > 0 ? m->model : m->deployment;
    char *plain = sl_arena_alloc(a, said.n);
    size_t n = 0;
    if (!url_decode(said, plain, &n) || n == 0 || !sl_utf8_valid(sl_str_of(plain, n)))
        return false;
    *out = sl_str_of(plain, n);
    return true;
}
