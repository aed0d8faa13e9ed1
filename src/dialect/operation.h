/* What a request wants, from its method and path alone: one table. Read before anybody's body is.
 *
 * Paths are taken as clients really send them (with and without /v1, doubled, trailing slash, vendor prefix); the table's
 * names are without all that. Unknown query strings do not matter. Pure. */
#ifndef SLUICE_DIALECT_OPERATION_H
#define SLUICE_DIALECT_OPERATION_H

#include <stdint.h>

#include "http/message.h"

enum operation {
    OP_NONE = 0,       /* no such path */
    OP_WRONG_METHOD,   /* the path is known, the method is not for it: operation_allow */
    OP_HELLO,          /* HEAD / and HEAD|GET /api/hello: 200 */
    OP_VIDEO_CALLBACK, /* POST /callbacks/videos/TOKEN: a provider says that a job has changed; the token is in `model` */
    OP_CHAT,
    OP_COMPLETIONS,
    OP_EMBEDDINGS,
    OP_RESPONSES,       /* OpenAI's Responses: create */
    OP_RESPONSES_COUNT, /* its input_tokens */
    OP_MESSAGES,        /* Anthropic's Messages */
    OP_MESSAGES_COUNT,  /* its count_tokens */
    OP_GENERATE,        /* Gemini's generateContent and streamGenerateContent */
    OP_GENERATE_COUNT,  /* its countTokens */
    OP_TRANSCRIPTION,   /* forms: OpenAI's audio/transcriptions, audio/translations, images/edits, images/variations */
    OP_TRANSLATION,
    OP_IMAGE_EDIT,
    OP_IMAGE_VARIATION,
    OP_VIDEO, /* a video job: create. OpenAI's /videos, Ark's /contents/generations/tasks (operation_match.ark), Google's
                 models/M:predictLongRunning (operation_match.google) */
    OP_FILE_CREATE, /* objects: files and batches (docs/internals/files.md); the others are granted as these are */
    OP_BATCH_CREATE,
    OP_MESSAGE_BATCH_CREATE,
    OP_REALTIME, /* OpenAI's Realtime API: a session over a WebSocket */
    OP_MODELS_LIST,
    OP_MODEL_GET,
    OP_RESPONSE_GET, /* of one that is stored; these four are granted as OP_RESPONSES is */
    OP_RESPONSE_DELETE,
    OP_RESPONSE_CANCEL,
    OP_RESPONSE_ITEMS, /* its input_items */
    OP_MODERATIONS,
    OP_RERANK,           /* Cohere's and Jina's */
    OP_IMAGES,           /* images/generations */
    OP_SPEECH,           /* audio/speech */
    OP_EMBED_CONTENT,    /* Gemini's embedContent */
    OP_EMBED_BATCH,      /* its batchEmbedContents; the last two are granted as OP_EMBEDDINGS is */
    OP_REALTIME_SECRET,  /* POST realtime/client_secrets: a key for a browser; granted as OP_REALTIME is */
    OP_REALTIME_SESSION, /* POST realtime/sessions: the same, as the beta interface had it */
    OP_RESPONSES_SOCKET, /* Responses over a WebSocket: a session; granted as OP_RESPONSES is */
    OP_TRANSCRIPTION_SESSION, /* POST realtime/transcription_sessions: as OP_REALTIME_SESSION, for sessions that transcribe */
    OP_LIVE, /* Gemini's Live API: a session; granted as OP_REALTIME is. operation_match.model is the version it is asked in */
    OP_VIDEO_REMIX, /* of video jobs; all these are granted as OP_VIDEO is */
    OP_VIDEO_GET,
    OP_VIDEO_LIST,
    OP_VIDEO_DELETE,
    OP_VIDEO_CANCEL,
    OP_VIDEO_CONTENT,
    OP_VIDEO_FETCH, /* Vertex' models/M:fetchPredictOperation: one job, named by the body */
    OP_FILE_LIST,
    OP_FILE_GET,
    OP_FILE_CONTENT,
    OP_FILE_DELETE,
    OP_BATCH_LIST,
    OP_BATCH_GET,
    OP_BATCH_CANCEL,
    OP_MESSAGE_BATCH_LIST,
    OP_MESSAGE_BATCH_GET,
    OP_MESSAGE_BATCH_RESULTS,
    OP_MESSAGE_BATCH_CANCEL,
    OP_MESSAGE_BATCH_DELETE,
    OP_GFILE_START, /* Gemini's files: an upload is asked for; all these are granted as OP_FILE_CREATE */
    OP_GFILE_SEND,  /* bytes of it, or a question about it: the upload's id (of the query) is in `model` */
    OP_GFILE_LIST,
    OP_GFILE_GET,
    OP_GFILE_CONTENT,
    OP_GFILE_DELETE,
    OP_UPLOAD_CREATE, /* OpenAI's uploads in parts, the same */
    OP_UPLOAD_PART,
    OP_UPLOAD_COMPLETE,
    OP_UPLOAD_CANCEL,
    OP_NOT_SERVED, /* a path of a known API that this gateway does not serve yet */
    OP_COUNT
};

/* In whose format errors go out. */
enum error_format {
    ERRORS_OPENAI = 0,
    ERRORS_ANTHROPIC,
    ERRORS_GEMINI,
    ERRORS_RESPONSES /* bodies as OpenAI's, events of their own */
};

/* How GET /models is to be answered (models.h). */
enum models_shape {
    MODELS_OPENAI = 0,
    MODELS_ANTHROPIC,
    MODELS_GEMINI,
    MODELS_CODEX,
    MODELS_INFO /* LiteLLM's /model/info */
};

#define OPERATION_VIDEO_RANDOM 32u /* characters of a video job's id behind "video_" */

/* What is made at a provider and named later. */
enum operation_object {
    OBJECT_NONE = 0,
    OBJECT_FILE,
    OBJECT_BATCH,         /* OpenAI's */
    OBJECT_MESSAGE_BATCH, /* Anthropic's */
    OBJECT_GEMINI_FILE,
    OBJECT_UPLOAD /* OpenAI's, in parts */
};

struct operation_row {
    struct sl_str name;          /* for records, metrics and grants: "chat" */
    struct sl_str upstream_path; /* behind the provider's base URL: "/chat/completions"; empty: never goes upstream */
    bool needs_key;
    bool body;       /* a JSON body is expected */
    bool form;       /* ... or a form (form.h) */
    bool form_only;  /* a form, and no JSON */
    bool any_answer; /* an answer may be something else than JSON: texts, sounds */
    bool relayed;    /* goes to a provider */
    bool repeatable; /* may be tried again: it creates nothing */
    bool streams;    /* `stream` may be asked for */
    bool generates;  /* an answer of a model that another dialect can say, too: may be translated */
    bool counts;     /* only counts tokens: never billed, may be answered here */
    bool other;      /* no conversation: exchange/other.c, dialect/other/ */
    bool session;    /* a WebSocket: no body, each response in it is charged by itself */
    bool video;      /* about video jobs: docs/internals/jobs.md */
    bool stored;     /* about something stored, named by the path: mostly no body, never billed */
    bool upload;     /* its body is a form that passes as it comes: uploads.c */
    bool raw;        /* ... or just bytes */
    enum operation_object object;
};
const struct operation_row *operation_row(enum operation op);
/* The operation whose grant covers it. */
enum operation operation_granted_as(enum operation op);
/* By name, for grants ("chat"); -1: no such name. Only operations that a key can be granted. */
int operation_by_name(struct sl_str name);

struct operation_match {
    enum operation op;
    enum error_format errors;
    struct sl_str model; /* of the path (OP_MODEL_GET, OP_GENERATE..., OP_MESSAGES of Vertex' clients, the response's in
                            OP_RESPONSE_*, the job's in OP_VIDEO_* (the model of a google create; of a google content without "video"), the object's of files and batches, the version of OP_LIVE): the id, still percent-encoded; view of `path` */
    struct sl_str
        deployment; /* of Azure's clients: the model, where the body names none; percent-encoded; view of `path` */
    enum models_shape shape; /* OP_MODELS_LIST, OP_MODEL_GET */
    bool stream;             /* OP_GENERATE: streamGenerateContent */
    bool stream_array;       /* without alt=sse: the stream is one JSON array */
    bool ark;                /* asked below /api/v3, where Ark's clients ask, in Ark's words */
    bool google;             /* OP_VIDEO...: asked as an operation of Veo's, in Google's words */
    struct sl_str allow;     /* OP_WRONG_METHOD: value for the allow header */
    struct sl_str surface;   /* OP_NOT_SERVED: what it would have been: "the Responses API" */
    struct sl_str why;       /* OP_NOT_SERVED: a whole sentence that says why it never will be; empty: none */
};

/* r: method, path and headers are read (headers only to tell whose format GET /models is asked in). */
struct operation_match operation_of(const struct http_request *r);

/* The id of m->model with %XX decoded, in the arena; false when it is not valid (bad escape, NUL, not UTF-8). */
bool operation_model_id(const struct operation_match *m, struct sl_arena *a, struct sl_str *out);

#endif
