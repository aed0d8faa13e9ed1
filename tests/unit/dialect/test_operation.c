/* What paths mean: the variants that clients send, and all that is nobody's. */
#include "dialect/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dialect/dialect.h"
#include "dialect/request_look.h"

static struct sl_arena arena;

static struct operation_match match(enum http_method method, const char *path, const char *header)
{
    static struct http_request r;
    r = (struct http_request){.method = method, .path = sl_str_c(path), .query = SL_STR("api-version=1&beta=true")};
    if (header != NULL)
        http_headers_add(&r.headers, &arena, sl_str_c(header), SL_STR("x"));
    return operation_of(&r);
}

static const struct {
    enum http_method method;
    const char *path;
    enum operation op;
    enum error_format errors;
} rows[] = {
    {HTTP_POST, "/v1/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/chat/completions/", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/v1/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "//v1//chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/openai/v1/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/v1beta/openai/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/gemini/v1beta/openai/embeddings", OP_EMBEDDINGS, ERRORS_OPENAI},
    {HTTP_GET, "/v1beta/openai/models", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_POST, "/openai/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/completions", OP_COMPLETIONS, ERRORS_OPENAI},
    {HTTP_POST, "/v1/videos", OP_VIDEO, ERRORS_OPENAI},
    {HTTP_GET, "/v1/videos/", OP_VIDEO_LIST, ERRORS_OPENAI},
    {HTTP_DELETE, "/v1/videos", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/videos/video_1", OP_VIDEO_GET, ERRORS_OPENAI},
    {HTTP_DELETE, "/videos/video_1", OP_VIDEO_DELETE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/videos/video_1", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/videos/video_1/content", OP_VIDEO_CONTENT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/videos/video_1/remix", OP_VIDEO_REMIX, ERRORS_OPENAI},
    {HTTP_POST, "/v1/videos/video_1/cancel", OP_VIDEO_CANCEL, ERRORS_OPENAI},
    {HTTP_GET, "/v1/videos/video_1/nothing", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/videos/characters", OP_NOT_SERVED, ERRORS_OPENAI},
    {HTTP_POST, "/v1beta/models/veo-3:predictLongRunning", OP_VIDEO, ERRORS_GEMINI},
    {HTTP_POST, "/gemini/v1alpha/models/a/b:predictLongRunning", OP_VIDEO, ERRORS_GEMINI},
    {HTTP_POST, "/v1/models/veo-3:predictLongRunning", OP_VIDEO, ERRORS_GEMINI},
    {HTTP_POST, "/v1beta1/publishers/google/models/veo-3:predictLongRunning", OP_VIDEO, ERRORS_GEMINI},
    {HTTP_POST, "/v1/projects/p/locations/l/publishers/google/models/v:fetchPredictOperation", OP_VIDEO_FETCH,
     ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/models/veo-3:predictLongRunning", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/models/a/b/operations/video_1", OP_VIDEO_GET, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/operations/anything", OP_VIDEO_GET, ERRORS_GEMINI},
    {HTTP_GET, "/gemini/v1/operations/video_1", OP_VIDEO_GET, ERRORS_GEMINI},
    {HTTP_GET, "/v1/models/veo-3/operations/video_1", OP_VIDEO_GET, ERRORS_GEMINI},
    {HTTP_GET, "/v1/models/veo-3/operations/x", OP_MODEL_GET, ERRORS_OPENAI},
    {HTTP_POST, "/v1beta/operations/video_1", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/operations/video_1/more", OP_NONE, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/video0123456789abcdef0123456789abcdef:download", OP_VIDEO_CONTENT, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/http://h:80/v1beta/files/video0123456789abcdef0123456789abcdef:download",
     OP_VIDEO_CONTENT, ERRORS_GEMINI},
    {HTTP_DELETE, "/v1beta/files/video0123456789abcdef0123456789abcdef:download", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/video0123456789abcdef0123456789abcde:download", OP_GFILE_CONTENT, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/video0123456789abcdef0123456789abcdef", OP_GFILE_GET, ERRORS_GEMINI},
    {HTTP_POST, "/api/v3/contents/generations/tasks", OP_VIDEO, ERRORS_OPENAI},
    {HTTP_GET, "/api/v3/contents/generations/tasks", OP_VIDEO_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/api/v3/contents/generations/tasks/cgt-1", OP_VIDEO_GET, ERRORS_OPENAI},
    {HTTP_DELETE, "/api/v3/contents/generations/tasks/cgt-1", OP_VIDEO_DELETE, ERRORS_OPENAI},
    {HTTP_GET, "/api/v3/contents/generations", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/api/v3/images/generations", OP_IMAGES, ERRORS_OPENAI},
    {HTTP_POST, "/api/v3/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/api/v3/videos", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/completions", OP_COMPLETIONS, ERRORS_OPENAI},
    {HTTP_POST, "/v1/embeddings", OP_EMBEDDINGS, ERRORS_OPENAI},
    {HTTP_POST, "/embeddings/", OP_EMBEDDINGS, ERRORS_OPENAI},
    {HTTP_GET, "/v1/models", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/models", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/v1/models/", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/v1/models/gpt-4o", OP_MODEL_GET, ERRORS_OPENAI},
    {HTTP_GET, "/v1/models/openai/gpt-4o", OP_MODEL_GET, ERRORS_OPENAI},
    {HTTP_GET, "/v1/models/ft:gpt-4o:org::id", OP_MODEL_GET, ERRORS_OPENAI},
    {HTTP_HEAD, "/", OP_HELLO, ERRORS_OPENAI},
    {HTTP_HEAD, "", OP_HELLO, ERRORS_OPENAI},
    {HTTP_HEAD, "/api/hello", OP_HELLO, ERRORS_OPENAI},
    {HTTP_GET, "/api/hello", OP_HELLO, ERRORS_OPENAI},
    /* Azure's clients: the deployment is in the path, and in the body as the model. */
    {HTTP_POST, "/openai/deployments/gpt-4o/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/my%20name/chat/completions/", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "//openai//deployments//gpt-4o//chat//completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/gpt-4o/completions", OP_COMPLETIONS, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/ada/embeddings", OP_EMBEDDINGS, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/chat/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/deployments/embeddings", OP_EMBEDDINGS, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/v1/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_GET, "/openai/models", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/openai/deployments/gpt-4o/chat/completions", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/dall-e/images/generations", OP_IMAGES, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/tts/audio/speech", OP_SPEECH, ERRORS_OPENAI},
    {HTTP_POST, "/openai/files", OP_FILE_CREATE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/files", OP_FILE_LIST, ERRORS_OPENAI},
    {HTTP_PUT, "/v1/files", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/files/file-1/", OP_FILE_GET, ERRORS_OPENAI},
    {HTTP_DELETE, "/v1/files/file-1", OP_FILE_DELETE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/files/file-1/content", OP_FILE_CONTENT, ERRORS_OPENAI},
    {HTTP_DELETE, "/v1/files/file-1/content", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/files/file-1/contents", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/files/file-1/content/x", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1beta/files", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_POST, "/upload/v1beta/files", OP_GFILE_START, ERRORS_GEMINI},
    {HTTP_POST, "/gemini/upload/v1beta/files/", OP_GFILE_START, ERRORS_GEMINI},
    {HTTP_POST, "/upload/v1/files", OP_GFILE_START, ERRORS_GEMINI},
    {HTTP_POST, "/upload/files", OP_GFILE_START, ERRORS_GEMINI},
    {HTTP_PUT, "/upload/v1beta/files", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_POST, "/upload/v1beta/fileSearchStores/x:uploadToFileSearchStore", OP_NONE, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files", OP_GFILE_LIST, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/abc", OP_GFILE_GET, ERRORS_GEMINI},
    {HTTP_DELETE, "/gemini/v1beta/files/abc", OP_GFILE_DELETE, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/abc:download", OP_GFILE_CONTENT, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/abc:else", OP_NONE, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/files/abc/content", OP_NONE, ERRORS_GEMINI},
    {HTTP_POST, "/v1beta/files/abc", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_POST, "/v1beta/batches", OP_NOT_SERVED, ERRORS_GEMINI},
    {HTTP_POST, "/v1/uploads", OP_UPLOAD_CREATE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/uploads", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_POST, "/uploads/upload_1/parts", OP_UPLOAD_PART, ERRORS_OPENAI},
    {HTTP_POST, "/openai/v1/uploads/upload_1/complete", OP_UPLOAD_COMPLETE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/uploads/upload_1/cancel", OP_UPLOAD_CANCEL, ERRORS_OPENAI},
    {HTTP_GET, "/v1/uploads/upload_1", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/batches", OP_BATCH_CREATE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/batches/batch_1", OP_BATCH_GET, ERRORS_OPENAI},
    {HTTP_POST, "/v1/batches/batch_1/cancel", OP_BATCH_CANCEL, ERRORS_OPENAI},
    {HTTP_DELETE, "/v1/batches/batch_1", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/messages/batches", OP_MESSAGE_BATCH_LIST, ERRORS_ANTHROPIC},
    {HTTP_GET, "/v1/messages/batches/b/results", OP_MESSAGE_BATCH_RESULTS, ERRORS_ANTHROPIC},
    {HTTP_DELETE, "/v1/messages/batches/b", OP_MESSAGE_BATCH_DELETE, ERRORS_ANTHROPIC},
    {HTTP_POST, "/openai/deployments/gpt-4o", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/chat/completions", OP_COMPLETIONS, ERRORS_OPENAI}, /* its name is "chat" */
    {HTTP_POST, "/openai/deployments/gpt-4o/chat", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/a/b/chat/completions", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/../chat/completions", OP_CHAT, ERRORS_OPENAI}, /* a name like any other */
    {HTTP_POST, "/deployments/gpt-4o/chat/completions", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/openai/deployments", OP_NONE, ERRORS_OPENAI},
    /* The wrong method. */
    {HTTP_GET, "/v1/chat/completions", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_DELETE, "/v1/models/gpt-4o", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_POST, "/v1/models", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_OTHER, "/v1/embeddings", OP_WRONG_METHOD, ERRORS_OPENAI},
    /* Known, not served. */
    {HTTP_POST, "/v1/responses", OP_RESPONSES, ERRORS_RESPONSES},
    {HTTP_POST, "/responses/", OP_RESPONSES, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses", OP_WRONG_METHOD, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses/resp_1", OP_RESPONSE_GET, ERRORS_RESPONSES},
    {HTTP_GET, "/responses/resp_1/", OP_RESPONSE_GET, ERRORS_RESPONSES},
    {HTTP_DELETE, "/v1/responses/resp_1", OP_RESPONSE_DELETE, ERRORS_RESPONSES},
    {HTTP_POST, "/v1/responses/resp_1", OP_WRONG_METHOD, ERRORS_RESPONSES},
    {HTTP_POST, "/v1/responses/resp_1/cancel", OP_RESPONSE_CANCEL, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses/resp_1/cancel", OP_WRONG_METHOD, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses/resp_1/input_items", OP_RESPONSE_ITEMS, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses/resp_1/input_items/x", OP_NONE, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/responses/resp_1/steer", OP_NONE, ERRORS_RESPONSES},
    {HTTP_POST, "/v1/responses/input_tokens", OP_RESPONSES_COUNT, ERRORS_RESPONSES},
    {HTTP_POST, "/v1/responses/compact", OP_NOT_SERVED, ERRORS_RESPONSES},
    {HTTP_GET, "/v1/chat/completions/chatcmpl-1", OP_NOT_SERVED, ERRORS_OPENAI},
    {HTTP_POST, "/v1/messages", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/messages", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/v1/messages", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/messages/count_tokens", OP_MESSAGES_COUNT, ERRORS_ANTHROPIC},
    {HTTP_POST, "/anthropic/v1/messages", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/anthropic/messages", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/anthropic/v1/v1/messages/", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/messages/", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/anthropic/v1/messages/count_tokens/", OP_MESSAGES_COUNT, ERRORS_ANTHROPIC},
    {HTTP_GET, "/anthropic/v1/models", OP_MODELS_LIST, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/v1/responses", OP_RESPONSES, ERRORS_RESPONSES},
    {HTTP_POST, "/openai/v1/responses/", OP_RESPONSES, ERRORS_RESPONSES},
    {HTTP_POST, "/v1alpha/models/g:generateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/gemini/v1/models/g:streamGenerateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/gemini/models/g:generateContent/", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/v1beta/v1beta/models/g:countTokens", OP_GENERATE_COUNT,
     ERRORS_GEMINI}, /* a base URL with its version */
    {HTTP_POST, "/v1beta/models/g%3AgenerateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/v1/projects/p/locations/l/publishers/anthropic/models/c%401%3ArawPredict", OP_MESSAGES,
     ERRORS_ANTHROPIC},
    {HTTP_GET, "/v1/models/ft%3AgenerateContents", OP_MODEL_GET, ERRORS_OPENAI},
    {HTTP_GET, "/v1beta/models", OP_MODELS_LIST, ERRORS_GEMINI},
    {HTTP_GET, "/gemini/v1beta/models/g", OP_MODEL_GET, ERRORS_GEMINI},
    {HTTP_GET, "/v1/model/info", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_GET, "/model/info/", OP_MODELS_LIST, ERRORS_OPENAI},
    {HTTP_POST, "/v1/messages/batches", OP_MESSAGE_BATCH_CREATE, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1beta/models/gemini-3-pro:generateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/gemini/v1beta/models/gemini-3-pro:countTokens", OP_GENERATE_COUNT, ERRORS_GEMINI},
    {HTTP_POST, "/v1beta1/projects/p/locations/l/publishers/google/models/g:generateContent", OP_GENERATE,
     ERRORS_GEMINI},
    {HTTP_POST, "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions", OP_CHAT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:rawPredict", OP_MESSAGES, ERRORS_ANTHROPIC},
    {HTTP_POST, "/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict", OP_MESSAGES,
     ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict", OP_MESSAGES_COUNT,
     ERRORS_ANTHROPIC},
    {HTTP_POST, "/vertex/v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict", OP_MESSAGES,
     ERRORS_ANTHROPIC},
    {HTTP_POST, "/vertex/v1beta1/publishers/google/models/g:generateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_GET, "/v1/publishers/anthropic/models/c:rawPredict", OP_WRONG_METHOD, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1/publishers/mistralai/models/c:rawPredict", OP_NOT_SERVED, ERRORS_ANTHROPIC},
    {HTTP_POST, "/v1beta/models/g:embedContent", OP_EMBED_CONTENT, ERRORS_GEMINI},
    {HTTP_GET, "/v1beta/models/g:countTokens", OP_WRONG_METHOD, ERRORS_GEMINI},
    {HTTP_POST, "/v1/models/gemini-3-pro:streamGenerateContent", OP_GENERATE, ERRORS_GEMINI},
    {HTTP_POST, "/v1/images/generations", OP_IMAGES, ERRORS_OPENAI},
    {HTTP_POST, "/v1/audio/speech", OP_SPEECH, ERRORS_OPENAI},
    {HTTP_POST, "/v1/audio/transcriptions", OP_TRANSCRIPTION, ERRORS_OPENAI},
    {HTTP_POST, "/openai/deployments/whisper/audio/translations", OP_TRANSLATION, ERRORS_OPENAI},
    {HTTP_POST, "/v1/images/edits", OP_IMAGE_EDIT, ERRORS_OPENAI},
    {HTTP_POST, "/v1/images/variations", OP_IMAGE_VARIATION, ERRORS_OPENAI},
    {HTTP_GET, "/v1/audio/transcriptions", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_GET, "/v1/realtime", OP_REALTIME, ERRORS_OPENAI},
    {HTTP_GET, "/openai/v1/realtime", OP_REALTIME, ERRORS_OPENAI},
    {HTTP_GET, "/openai/realtime", OP_REALTIME, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime/client_secrets", OP_REALTIME_SECRET, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime/sessions", OP_REALTIME_SESSION, ERRORS_OPENAI},
    {HTTP_GET, "/v1/realtime/client_secrets", OP_WRONG_METHOD, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime/calls/rtc_1/hangup", OP_NOT_SERVED, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime/translations", OP_NOT_SERVED, ERRORS_OPENAI},
    {HTTP_POST, "/v1/realtime/transcription_sessions", OP_TRANSCRIPTION_SESSION, ERRORS_OPENAI},
    {HTTP_GET, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", OP_LIVE, ERRORS_GEMINI},
    {HTTP_GET, "/gemini/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent", OP_LIVE,
     ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", OP_LIVE, ERRORS_GEMINI},
    {HTTP_POST, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", OP_WRONG_METHOD,
     ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained",
     OP_NOT_SERVED, ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMusic", OP_NOT_SERVED,
     ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.ai.generativelanguage..GenerativeService.BidiGenerateContent", OP_NOT_SERVED, ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.ai.generativelanguage.v1%2e.GenerativeService.BidiGenerateContent", OP_NOT_SERVED,
     ERRORS_GEMINI},
    {HTTP_GET, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent/x", OP_NOT_SERVED,
     ERRORS_GEMINI},
    /* Nobody's. */
    {HTTP_GET, "/", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/v1", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/chat", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/chat/completion", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/Chat/Completions", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v2/chat/completions", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/completions/x", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/embeddings/../chat/completions", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/chat%2Fcompletions", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/organization/costs", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/v1/organization/admin_api_keys", OP_NONE, ERRORS_OPENAI},
    {HTTP_GET, "/v1beta/nothing", OP_NONE, ERRORS_GEMINI},
    {HTTP_POST, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", OP_NONE, ERRORS_OPENAI},
    {HTTP_POST, "/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/v1/embeddings", OP_NONE, ERRORS_OPENAI},
};

static bool is_of_all(enum operation op)
{
    return op == OP_FILE_CREATE || op == OP_FILE_LIST || op == OP_BATCH_CREATE || op == OP_BATCH_LIST ||
           op == OP_MESSAGE_BATCH_CREATE || op == OP_MESSAGE_BATCH_LIST || op == OP_VIDEO_LIST ||
           op == OP_GFILE_START || op == OP_GFILE_LIST || op == OP_UPLOAD_CREATE;
}

static void paths(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct operation_match m = match(rows[i].method, rows[i].path, NULL);
        if (m.op != rows[i].op || m.errors != rows[i].errors)
            fail_msg("%d %s: operation %d, errors %d", rows[i].method, rows[i].path, m.op, m.errors);
        assert_int_equal(m.allow.n > 0, m.op == OP_WRONG_METHOD);
        assert_int_equal(m.surface.n > 0, m.op == OP_NOT_SERVED);
        bool in_path = m.op == OP_MODEL_GET || m.op == OP_GENERATE || m.op == OP_GENERATE_COUNT ||
                       m.op == OP_EMBED_CONTENT || (operation_row(m.op)->stored && !is_of_all(m.op)) ||
                       m.op == OP_VIDEO_REMIX || m.op == OP_LIVE || (m.op == OP_VIDEO && m.google) ||
                       (m.op == OP_MESSAGES && strstr(rows[i].path, "awPredict") != NULL);
        if (m.op != OP_WRONG_METHOD && m.op != OP_NOT_SERVED)
            assert_int_equal(m.model.n > 0, in_path);
        assert_int_equal(m.stream, strstr(rows[i].path, ":stream") != NULL);
        assert_true(m.deployment.n == 0 || sl_str_find_str(sl_str_c(rows[i].path), SL_STR("deployments")) >= 0);
    }
    sl_arena_done(&arena);
}

static void formats_by_header(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    assert_int_equal(match(HTTP_GET, "/v1/models", "anthropic-version").errors, ERRORS_ANTHROPIC);
    assert_int_equal(match(HTTP_GET, "/v1/models", "x-goog-api-key").errors, ERRORS_GEMINI);
    assert_int_equal(match(HTTP_GET, "/nowhere", "anthropic-version").errors, ERRORS_ANTHROPIC);
    assert_int_equal(match(HTTP_GET, "/v1/models", "x-api-key").errors,
                     ERRORS_OPENAI); /* never by the key's header alone */
    sl_arena_done(&arena);
}

static void uploads_of_gemini(void **state)
{
    struct http_request r = {
        .method = HTTP_POST, .path = SL_STR("/upload/v1beta/files"), .query = SL_STR("x=1&upload_id=ab_c&y=2")};
    (void)state;
    struct operation_match m = operation_of(&r);
    assert_int_equal(m.op, OP_GFILE_SEND);
    assert_true(sl_str_eq(m.model, SL_STR("ab_c")));
    r.method = HTTP_PUT;
    assert_int_equal(operation_of(&r).op, OP_GFILE_SEND);
    r.method = HTTP_GET;
    assert_int_equal(operation_of(&r).op, OP_WRONG_METHOD);
    assert_int_equal(operation_granted_as(OP_GFILE_SEND), OP_FILE_CREATE);
    assert_int_equal(operation_granted_as(OP_UPLOAD_PART), OP_FILE_CREATE);
}

/* Responses by GET are Responses over a WebSocket, where that is asked for. */
static void upgrades(void **state)
{
    (void)state;
    struct http_request r = {.method = HTTP_GET, .path = SL_STR("/v1/responses")};
    sl_arena_init(&arena, NULL);
    http_headers_add_id(&r.headers, &arena, HN_UPGRADE, SL_STR("WebSocket"));
    struct operation_match m = operation_of(&r);
    assert_int_equal(m.op, OP_RESPONSES_SOCKET);
    assert_int_equal(m.errors, ERRORS_RESPONSES);
    assert_int_equal(operation_granted_as(m.op), OP_RESPONSES);
    r.path = SL_STR("/v1/responses/resp_1");
    assert_int_equal(operation_of(&r).op, OP_RESPONSE_GET);
    r.path = SL_STR("/v1/messages");
    assert_int_equal(operation_of(&r).op, OP_WRONG_METHOD);
    sl_arena_done(&arena);
}

/* The deployment of Azure's clients stands for the model, in the words of the path. */
static void deployments(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    struct operation_match m = match(HTTP_POST, "/openai/deployments/my%20name/chat/completions", NULL);
    struct sl_str id;
    assert_true(operation_model_id(&m, &arena, &id));
    assert_true(sl_str_eq(id, SL_STR("my name")));
    static const char *const bodies[][2] = {
        {"{\"a\":1}", "{\"model\":\"my name\",\"a\":1}"},
        {" { }", " {\"model\":\"my name\" }"},
        {"{\"a\":{\"model\":\"x\"}}", "{\"model\":\"my name\",\"a\":{\"model\":\"x\"}}"},
        {"{\"model\":\"x\"}", "{\"model\":\"x\"}"},
        {"{\"model\":null}", "{\"model\":null}"},
        {"[]", "[]"},
        {"{\"a\"", "{\"a\""},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_true(sl_str_eq(request_default_model(sl_str_c(bodies[i][0]), id, &arena), sl_str_c(bodies[i][1])));
    sl_arena_done(&arena);
}

static void ids_of_models(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    static const struct {
        const char *path;
        bool good;
        const char *id;
    } ids[] = {{"/v1/models/gpt-4o", true, "gpt-4o"},
               {"/v1/models/openai/gpt-4o/", true, "openai/gpt-4o"},
               {"/v1/models/openai%2Fgpt-4o", true, "openai/gpt-4o"},
               {"/models/ft%3Agpt", true, "ft:gpt"},
               {"/models/%C3%A4", true, "\xc3\xa4"},
               {"/models/%zz", false, NULL},
               {"/models/a%00b", false, NULL},
               {"/models/%ff", false, NULL}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct operation_match m = match(HTTP_GET, ids[i].path, NULL);
        assert_int_equal(m.op, OP_MODEL_GET);
        struct sl_str id;
        bool ok = operation_model_id(&m, &arena, &id);
        assert_int_equal(ok, ids[i].good);
        if (ok)
            assert_true(sl_str_eq(id, sl_str_c(ids[i].id)));
    }
    sl_arena_done(&arena);
}

static void properties(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        const struct operation_row *row = operation_row((enum operation)op);
        assert_true(row->name.n > 0);
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        struct sl_str path =
            dialect_upstream_path(dialect_of((enum operation)op), (enum operation)op, SL_STR("m"), false, &a);
        bool own = op <= OP_EMBEDDINGS || dialect_of((enum operation)op) != dialect_of(OP_CHAT);
        if (own && !row->session) /* those have paths of their own */
            assert_int_equal(row->relayed, path.n > 0);
        sl_arena_done(&a);
        if (row->relayed)
            assert_true((row->body || row->form || row->stored || row->session) && row->needs_key);
        enum operation_object granted = operation_row(operation_granted_as((enum operation)op))->object;
        bool as_file = row->object == OBJECT_GEMINI_FILE || row->object == OBJECT_UPLOAD;
        if (row->object != OBJECT_NONE)
            assert_true(row->stored && granted == (as_file ? OBJECT_FILE : row->object));
        if (row->streams)
            assert_true(row->relayed);
        assert_non_null(dialect_of((enum operation)op));
        int found = operation_by_name(row->name);
        bool grantable = (op >= OP_CHAT && op <= OP_MODEL_GET) || (row->other && row->upstream_path.n > 0);
        assert_int_equal(found, grantable ? op : -1);
    }
    assert_int_equal(operation_by_name(SL_STR("")), -1);
    assert_ptr_equal(dialect_find(SL_STR("openai")), dialect_of(OP_CHAT));
    assert_null(dialect_find(SL_STR("nothing")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),         cmocka_unit_test(formats_by_header),
        cmocka_unit_test(ids_of_models), cmocka_unit_test(uploads_of_gemini),
        cmocka_unit_test(upgrades),      cmocka_unit_test(properties),
        cmocka_unit_test(deployments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
