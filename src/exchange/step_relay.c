/* RELAY: committed; the client has seen a byte of this answer. Waits for upstream bytes and for the client's window.
 * Leaves to SETTLE only. Before it, in TRY, the same callbacks keep what comes in x->held.
 *
 *   attempt: on_body ─► stream: relay_same_feed ─► pieces ─┬─ TRY:   copied to held; wake when the first event is whole
 *                       else:   kept, or passed            └─ RELAY: straight to the client's connection, no copy
 *
 * Between two dialects relay_translate_feed stands in the same place, and an answer that is no stream is kept whole and
 * written anew when it is over.
 *
 * Back-pressure: when the connection's queue has no room the attempt is held (attempt_read off) until on_room. */
#include "dialect/error_read.h"
#include "dialect/other/other.h"
#include "exchange/exchange_int.h"

#define RELAY_IOV 32
#define FOREIGN_ANSWER_BYTES (64u << 20) /* of an answer that is translated whole, where the settings name no bound */

static bool is_event_stream(struct sl_str content_type)
{
    return sl_str_starts_nocase(content_type, SL_STR("text/event-stream"));
}

/* ---- what the attempt says ---- */

static void break_off(struct exchange *x, enum outcome o)
{
    x->relay_bad = true;
    x->bad_outcome = o;
    exchange_wake(x, EV_STREAM_END);
}

/* The transport tells an end from a break: HTTP/1 without a length or chunks does not. */
static bool ends_are_sure(const struct exchange *x)
{
    return x->head->version == HTTP_2 || x->head->content_length >= 0 ||
           http_headers_find(&x->head->headers, HN_TRANSFER_ENCODING) != NULL;
}

static void open_relay(struct exchange *x)
{
    if (x->rescue != NULL) {
        rescue_open(x);
        return;
    }
    x->relay_live = true;
    if (other_is_foreign(x)) {
        other_open(x);
        return;
    }
    if (x->is_framed) {
        aws_stream_init(&x->frames, x->snap->set.event_bytes);
        x->frames.plain = x->up->frames;
    }
    if (x->translation != NULL) {
        relay_translate_init(&x->foreign, x->translation, x->snap->set.event_bytes);
        x->seen = &x->foreign.state;
        x->foreign.keeps_turn = turns_listens(x);
        rescue_listen(x);
        return;
    }
    relay_same_init(&x->relay, x->op->other || forms_makes_images(x) ? &other_stream_dialect : x->dialect,
                    RELAY_HOLD_ERRORS | (x->usage_asked ? RELAY_HIDE_USAGE : 0) |
                        (x->match.stream_array ? RELAY_ARRAY : 0),
                    &x->attempt_arena);
    relay_same_limit(&x->relay, other_event_bytes(x));
    if (!x->op->stored)
        relay_same_unended(&x->relay, guess_for(x));
    x->seen = &x->relay.state;
    rescue_listen(x);
}

/* Of an answer that is no stream; 0: any. Videos, contents of files and results of batches pass in constant memory. */
static uint64_t answer_max(const struct exchange *x)
{
    return x->op->video || (x->op->object != OBJECT_NONE && x->op->any_answer) ? 0 : x->snap->set.answer_bytes;
}

static void on_head(void *owner, const struct http_response *head)
{
    struct exchange *x = owner;
    x->head = head;
    x->answer_ok = head->status >= 200 && head->status < 300;
    struct sl_str type = http_headers_get(&head->headers, HN_CONTENT_TYPE);
    x->is_framed = x->answer_ok && (x->up->errors == ERRORS_ANTHROPIC || x->up->frames) && aws_stream_is(type);
    x->is_stream = x->answer_ok && x->op->object == OBJECT_NONE && (x->is_framed || is_event_stream(type)) &&
                   other_may_stream(x);
    x->out_stream = x->translation != NULL ? x->answer_ok && x->facts.stream
                    : other_is_foreign(x)  ? x->answer_ok && other_gives_events(x)
                                           : x->is_stream;
    x->held.max = x->answer_ok ? SIZE_MAX / 4 : ERROR_BODY_MAX;
    x->head_ns = sl_loop_now(x->env->loop);
    lanes_head(x, try_current(x), x->head);
    if (x->is_stream || (x->rescue != NULL && x->answer_ok))
        open_relay(x);
    if (x->answer_ok && !x->is_stream && answer_max(x) > 0 && head->content_length > (int64_t)answer_max(x))
        break_off(x, OUT_TOO_LARGE); /* it says so itself: nobody has seen a byte yet */
    exchange_wake(x, EV_HEAD);
}

static void hold_attempt(struct exchange *x)
{
    if (x->client_full)
        return;
    x->client_full = true;
    attempt_read(x->attempt, false);
}

static void to_client(struct exchange *x, const struct iovec *v, int n)
{
    http_stream_send_body(x->stream, v, n, false);
    if (relay_is_full(x))
        hold_attempt(x);
}

static void note_event_times(struct exchange *x, uint64_t events, bool content)
{
    int64_t now = sl_loop_now(x->env->loop);
    struct try *t = try_current(x);
    x->events_relayed += events;
    if (!content)
        return;
    if (t->first_token_ns < 0) {
        t->first_token_ns = now - t->began_ns;
        x->first_token_ns = now - x->began_ns;
        tel_observe(x->env->tel, TEL_H_FIRST_TOKEN, now - x->began_ns);
    } else {
        tel_observe(x->env->tel, TEL_H_BETWEEN_TOKENS, now - x->last_content_ns);
    }
    x->last_content_ns = now;
}

/* Whether what came is an answer already, so that the client may be given it: the commit point. Roles, message_start,
 * response.created and life signs are none: until there is output, a provider's failure stays unseen and another target can be
 * asked. patience.c bounds how long they are held. */
static bool is_begun(const struct exchange *x)
{
    return (x->seen->saw_content && terms_held_enough(x)) || x->seen->saw_finish;
}

static void on_stream_body(struct exchange *x, struct sl_str bytes)
{
    const struct iovec *v = NULL;
    int n = 0;
    uint64_t before = x->seen->events, content = x->seen->content_events;
    enum relay_feed r = x->translation != NULL ? relay_translate_feed(&x->foreign, bytes, &v, &n)
                        : other_reads(x)       ? other_feed(x, bytes, &v, &n)
                                               : relay_same_feed(&x->relay, bytes, &v, &n);
    if (x->seen->events != before)
        note_event_times(x, x->seen->events - before, x->seen->content_events != content);
    if (n > 0 && x->state == XS_RELAY && x->committed) {
        to_client(x, v, n);
    } else {
        if (n > 0 && x->held.n == 0)
            exchange_wake(x, EV_HEAD); /* a start is held from now on: patience_set */
        for (int i = 0; i < n; i++)
            SL_CHECK(sl_chunks_add(&x->held, v[i].iov_base, v[i].iov_len) == SL_OK);
        if (x->held.n > 0 && x->held.n >= x->snap->set.hold_bytes) { /* be it life signs only: nothing more is kept */
            hold_attempt(x);                                         /* until RELAY has emptied what is held */
            exchange_wake(x, EV_HELD);
        }
    }
    bool error = x->seen->saw_error && !x->op->stored; /* a failure that is replayed is no failure */
    if (r == RELAY_LIMIT || r == RELAY_BROKEN || error)
        break_off(x, r == RELAY_LIMIT ? OUT_TOO_LARGE : r == RELAY_BROKEN ? OUT_MALFORMED : OUT_STREAM_ERROR);
    else if (r != RELAY_MORE)
        exchange_wake(x, EV_STREAM_END);
    else if (!x->committed && is_begun(x))
        exchange_wake(x, EV_HELD);
    else if (content == 0 && x->seen->content_events > 0)
        exchange_wake(x, EV_HEAD); /* more is held: patience_set */
}

/* What came before a bad frame is events like any others. */
static void on_framed_body(struct exchange *x, struct sl_str bytes)
{
    struct sl_str events;
    enum relay_feed r = aws_stream_feed(&x->frames, bytes, &events);
    if (events.n > 0)
        on_stream_body(x, events);
    if (r != RELAY_MORE && !x->relay_bad && !x->seen->saw_done)
        break_off(x, r == RELAY_LIMIT ? OUT_TOO_LARGE : OUT_MALFORMED);
}

static void watch_plain(struct exchange *x, struct sl_str bytes)
{
    if (x->op->video || x->dialect->answer_watch_init == NULL || forms_answer_is_other(x))
        return;
    if (x->watch == NULL) {
        x->watch = sl_arena_alloc(&x->attempt_arena, x->dialect->answer_watch_bytes);
        x->dialect->answer_watch_init(x->watch, &x->attempt_arena);
    }
    x->dialect->answer_watch_feed(x->watch, bytes);
}

/* All but the last byte: with that one an answer of known length is whole for the client, so SETTLE gives it, when the
 * ledger has the close. */
static void pass_plain(struct exchange *x, struct sl_str bytes)
{
    struct iovec v[2];
    int n = 0;
    if (bytes.n == 0)
        return;
    watch_plain(x, bytes);
    if (x->has_last)
        v[n++] = (struct iovec){.iov_base = &x->last_byte, .iov_len = 1};
    if (bytes.n > 1)
        v[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n - 1};
    if (n > 0)
        http_stream_send_body(x->stream, v, n, false);
    x->last_byte = bytes.p[bytes.n - 1];
    x->has_last = true;
}

static void on_plain_body(struct exchange *x, struct sl_str bytes)
{
    uint64_t max = answer_max(x);
    if (video_unpacks(x))
        bytes = video_content_bytes(x, bytes);
    bool whole = x->translation != NULL || other_is_foreign(x); /* written anew when it is all here */
    if (whole && (max == 0 || max > FOREIGN_ANSWER_BYTES))
        max = FOREIGN_ANSWER_BYTES;
    x->answer_n += bytes.n;
    if (x->relay_bad)
        return;
    if (max > 0 && x->answer_n > max) {
        break_off(x, OUT_TOO_LARGE);
        return;
    }
    batches_on_body(x, bytes);
    bool enough = video_unpacks(x) && video_content_is_passed(x);
    if (x->state == XS_RELAY && x->committed) {
        pass_plain(x, bytes);
        if (enough)
            break_off(x, OUT_OK);
        else if (relay_is_full(x))
            hold_attempt(x);
        return;
    }
    SL_CHECK(sl_chunks_add(&x->held, bytes.p, bytes.n) == SL_OK);
    if (!whole &&
        (enough || other_is_sound(x) || x->held.n >= x->snap->set.hold_bytes)) { /* sound is heard while it comes */
        hold_attempt(x);
        exchange_wake(x, EV_HELD);
    }
}

static void take_body(struct exchange *x, struct sl_str bytes)
{
    if (!x->answer_ok) {
        if (sl_chunks_add(&x->held, bytes.p, bytes.n) != SL_OK)
            x->error_cut = true; /* enough was kept to judge it */
        return;
    }
    if (x->is_framed)
        on_framed_body(x, bytes);
    else if (x->is_stream && other_reads(x))
        for (on_stream_body(x, bytes); (bytes = other_rest(x)).n > 0;)
            on_stream_body(x, bytes);
    else if (x->is_stream)
        on_stream_body(x, bytes);
    else
        on_plain_body(x, bytes);
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct exchange *x = owner;
    if (x->drill == NULL || !drilled_body(x, bytes, take_body))
        take_body(x, bytes);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct exchange *x = owner;
    if (x->drill != NULL && drilled_end(x))
        return;
    try_current(x)->result = *r;
    x->over = true;
    exchange_wake(x, EV_OVER);
}

const struct attempt_owner exchange_attempt_owner = {
    .on_head = on_head, .on_body = on_body, .on_over = on_over, .on_room = uploads_on_room};

/* ---- what the answer was ---- */

/* An answer of 200 that says that it is none: what it says decides. Without a name that is known it is the provider's
 * failure. */
static enum outcome judge_inner(struct exchange *x)
{
    struct answer_error e;
    error_read(sl_chunks_flat(&x->held), &x->head->headers, &x->attempt_arena, &e);
    return try_judge_inner(x, e.found ? &e : &x->answer.error);
}

/* In slices it was only followed by its brackets: enough to tell one that was cut where no length says so. What was shown
 * stands, so an error in it changes the record and not the answer. */
static enum outcome verdict_unheld(struct exchange *x)
{
    struct answer_facts f;
    if (x->watch == NULL)
        return OUT_OK;
    x->dialect->answer_watch_done(x->watch, &f);
    if (f.error.found)
        try_judge_inner(x, &f.error);
    if (f.error.found)
        return OUT_STREAM_ERROR;
    return f.valid || x->head->content_length >= 0 ? OUT_OK : OUT_TRUNCATED;
}

/* The whole answer in the client's format takes the place of the provider's in `held`. */
static enum outcome verdict_foreign(struct exchange *x)
{
    struct sl_buf out;
    sl_buf_init(&out, FOREIGN_ANSWER_BYTES);
    x->seen = &x->answer_seen;
    struct sl_str body = sl_chunks_flat(&x->held);
    bool ok = fan_is_on(x) ? fan_answer(x, body, &out) : turns_answer(x, body, &out);
    if (ok) {
        sl_chunks_clear(&x->held);
        SL_CHECK(sl_chunks_add(&x->held, out.p, out.n) == SL_OK);
    }
    sl_buf_done(&out);
    if (ok)
        return OUT_OK;
    return x->answer_seen.saw_error ? try_judge_inner(x, &x->answer_seen.error) : OUT_MALFORMED;
}

/* What was asked for as JSON of a form: whole when its brackets are. */
static bool is_structured(struct exchange *x)
{
    return x->facts.json_output && x->up->errors == ERRORS_RESPONSES && x->translation == NULL && x->op->generates &&
           translate_read(x) && x->neutral->format > NF_TEXT;
}

/* What the end itself gave stays told when it is none after all: the client gets it. */
static bool foreign_is_whole(struct exchange *x, unsigned ending)
{
    if (relay_translate_end(&x->foreign, ending))
        return true;
    if (x->committed && x->state == XS_RELAY && x->foreign.out.n > 0 && !x->foreign.out.over)
        http_stream_send_body(x->stream, &(struct iovec){x->foreign.out.p, x->foreign.out.n}, 1, false);
    return false;
}

/* Whether nothing follows an item that is whole, where the format's end is missing. With tools a call may: whoever goes on says so. */
static bool has_no_more(struct exchange *x, bool sure)
{
    return !x->facts.has_tools || (sure && !rescue_can(x, OUT_TRUNCATED));
}

/* sure: it is an end, and no break. */
static bool stream_is_whole(struct exchange *x, bool sure)
{
    if (x->is_framed && !x->seen->saw_done && aws_frames_rest(&x->frames.frames) > 0)
        return false; /* in the middle of a frame */
    if (other_reads(x))
        return other_stream_is_whole(x);
    unsigned ending = (x->facts.n <= 1 ? RELAY_LONE : 0u) | (has_no_more(x, sure) ? RELAY_NO_MORE : 0u);
    if (x->translation != NULL)
        return foreign_is_whole(x, ending);
    return relay_same_end(&x->relay, ending | (is_structured(x) ? RELAY_STRUCTURED : 0u));
}

enum outcome relay_verdict(struct exchange *x)
{
    if (x->relay_bad && x->is_stream && x->bad_outcome == OUT_STREAM_ERROR && !x->committed)
        return try_judge_inner(x, &x->seen->error);
    if (x->relay_bad)
        return x->bad_outcome;
    if (x->op->session)
        return OUT_TRUNCATED; /* it was over before it had begun */
    if (video_unpacks(x) && !video_content_is_whole(x))
        return OUT_MALFORMED;
    if (x->is_stream)
        return stream_is_whole(x, ends_are_sure(x)) ? OUT_OK : OUT_TRUNCATED;
    if (other_is_foreign(x))
        return other_verdict(x);
    if (x->translation != NULL)
        return verdict_foreign(x);
    if (forms_answer_is_other(x))
        return OUT_OK;
    if (x->op->object == OBJECT_GEMINI_FILE)
        return gfiles_verdict(x);
    if (x->op->stored)
        return OUT_OK; /* whatever became of the response that it tells of */
    if (x->committed)
        return verdict_unheld(x);
    x->dialect->answer_decode(sl_chunks_flat(&x->held), &x->answer);
    if (!x->answer.error.found && !translate_count_answer(x, &try_current(x)->at->provider))
        return OUT_MALFORMED;
    if (!x->answer.valid)
        return OUT_MALFORMED;
    return x->answer.error.found ? judge_inner(x) : OUT_OK;
}

/* A connection that breaks behind the last word: the finish reason was told (Claude's message_delta, with the whole usage; Gemini's and
 * chat's only answer), and what is missing repeats or counts it. Also an answer of Responses whose items are all whole and that can have
 * no more of them: without tools nothing follows a message. Where it closes in good order at that place, it is whole, too. */
static bool broke_behind_the_end(struct exchange *x, enum outcome o)
{
    bool broke = o == OUT_RESET || o == OUT_TRUNCATED || o == OUT_BETWEEN_TIMEOUT || o == OUT_STALLED;
    if (!broke || !x->is_stream || x->relay_bad || x->op->stored || other_reads(x))
        return false;
    bool told = x->seen->saw_finish || x->translation != NULL || x->up->errors == ERRORS_RESPONSES;
    return told && x->facts.n <= 1 &&
           stream_is_whole(x, false); /* which it is not without a reason, or with an item that is not whole */
}

enum outcome relay_outcome(struct exchange *x, struct try *t)
{
    enum outcome o = t->result.outcome;
    if (o == OUT_OK) {
        o = relay_verdict(x);
        if (o == OUT_OK && x->is_stream && x->seen->ended_here)
            t->why = "only its last event was missing";
        return o;
    }
    if (!broke_behind_the_end(x, o))
        return o;
    t->why = "the connection broke behind the end";
    return OUT_OK;
}

void relay_note_usage(struct exchange *x, struct try *t)
{
    uint64_t images = 0;
    if (!x->answer_ok)
        return;
    if (x->seen != NULL) {
        t->counts = x->seen->usage;
        t->report_is_early = x->is_stream && x->seen->unreported > 0 && !x->seen->saw_finish;
        t->output_bytes = x->seen->output_bytes;
        t->output_events = x->is_stream ? x->seen->events : 0;
        images = x->seen->images;
    } else if (x->watch != NULL) {
        struct answer_facts f;
        x->dialect->answer_watch_done(x->watch, &f);
        t->counts = f.usage;
        t->output_bytes = f.content_bytes;
        images = f.images;
    } else if (x->committed && x->answer_n > 0) {
        t->output_bytes = x->answer_n; /* nobody watched it: an estimate */
    } else {
        t->counts = x->answer.usage;
        t->output_bytes = x->answer.content_bytes;
        images = x->answer.images;
    }
    if (x->op->generates)
        t->units.images_out = images;
    if (x->op->other || other_is_foreign(x))
        other_note_usage(x, t);
    else if (forms_makes_images(x))
        forms_note_images(x, t);
}

void relay_release(struct exchange *x)
{
    session_release(x);
    if (x->relay_live && x->rescue != NULL)
        relay_translate_pause(&x->foreign);
    else if (x->relay_live && x->translation != NULL)
        relay_translate_done(&x->foreign);
    else if (x->relay_live && other_reads(x))
        other_close(x);
    else if (x->relay_live)
        relay_same_done(&x->relay);
    if (x->relay_live && x->is_framed)
        aws_stream_done(&x->frames);
    x->relay_live = false;
}

struct sl_str relay_end_text(const struct exchange *x)
{
    return x->is_stream ? x->seen->terminal : sl_str_of(&x->last_byte, x->has_last);
}

/* ---- towards the client ---- */

/* The framing is another one than the provider's: the head is to say so. */
static void name_type(struct http_headers *h, struct sl_str type)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (h->v[i].id == HN_CONTENT_TYPE)
            h->v[i].value = type;
}

/* The only place where a provider's answer's head leaves; `committed` flips here and nowhere else. */
void relay_send_head(struct exchange *x, int64_t content_length)
{
    struct http_response r = {.status = video_content_status(x), .content_length = content_length};
    if (other_is_foreign(x))
        http_headers_add_id(&r.headers, x->a, HN_CONTENT_TYPE, other_answer_type(x));
    else if (x->translation !=
             NULL) /* what the provider says of its own format and limits means nothing to this client */
        http_headers_add_id(&r.headers, x->a, HN_CONTENT_TYPE,
                            x->out_stream && !x->match.stream_array ? SL_STR("text/event-stream; charset=utf-8")
                                                                    : SL_STR("application/json"));
    else if (x->op->video)
        video_content_headers(x, &r.headers);
    else
        provider_response_headers(&x->head->headers, x->a, &r.headers);
    if (x->match.op == OP_GFILE_START)
        gfiles_headers(x, &r.headers);
    if (x->is_framed)
        name_type(&r.headers, SL_STR("text/event-stream; charset=utf-8"));
    else if (x->translation == NULL && x->is_stream && x->match.stream_array)
        name_type(&r.headers, SL_STR("application/json; charset=UTF-8"));
    exchange_headers(x, &r.headers);
    x->committed = true;
    x->status_sent = r.status;
    http_stream_send_head(x->stream, &r, false);
}

static void send_held(struct exchange *x)
{
    struct iovec v[RELAY_IOV];
    if (!x->is_stream) {
        pass_plain(x, sl_chunks_flat(&x->held));
        sl_chunks_clear(&x->held);
    }
    while (x->held.n > 0) {
        size_t part = 0;
        int n = sl_chunks_iov(&x->held, v, RELAY_IOV);
        for (int i = 0; i < n; i++)
            part += v[i].iov_len;
        http_stream_send_body(x->stream, v, n, false);
        sl_chunks_drop(&x->held, part);
    }
}

static void begin_relay(struct exchange *x)
{
    stored_begun(x);
    relay_send_head(x, video_unpacks(x)                ? video_content_length(x)
                       : x->out_stream || x->is_stream ? HTTP_LENGTH_NONE
                                                       : x->head->content_length);
    send_held(x);
    bool full = relay_is_full(x);
    if (video_unpacks(x) && video_content_is_passed(x))
        break_off(x, OUT_OK);
    else if (full)
        hold_attempt(x);
    else if (x->client_full) {
        x->client_full = false;
        if (!x->over)
            attempt_read(x->attempt, true);
    }
}

/* The provider's own words. A client of Responses is also told that its response failed: an event `error` alone it may pass over
 * (openai.md 2.5), and then takes the end for a lost connection and asks again. */
static struct sl_str providers_words(struct exchange *x, struct error_facts *f)
{
    struct sl_str event = x->seen->error_event, failed;
    if (x->match.errors != ERRORS_RESPONSES || sl_str_find_str(event, SL_STR("response.failed")) >= 0)
        return event;
    failed = error_event(x->a, ERRORS_RESPONSES, f);
    return sl_arena_printf(x->a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(event), SL_STR_ARG(failed));
}

/* The provider's own words where they are in the client's format, else an error in that. */
static struct sl_str broken_off(struct exchange *x, struct error_facts *f)
{
    char id[SL_ID_TEXT];
    sl_id_text(x->id, id);
    f->id = sl_arena_str(x->a, sl_str_c(id));
    f->in_array = x->match.stream_array;
    if (other_is_foreign(x))
        return other_error(x, f);
    f->answer = x->translation == NULL ? x->seen->answer_id : SL_STR_NONE;
    if (x->rescue != NULL)
        return rescue_error(x, f);
    if (x->translation == NULL && x->seen->error_event.n > 0)
        return providers_words(x, f);
    if (x->translation != NULL && x->relay_live && !f->in_array)
        return relay_translate_error(&x->foreign, f); /* it knows what has been begun and not ended */
    return error_event(x->a, x->match.errors, f);
}

/* The client has seen a byte and gets no whole answer: it is told so in the stream; or its connection is reset, so that what it has
 * cannot be taken for all. */
enum step relay_fail(struct exchange *x, const struct error_facts *f)
{
    struct error_facts told = *f;
    bool stream = x->out_stream || x->rescue != NULL || other_is_told(x);
    if ((x->rescue != NULL && !rescue_is_joined(x)) || (other_is_told(x) && x->state != XS_RELAY))
        sl_chunks_clear(&x->held); /* an answer that was none */
    x->final_kind = stream ? FINAL_ANSWER : FINAL_RESET;
    if (stream)
        x->final_text = broken_off(x, &told);
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

/* What is written next begins a line: the provider's last one was cut between CR and LF. */
static void end_line(struct exchange *x)
{
    if (!x->committed || !x->is_stream || x->translation != NULL || x->rescue != NULL || !x->relay.cut_crlf)
        return;
    x->relay.cut_crlf = false;
    http_stream_send_body(x->stream, &(struct iovec){(void *)(uintptr_t) "\n", 1}, 1, false);
}

/* o: as it is recorded; means: what the provider's words say it was, where there were any. */
static enum step relay_ends(struct exchange *x, enum outcome o, enum outcome means)
{
    struct try *t = try_current(x);
    if (o != OUT_OK)
        end_line(x);
    if (o != OUT_OK && rescue_can(x, means) && rescue_begin(x, o)) {
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    }
    if (o == OUT_OK && other_goes_on(x))
        return STEP_GO; /* and stays, to rest */
    if (o == OUT_OK && turns_stream(x)) {
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    }
    t->outcome = o;
    if (o != OUT_OK)
        t->why = "the client has seen a byte";
    exchange_ends(x, o == OUT_TOTAL_TIMEOUT ? ACCESS_GATEWAY : ACCESS_PROVIDER, outcome_row(o)->name);
    if (o != OUT_OK && (x->is_stream || o != OUT_STREAM_ERROR))
        return relay_fail(x, &(struct error_facts){.error = gateway_error_by_code(outcome_row(o)->code)});
    x->final_kind = FINAL_ANSWER; /* whole, or with the provider's error in it */
    x->final_text = relay_end_text(x);
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

/* The format's end came before the transport's: enough. */
static enum step stream_is_over(struct exchange *x)
{
    struct try *t = try_current(x);
    bool asks = x->translation != NULL || other_reads(x);
    enum outcome o = x->relay_bad ? x->bad_outcome : asks && !stream_is_whole(x, false) ? OUT_TRUNCATED : OUT_OK;
    if (!x->over) {
        attempt_cancel(x->attempt, o == OUT_OK, &t->result);
        x->over = true;
    }
    return relay_ends(x, o, o == OUT_STREAM_ERROR ? try_judge_inner(x, &x->seen->error) : o);
}

/* The attempt is ended from our side. */
static enum step cut_off(struct exchange *x, enum outcome o)
{
    if (!x->over)
        attempt_cancel(x->attempt, false, &try_current(x)->result);
    x->over = true;
    if (broke_behind_the_end(x, o)) {
        try_current(x)->why = "it said nothing more behind the end";
        o = OUT_OK;
    }
    return relay_ends(x, o, o);
}

/* Another target goes on: what it said so far follows what the client has. */
static void go_on(struct exchange *x)
{
    struct sl_str seam = x->rescue != NULL ? rescue_seam(x) : SL_STR_NONE;
    if (seam.n > 0)
        http_stream_send_body(x->stream, &(struct iovec){(void *)(uintptr_t)seam.p, seam.n}, 1, false);
    send_held(x);
    if (relay_is_full(x))
        hold_attempt(x);
}

enum step step_relay(struct exchange *x)
{
    if (other_rests(x))
        return other_step(x);
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    if (!x->committed)
        begin_relay(x);
    else if (x->held.n > 0)
        go_on(x);
    if (exchange_take(x, EV_ROOM) && x->client_full && !x->over) {
        x->client_full = false;
        attempt_read(x->attempt, true);
    }
    if ((x->is_stream || x->relay_bad) && exchange_take(x, EV_STREAM_END))
        return stream_is_over(x);
    if (exchange_take(x, EV_OVER)) {
        enum outcome o = relay_outcome(x, try_current(x));
        return relay_ends(x, o, o);
    }
    if (x->timed_out)
        return cut_off(x, OUT_TOTAL_TIMEOUT);
    enum patience late = patience_of(x);
    if (late == PATIENCE_STALLED || late == PATIENCE_NO_TOKEN)
        return cut_off(x, late == PATIENCE_STALLED ? OUT_STALLED : OUT_FIRST_TOKEN_TIMEOUT);
    exchange_take(x, EV_HEAD | EV_HELD | EV_DEADLINE | EV_STREAM_END);
    patience_set(x);
    return STEP_WAIT;
}
