#include "chat_lib.h"

#include <stdio.h>

#include "http/sse.h"

void chat_case_init(struct chat_case *c, const char *face, const char *up, const char *platform, const char *model)
{
    memset(c, 0, sizeof *c);
    sl_arena_init(&c->a, NULL);
    c->notes.a = &c->a;
    sl_buf_init(&c->out, 64u << 20);
    sl_buf_init(&c->log, 64u << 20);
    c->req = (struct neutral_request){.from = dialect_find(sl_str_c(face)), .n = 1, .reasoning = {.budget = -1}};
    c->req.model = SL_STR("alias");
    c->t = (struct translation){.face = dialect_find(sl_str_c(face)),
                                .up = dialect_find(sl_str_c(up)),
                                .req = &c->req,
                                .up_model = sl_str_c(model),
                                .platform = sl_str_c(platform),
                                .a = &c->a,
                                .notes = &c->notes,
                                .id = SL_STR("x1"),
                                .created_s = 1795000000,
                                .show_reasoning = true};
    c->t.caps = caps_find(c->t.up->codec->caps, c->t.up_model);
    c->collector = neutral_collector_new(&c->a);
}

void chat_case_done(struct chat_case *c)
{
    sl_buf_done(&c->out);
    sl_buf_done(&c->log);
    sl_arena_done(&c->a);
}

bool chat_case_request(struct chat_case *c, const char *body)
{
    const struct dialect *from = c->req.from;
    bool fine = openai_chat_codec.request_read(OP_CHAT, sl_str_c(body), &c->a, &c->req, &c->refusal);
    c->req.from = from;
    return fine;
}

bool chat_case_write(struct chat_case *c, struct sl_str *out)
{
    sl_buf_reset(&c->out);
    bool fine = c->t.up->codec->request_write(&c->t, &c->out, &c->refusal);
    *out = sl_buf_str(&c->out);
    return fine;
}

/* -- Events as text ------------------------------------------------------------------------------------------------------------ */

static const char *const finish_names[] = {"none",   "stop",  "stop_sequence", "length",    "tool_calls",
                                           "filter", "pause", "context",       "malformed", "other"};

static void log_output(struct chat_case *c, const struct neutral_event *e)
{
    struct sl_buf *to = &c->log;
    switch (e->kind) {
    case NE_TEXT:
        sl_buf_addf(to, "text(" SL_STR_FMT ") ", SL_STR_ARG(e->text));
        break;
    case NE_REASONING:
        sl_buf_addf(to, "think%u(" SL_STR_FMT ") ", e->block, SL_STR_ARG(e->text));
        break;
    case NE_SIGNATURE:
        sl_buf_addf(to, "signature%u ", e->block);
        break;
    case NE_REDACTED:
        sl_buf_addf(to, "redacted%u ", e->block);
        break;
    case NE_REFUSAL:
        sl_buf_addf(to, "refusal(" SL_STR_FMT ") ", SL_STR_ARG(e->text));
        break;
    case NE_CALL_BEGIN:
        sl_buf_addf(to, "call%u(" SL_STR_FMT "," SL_STR_FMT "%s) ", e->call, SL_STR_ARG(e->id), SL_STR_ARG(e->name),
                    e->custom ? ",custom" : "");
        break;
    case NE_CALL_ARGS:
        sl_buf_addf(to, "args%u(" SL_STR_FMT ") ", e->call, SL_STR_ARG(e->text));
        break;
    case NE_CALL_END:
        sl_buf_addf(to, "end%u ", e->call);
        break;
    case NE_MEDIA:
        sl_buf_addf(to, "%s(" SL_STR_FMT "," SL_STR_FMT "," SL_STR_FMT ") ", e->is_audio ? "audio" : "image",
                    SL_STR_ARG(e->media.mime), SL_STR_ARG(e->media.data), SL_STR_ARG(e->text));
        break;
    case NE_CITATION:
        sl_buf_addf(to, "cite(" SL_STR_FMT "," SL_STR_FMT ",%d,%d) ", SL_STR_ARG(e->citation.url),
                    SL_STR_ARG(e->citation.title), (int)e->citation.from, (int)e->citation.to);
        break;
    case NE_LOGPROBS:
        sl_buf_addf(to, "logprobs(" SL_STR_FMT ") ", SL_STR_ARG(e->raw));
        break;
    default:
        break;
    }
}

static void log_event(void *owner, const struct neutral_event *e)
{
    struct chat_case *c = owner;
    const struct neutral_sink collect = neutral_collector_sink(c->collector);
    struct sl_buf *to = &c->log;
    neutral_put(&collect, e);
    if (e->choice > 0)
        sl_buf_addf(to, "%u:", e->choice);
    switch (e->kind) {
    case NE_START:
        c->starts++;
        sl_buf_addf(to, "start(" SL_STR_FMT "," SL_STR_FMT ") ", SL_STR_ARG(e->id), SL_STR_ARG(e->model));
        break;
    case NE_USAGE:
        sl_buf_addf(to, "usage(%u,%u,%u,%u,%u) ", (unsigned)e->usage.prompt, (unsigned)e->usage.completion,
                    (unsigned)e->usage.cached, (unsigned)e->usage.cache_write, (unsigned)e->usage.reasoning);
        break;
    case NE_FINISH:
        c->finishes++;
        sl_buf_addf(to, "finish(%s%s" SL_STR_FMT ") ", finish_names[e->finish], e->stop_sequence.n > 0 ? "," : "",
                    SL_STR_ARG(e->stop_sequence));
        break;
    case NE_PING:
        sl_buf_adds(to, SL_STR("ping "));
        break;
    case NE_ERROR:
        sl_buf_addf(to, "error(%d," SL_STR_FMT "," SL_STR_FMT "," SL_STR_FMT ") ", e->error.status,
                    SL_STR_ARG(e->error.type), SL_STR_ARG(e->error.code), SL_STR_ARG(e->error.message));
        break;
    case NE_DONE:
        sl_buf_adds(to, SL_STR("done "));
        break;
    default:
        log_output(c, e);
    }
}

struct neutral_sink chat_case_sink(struct chat_case *c)
{
    return (struct neutral_sink){.put = log_event, .owner = c};
}

/* -- Streams ------------------------------------------------------------------------------------------------------------------- */

static bool feed_slice(struct chat_case *c, struct sse_scanner *sse, void *reader, struct sl_str slice,
                       const struct neutral_sink *to)
{
    struct sse_piece piece;
    while (sse_next(sse, &slice, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data &&
            !c->t.up->codec->stream_read(reader, piece.name, piece.data, to))
            return false;
    return true;
}

enum chat_fed chat_case_feed(struct chat_case *c, struct sl_str stream, size_t step, const struct neutral_sink *to)
{
    struct sse_scanner sse;
    enum chat_fed fed = FED_WHOLE;
    sse_scanner_init(&sse, 0);
    void *reader = c->t.up->codec->stream_read_begin(&c->t);
    while (stream.n > 0 && fed == FED_WHOLE) {
        size_t n = step == 0 || step > stream.n ? stream.n : step;
        if (!feed_slice(c, &sse, reader, sl_str_head(stream, n), to))
            fed = FED_BROKEN;
        stream = sl_str_from(stream, n);
    }
    if (fed == FED_WHOLE && !c->t.up->codec->stream_read_end(reader, to))
        fed = FED_CUT;
    sse_scanner_done(&sse);
    return fed;
}

struct relay {
    struct chat_case *c;
    void *writer;
};

static void relay_event(void *owner, const struct neutral_event *e)
{
    struct relay *r = owner;
    log_event(r->c, e);
    if (e->kind != NE_ERROR && e->kind != NE_DONE)
        r->c->t.face->codec->stream_write(r->writer, e);
}

enum chat_fed chat_case_relay(struct chat_case *c, struct sl_str stream, size_t step)
{
    struct relay r = {.c = c, .writer = c->t.face->codec->stream_write_begin(&c->t, &c->out)};
    const struct neutral_sink to = {.put = relay_event, .owner = &r};
    enum chat_fed fed = chat_case_feed(c, stream, step, &to);
    if (fed == FED_WHOLE)
        c->t.face->codec->stream_write_end(r.writer);
    return fed;
}
