/* Inside exchange/ only. */
#ifndef SLUICE_EXCHANGE_EXCHANGE_INT_H
#define SLUICE_EXCHANGE_EXCHANGE_INT_H

#include "auth/key.h"
#include "dialect/aws_stream.h"
#include "dialect/dialect.h"
#include "dialect/form.h"
#include "dialect/relay_same.h"
#include "dialect/relay_translate.h"
#include "exchange/env.h"
#include "exchange/exchange.h"
#include "http/body.h"
#include "ledger/entry.h"
#include "ledger/settle.h"
#include "loop/timer.h"
#include "store/response_job.h"
#include "telemetry/access.h"
#include "telemetry/trace_context.h"
#include "upstream/attempt.h"
#include "upstream/health.h"

struct drilled;
struct exchange_spill;
struct exchange_video;

#define EXCHANGE_MAGIC 0x45584348u
#define EXCHANGE_TRIES_MAX 16u /* attempts of one exchange: a bound on records and money whatever the policy says */
#define EXCHANGE_HISTORY 8u    /* last states, for crash reports */
#define DECODE_PIECE 16384u    /* of a decoded body at a time */
#define DROPPED_TEXT 512u      /* bytes of x-sluice-dropped */
#define ERROR_BODY_MAX 65536u  /* of a provider's error answer that is kept to be judged and passed on */

struct exchange_row {
    const char *name;
    step_f *step;
    enum deadline_kind deadline;
};
extern const struct exchange_row exchange_rows[XS_COUNT];
bool exchange_may_go(enum exchange_state from, enum exchange_state to);

/* One try: what the access record and the ledger will say about it. In the exchange's arena. */
struct
try {
    struct sl_id id;
    const struct route_candidate *candidate; /* borrow (of the plan) */
    const struct snapshot_provider *at;      /* borrow (of the snapshot) */
    const struct price *price;               /* borrow (of the catalogue); NULL: unpriced */
    struct reservation reservation;
    struct spend_cell *spend; /* borrow (of the board): where the reservation counts; NULL: nowhere */
    int64_t began_ns, ended_ns, wall_ns;
    struct attempt_result result;
    enum outcome outcome;
    enum provider_fault fault; /* of an answer with an error status, or with an error in it */
    int status;
    const char *why;           /* retry_decide's reason for what came next */
    struct answer_error error; /* of fault; views of the attempt's answer and arena */
    struct sl_str provider_code, provider_request_id;
    unsigned credential; /* which of the provider's */
    int64_t wait_ns;     /* provider's hint; -1: none */
    int64_t pause_ns;
    int64_t first_token_ns;               /* since began; -1: none */
    const struct told *told;              /* borrow; of a hedge that lost: what it said. NULL: not known */
    struct token_counts counts;           /* as reported; estimated: as the client was told, since nobody reports */
    bool is_counted;                      /* the reservation's input */
    struct token_counts guess;            /* what is booked where nobody reports (guess.c) */
    bool report_is_early;                 /* output came after the last report */
    uint64_t output_bytes, output_events; /* seen */
    struct usage units;                   /* by_unit: of what was answered (other.c) */
    struct price_shape shape;             /* of a picture */
    bool counted;                         /* what is charged is known, whether reported or counted */
    struct settlement settled;
    struct health_lane *lane; /* borrow: until it ended; NULL: nobody keeps account */
    struct health_use use;    /* of lane */
    bool probe;               /* it finds out whether the lane is up again */
    bool lost;                /* another one was first with output */
    int64_t hedge_after_ns;   /* without output for so long: another target is asked, too; 0: never */
    int64_t learned_ns;       /* how long its first output usually takes at most; 0: not known */
    struct journal_place opened_at;
    bool is_open; /* an open record without its close */
    bool closed;
};

/* What the exchange has to do with stored responses (stored.c). */
struct exchange_stored {
    struct response_job *waiting; /* the keeper's: this exchange is its asker */
    struct response_job *answer;  /* arena: the newest that came back; NULL: none yet */
    struct response_job *chain;   /* arena: of previous_response_id, where the gateway has it */
    bool asked_chain, asked_items;
    struct sl_str id;       /* plain; of the path */
    struct sl_str previous; /* plain; previous_response_id; empty: none */
    struct sl_str *refs;    /* plain; ids of item_reference */
    size_t n_refs;
    struct sl_str provider;          /* has what the request goes on from: no other may be asked. Empty: any */
    const unsigned char *credential; /* ... with this one */
    struct sl_str own_body;          /* the request without what was put in front of its input */
    bool restored;                   /* body_text is not what the client sent */
    uint32_t n_earlier;              /* items that were put in front of its input */
    bool keep;                       /* the answer of the live attempt is to be stored */
    struct sl_str begun_id;          /* of an answer that has only begun */
    bool run;                        /* in the background: goes on without a client (stored_run.c) */
    bool begins_run;                 /* RECALL: the row of one is being written */
    struct sl_id run_id;
};

/* What the exchange has to do with files and batches (objects.c). */
struct exchange_object {
    struct sl_str id;               /* plain; of the path, or of the file that a batch is made of */
    const struct store_object *row; /* borrow (of a job in the arena): what was found; NULL: nothing was looked for */
    uint64_t limit;                 /* of a list */
    bool before;                    /* ... that ends in front of an id; its rows came the nearest first */
    bool judged_refs;               /* files that the body names were looked for, and nothing stands against them */
    bool pinned;                    /* ... and lie at stored.provider */
    struct batch_lines *lines;      /* arena: results that pass; NULL: none yet */
    struct sl_str intent;    /* of a batch that is made at a provider: id of its row; empty: none. batch_intent.c */
    struct batch_here *here; /* arena: it is held here; NULL: it is not, or nobody knows yet. batch_here.c */
    struct sl_str link;      /* OP_GFILE_START: what the client is to ask instead of the provider's link */
    struct sl_str *parts;    /* arena: OP_UPLOAD_COMPLETE: the parts that it names */
    size_t n_parts;
};

/* How SETTLE ends the answer. */
enum final_kind {
    FINAL_NONE = 0, /* nothing more to send (RESPOND did, or the client is gone) */
    FINAL_ANSWER,   /* what is held, then final_text, then the end */
    FINAL_RESET     /* break off, so that it cannot be taken for complete */
};

/* What became of one that waits for a place. */
enum queue_turn {
    TURN_NOT_YET = 0,
    TURN_PLACE, /* it has one */
    TURN_LOST   /* it made room for another */
};

struct exchange_session;
struct ephemeral;
struct key_table;

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    unsigned events;                /* enum exchange_event bits not yet seen by a step */
    struct exchange_env *env;       /* borrow */
    struct epoch *epoch;            /* ref */
    const struct snapshot *snap;    /* borrow (of epoch) */
    struct http_stream *stream;     /* borrow until released in DONE */
    const struct http_request *req; /* borrow (of stream) */
    struct sl_arena *a;             /* borrow (of stream): everything of this exchange */
    struct sl_task task;
    struct sl_timer deadline;
    struct sl_ended ended;
    struct sl_list node; /* in env->live */

    struct sl_id id;
    int64_t began_ns, wall_ns, state_since_ns, total_due_ns, deadline_due_ns;
    enum deadline_kind deadline_kind; /* what state_due_ns is */
    int64_t state_due_ns;             /* when the state's wait ends */
    int64_t
        soft_due_ns; /* when the live attempt is to be looked at (SL_NEVER: never); a step sets it before it waits */
    int64_t state_ns[XS_COUNT];
    uint8_t history[EXCHANGE_HISTORY];
    unsigned n_history;
    bool gone;      /* the client is gone (enum http_gone in gone_why) */
    bool timed_out; /* the total deadline has passed */
    enum http_gone gone_why;

    /* IDENTIFY */
    struct operation_match match;
    const struct operation_row *op; /* borrow, static */
    const struct dialect *dialect;  /* borrow, static: the client's */
    const struct auth_key *key;     /* borrow (of epoch->keys); NULL: nobody */
    struct sl_str key_name;         /* for the record, also of a key that was refused */
    bool inside;                    /* a line of a batch that runs here: `key` was given, not found in the head */
    struct trace_context trace;
    bool wants_timing; /* x-sluice-timing was sent */

    /* READ_BODY */
    struct sl_chunks body;         /* own: decoded body, one piece once complete */
    struct body_decoder *decoder;  /* own; NULL: identity */
    enum gateway_error body_error; /* GE_NONE: fine so far */
    uint64_t body_received;        /* before decoding */
    uint64_t body_room;            /* bytes that were set aside for it; 0: it grows */
    bool body_done;
    struct request_facts facts;
    struct form_facts *form;        /* arena; NULL: the body is JSON */
    struct exchange_upload *upload; /* arena; NULL: none. uploads.c */
    struct exchange_object object;
    struct sl_str body_text;      /* borrow (of body, or of spill) */
    struct exchange_spill *spill; /* own: the body lies in a file; NULL: in `body`. bodies.c */
    bool spill_off;               /* no file could be made for it */
    bool spilled_out;             /* the live attempt gets its body from there */
    bool usage_asked;             /* of the live attempt: we asked for usage, the client did not */

    /* ADMIT */
    bool admitted;    /* holds a place */
    int64_t place_ns; /* ... since then */
    bool queued;      /* is in env->queue, or in env->told, by wait_node */
    int64_t memory;   /* bytes that the gate was told of (pressure.c) */
    struct sl_list wait_node;
    enum queue_turn turn;           /* under env->queue->lock */
    enum priority_class priority;   /* while it is queued */
    uint16_t tenant_slot, key_slot; /* ... in env->queue's tenant_turns, key_turns */
    uint64_t estimate_input;        /* tokens */

    /* RECALL */
    struct exchange_stored stored;

    struct exchange_video *video; /* arena; NULL: it is not about video jobs */

    /* PLAN */
    struct route_plan plan; /* arena */
    struct asking *asking;  /* arena: what it was made from; NULL: not planned yet */
    unsigned at_candidate;  /* index of the one that is tried */
    unsigned tries_here;    /* on this candidate */
    uint64_t too_small;     /* a target with this context said that the request is too long for it; 0: none did */

    struct exchange_terms terms; /* the route's, where it says any */

    /* TRY */
    struct try *tries[EXCHANGE_TRIES_MAX]; /* arena */
    unsigned n_tries;
    int64_t budget_until_ns;          /* the tenant's budget has no room for the last try: until then; 0: it had */
    struct try *current;              /* of tries; NULL before the first */
    struct hedge *hedge;              /* arena: a second live attempt; NULL: there is none; hedge.c */
    struct hedge *taken;              /* arena: the current attempt was one; NULL: no */
    bool hedged;                      /* one was thought of: never twice */
    bool drilled;                     /* a drill took an attempt of it */
    struct drilled *drill;            /* arena: it breaks the live attempt when its answer has begun; NULL: none does */
    unsigned hedge_failed;            /* the candidate that failed as one; 0: none */
    struct attempt *attempt;          /* own or NULL */
    struct sl_arena attempt_arena;    /* of the live attempt */
    const struct dialect *up;         /* of the live attempt: what its provider is spoken to in */
    struct body_pieces pieces;        /* of the live attempt; in its arena */
    enum operation body_op;           /* whose body it is: match.op, but for a body of Responses on the path of chat */
    struct neutral_request *neutral;  /* the request, read when the first foreign candidate was tried */
    struct translation *translation;  /* of the live attempt, in its arena; NULL: client and provider speak the same */
    struct error_facts refused;       /* why a candidate cannot take the request */
    struct error_facts first_refused; /* the same of the first such candidate: what the client is told if none can */
    struct exchange_media *media;     /* what is fetched for it by URL; NULL: nothing was; media.c */
    struct exchange_turns *turns;     /* what a provider paused in; NULL: it did not; turns.c */
    struct exchange_other *other;     /* of what is no conversation; NULL: it is one; other.c */
    struct exchange_fan *fan;         /* several answers, one after the other; NULL: not so; fan.c */
    bool without_reasoning;           /* a provider did not believe a signature: reasoning.c */
    struct sl_str dropped;            /* what the translation could not say */
    const struct http_response *head; /* borrow (of attempt); NULL until it came */
    bool answer_ok;                   /* 2xx */
    bool is_stream;                   /* the answer is an event stream */
    bool is_framed;                   /* ... in AWS' frames: `frames` stands in front of the relay */
    bool over;                        /* the attempt is over; tries[n-1].result says how */
    struct sl_chunks held;            /* own: bytes of the answer that the client has not been given */
    bool error_cut;                   /* more of an error answer came than is kept */
    struct relay_same relay;          /* of the live attempt, when is_stream and not translated */
    struct relay_translate foreign;   /* the same when translated */
    struct aws_stream frames;         /* of the live attempt, when is_framed */
    struct relay_state *seen;         /* of whichever is live */
    struct relay_state answer_seen;   /* of a translated answer that is no stream */
    bool out_stream;                  /* what the client gets is a stream */
    struct told told;                 /* own while told_on: what the client has been told of it */
    bool told_on;
    struct rescue *rescue;   /* arena; NULL: nothing broke behind the client's first byte */
    int64_t head_ns;         /* when the head of the answer came */
    int64_t last_content_ns; /* when output of it came last */
    bool relay_live;         /* relay must be released */
    bool relay_bad;          /* the answer broke its format or a limit, or said an error: bad_outcome */
    enum outcome bad_outcome;
    uint64_t answer_n;          /* bytes of the answer so far */
    struct answer_facts answer; /* of the live attempt, not streamed, decoded when whole */
    void *watch;    /* arena of the attempt: dialect.answer_watch_* of an answer that passes unheld; or NULL */
    char last_byte; /* of an answer that passes unheld: kept back for SETTLE */
    bool has_last;
    int64_t pause_ns;
    struct sl_list credential_node;    /* in env->credential_waits while credential_wait */
    struct token_cell *token_cell;     /* borrow (of the snapshot): whose fetch is waited for */
    uint64_t token_fetch;              /* the fetch that was waited for; 0: none */
    uint64_t token_number;             /* the token that the live attempt goes out with */
    struct sl_str authorization;       /* of the live attempt, in its arena; empty: the provider's key */
    bool credential_wait, token_again; /* token_again: a 401 has had its second chance */

    /* SESSION */
    const struct ephemeral *secret;   /* arena: the key that it was opened with; NULL: a usual one. session_secret.c */
    struct exchange_session *session; /* arena: the operation is one; NULL: it is not. session.c */

    /* RELAY */
    bool committed;         /* written only by exchange_send_head; read only by retry facts and the record */
    bool client_full;       /* the attempt is held because the client does not read */
    int64_t first_token_ns; /* since began; -1: none */
    uint64_t events_relayed;

    /* RESPOND, SETTLE */
    struct error_facts refusal; /* error GE_NONE: none */
    struct sl_str own_body;     /* arena: an answer made here that is no error */
    int status_sent;            /* 0: nothing was sent */
    bool pass_error;            /* the provider's error answer is what the client gets (held) */
    enum final_kind final_kind;
    struct sl_str final_text;
    struct journal_place closed_at;
    bool settling;
    bool sync_wait, sync_failed; /* waits for the keeper; the keeper could not */
    enum access_side ended_by;
    enum exchange_state ended_in;
    struct sl_str ended_why;
    bool settled;
};

/* run.c */
void exchange_wake(struct exchange *x, unsigned event);
void exchange_goto(struct exchange *x, enum exchange_state to);
/* Takes the given events if they are there; true when at least one was. */
static inline bool exchange_take(struct exchange *x, unsigned events)
{
    bool had = (x->events & events) != 0;
    x->events &= ~events;
    return had;
}
/* Writes down who ended it; the first word counts. */
void exchange_ends(struct exchange *x, enum access_side by, struct sl_str why);
/* Chooses the gateway's own answer and gives STEP_GO in RESPOND. */
enum step exchange_refuse(struct exchange *x, enum gateway_error error);
enum step exchange_refuse_with(struct exchange *x, const struct error_facts *f);
/* There is no room for it here. */
enum step exchange_refuse_full(struct exchange *x); /* with the time when a place may be free */
/* The client is gone: to SETTLE. */
enum step exchange_client_gone(struct exchange *x);

/* step_read.c */
void exchange_on_body(void *x, struct sl_str bytes, bool last); /* http_app.on_body */

/* step_try.c */
void try_reserve(struct exchange *x, struct try *t);   /* t->reservation, by x->estimate_input */
struct try *try_current(struct exchange *x);           /* NULL before the first */
void try_note_head(struct exchange *x, struct try *t); /* what the answer's head says for the record */
void try_abandon(struct exchange *x); /* ends the current try from our side, names its outcome if it has none */

struct try *try_new(struct exchange *x); /* at x->at_candidate; the last of x->tries */
/* Sends what is prepared. a: the attempt's. */
struct attempt *try_send(struct exchange *x, struct try *t, struct sl_arena *a, const struct attempt_owner *calls,
                         void *owner);
void try_note_answer(struct exchange *x, struct try *t, const struct http_response *head); /* head NULL: nothing */
/* What an error means, by its status and body or by what was found inside of an answer of 200; notes it in t. */
enum outcome try_outcome_of_fault(enum provider_fault f);
enum outcome try_judge(struct exchange *x, struct try *t, const struct http_response *head, struct sl_str body,
                       struct sl_arena *a);
enum outcome try_judge_error(struct exchange *x, struct try *t, const struct http_response *head,
                             const struct answer_error *e);

/* What an error inside an answer of 200 means; notes it in the current try. Never OUT_OK. */
enum outcome try_judge_inner(struct exchange *x, const struct answer_error *e);
/* drilled.c: a drill on live traffic (upstream/live_drill.h). */
bool drilled(struct exchange *x, struct try *t); /* it takes this attempt: it has failed, and nothing is sent */
/* Behind the first output, of the live attempt. Bytes of the provider: give: what is done with them. False: nothing is to be done. */
bool drilled_body(struct exchange *x, struct sl_str bytes, void (*give)(struct exchange *x, struct sl_str bytes));
bool drilled_end(struct exchange *x);  /* the provider is done: true: nobody is to hear of it */
void drilled_drop(struct exchange *x); /* the attempt is dropped; harmless without a drill */
void drilled_over(struct exchange *x);

void try_drop(struct exchange *x); /* releases the attempt, its head and its arena; harmless without one */

/* translate.c */
/* What a provider is spoken to in for this exchange; NULL: it cannot serve it. */
const struct dialect *translate_dialect(const struct exchange *x, const struct provider *p, struct sl_str model);
/* Reads x->neutral, once. False: x->refused says what the body lacks. */
bool translate_read(struct exchange *x);
struct translation *translate_side(
    struct exchange *x); /* the client's dialect on both sides, in the exchange's arena */
/* Sets up, pieces, translation for a candidate, in the attempt's arena. False: x->refused says why it cannot be asked. */
bool translate_request(struct exchange *x, const struct route_candidate *c);
/* A request that only counts tokens and that no candidate's provider can take: own_body is set, or (GE_NONE no more)
 * x->refused. */
bool translate_counts_here(struct exchange *x);
/* The same when a provider that counts for some models only has failed. False: not such a request or provider. */
bool translate_counts_after_all(struct exchange *x, const struct provider *p);
/* The answer of such a provider (AWS) in the client's words: `held` is replaced. False: it is none. Others: nothing happens. */
bool translate_count_answer(struct exchange *x, const struct provider *p);

/* stored.c: stored responses; docs/internals/stored-responses.md */
bool stored_recalls(const struct exchange *x); /* ADMIT: whether RECALL comes next */
bool stored_fits_plan(
    struct exchange *x); /* PLAN: false: x->refused says why none can go on with what it goes on from */
typedef bool stored_keep_f(const struct exchange *x, const struct route_candidate *c);
void stored_filter(struct exchange *x, stored_keep_f *keep, bool wanted, const char *why);
/* The one that has what the request goes on from. False: any will do. */
void stored_digest(const struct exchange *x, const struct provider *p, unsigned i,
                   unsigned char out[STORE_CREDENTIAL_BYTES]); /* of its i-th credential */
bool stored_credential(const struct exchange *x, const struct provider *p, unsigned *out);
void stored_decide(struct exchange *x, const struct snapshot_provider *p); /* before a candidate's body is made */
bool stored_forbidden(const struct exchange *x); /* nothing of this caller's may be stored anywhere */
void stored_hide(struct exchange *x);            /* from writers of other formats what is the gateway's to do */
void stored_tell(struct exchange *x);            /* and lets the answer say it */
/* What a provider is asked about a response that it has: method, path. */
void stored_request(struct exchange *x, const struct provider *p, struct sl_str model, struct attempt_request *r);
void stored_begun(struct exchange *x); /* RELAY begins: x->held has the first bytes */
bool stored_keep(struct exchange *x);  /* SETTLE: true: EV_STORED will say when it is stored */
void stored_forget(struct exchange *x);
struct response_job *stored_put(struct exchange *x, enum store_response_state state, struct sl_str id,
                                struct sl_str model);

/* stored_run.c: responses that run in the background */
bool stored_runs_apart(const struct exchange *x);           /* PLAN: stored_background decides where it goes */
enum step stored_background(struct exchange *x);            /* the plan is made */
enum step stored_run_queued(struct exchange *x);            /* RECALL: its row is written */
void stored_run_begin(struct exchange *x);                  /* ... or the client has gone before that */
struct response_job *stored_run_failed(struct exchange *x); /* SETTLE: there is no answer */

/* forms.c: requests that are forms and kept whole */
bool forms_is_one(const struct exchange *x);    /* by its head */
bool forms_may_be(const struct exchange *x);    /* IDENTIFY: its content-type is one that the operation takes */
enum step forms_understand(struct exchange *x); /* READ_BODY: the body is whole */
bool forms_makes_images(const struct exchange *x);
void forms_reserve(struct exchange *x, struct try *t); /* forms_makes_images */
void forms_note_images(struct exchange *x, struct try *t);
/* What pictures are priced by; empty and "auto": not said. */
struct price_shape other_image_shape(struct sl_str model, struct sl_str size, struct sl_str quality);
bool forms_answer_is_other(const struct exchange *x); /* what the provider answers is no JSON, and need be none */
/* video_*.c: video jobs; docs/internals/jobs.md. Only where x->op->video. */
struct exchange_video *video_open(struct exchange *x);
bool video_creates(const struct exchange *x);                            /* POST: makes a job */
bool video_is_content(const struct exchange *x);                         /* of those that reach TRY */
bool video_recalls(const struct exchange *x);                            /* ADMIT: RECALL comes next */
bool video_waits(const struct exchange *x);                              /* for the keeper or the desk */
bool video_is_waiting(const struct exchange *x);                         /* in TRY; what is waited for may have come */
bool video_goes_on(const struct exchange *x);                            /* without its client */
void video_forget(struct exchange *x);                                   /* waits no more; harmless */
enum step video_understand(struct exchange *x);                          /* READ_BODY */
enum step video_recall(struct exchange *x);                              /* RECALL */
bool video_request(struct exchange *x, const struct route_candidate *c); /* as translate_request */
void video_reserve(struct exchange *x, struct try *t);
/* The row goes to the disk before anything is sent. WAIT: EV_STORED comes, then video_waited. */
enum step video_begin(struct exchange *x, struct try *t);
enum step video_waited(struct exchange *x, bool *out_send); /* GO and *out_send: on with the try */
bool video_links_came(struct exchange *x);
bool video_wants_links(const struct exchange *x);
void video_attempt_request(struct exchange *x, const struct try *t, struct attempt_request *out);
enum outcome video_outcome(struct exchange *x, enum outcome transport); /* of a create */
enum step video_taken(struct exchange *x);                              /* it was created */
enum step video_give_up(struct exchange *x, struct try *t);
enum step video_content_over(struct exchange *x, bool *out_again); /* the answer has no bytes for the client */
void video_content_headers(struct exchange *x, struct http_headers *to);
bool video_unpacks(const struct exchange *x);                               /* the bytes come inside of JSON: */
struct sl_str video_content_bytes(struct exchange *x, struct sl_str slice); /* ... those of one slice, until the next */
bool video_content_is_whole(const struct exchange *x);
bool video_content_is_passed(const struct exchange *x); /* the range is all here: the rest need not come */
int64_t video_content_length(const struct exchange *x); /* of what goes to the client; HTTP_LENGTH_NONE: not known */
int video_content_status(const struct exchange *x);
void video_headers(struct exchange *x, struct http_headers *to); /* of answers made here */
void video_refusal_headers(struct exchange *x, struct http_headers *to);
void video_settled(struct exchange *x, struct try *t);
void video_end(struct exchange *x); /* SETTLE */

/* uploads.c: forms that pass as they come (docs/internals/files.md) */
enum step uploads_begin(struct exchange *x);          /* IDENTIFY */
struct sl_str uploads_type(const struct exchange *x); /* content-type of what goes on */
enum step uploads_read(struct exchange *x);           /* READ_BODY: until the file begins, or all of it is here */
void uploads_on_body(struct exchange *x, struct sl_str bytes, bool last);
void uploads_late(struct exchange *x); /* the client does not go on sending */
void uploads_request(struct exchange *x, struct attempt_request *r);
void uploads_send(struct exchange *x); /* an attempt was started */
void uploads_on_room(void *x);         /* attempt_owner.on_room */
bool uploads_may_repeat(const struct exchange *x);
/* What the file is called, and its bytes if it is the last part of a form of known length: so many, or `more` more. Else 0. */
void uploads_file(const struct exchange *x, struct sl_str *out_name, uint64_t *out_bytes, uint64_t *out_more);
bool uploads_failed(const struct exchange *x);
enum step uploads_refuse(struct exchange *x); /* ... then */

/* bodies.c: bodies of requests, in memory or in a file (docs/internals/request-bodies.md) */
uint64_t bodies_max(const struct exchange *x);                   /* the largest that is taken */
uint64_t bodies_in_memory(const struct exchange *x, uint64_t n); /* what of one of n bytes is held */
bool bodies_came(struct exchange *x, bool last);                 /* x->body has more. False: x->body_error */
bool bodies_are_full(const struct exchange *x);                  /* the client is to wait; EV_BODY when not any more */
bool bodies_wait(const struct exchange *x);     /* all has come, and some is still to be written; EV_BODY when it is */
uint64_t bodies_held(const struct exchange *x); /* memory beside x->body */
void bodies_whole(struct exchange *x);          /* all has come, and nothing waits: x->body_text is there */
void bodies_rest(struct exchange *x);           /* it is not looked at for a while */
struct error_facts bodies_refusal(const struct exchange *x); /* of x->body_error */
bool bodies_may_translate(struct exchange *x);               /* false: x->refused says why it cannot be written anew */
void bodies_request(struct exchange *x, struct attempt_request *r);
void bodies_send(struct exchange *x);    /* an attempt was started */
void bodies_on_room(struct exchange *x); /* attempt_owner.on_room */
bool bodies_failed(const struct exchange *x);
void bodies_drop(struct exchange *x); /* nobody looks at body_text any more; harmless without a file */

/* batch_intent.c: a batch that is being made at a provider has a row before it is sent (docs/internals/files.md) */
bool intent_is_due(const struct exchange *x); /* ... and has none yet */
/* o: of its input file; NULL: it has none. The answer comes to objects_recall: an RJ_OBJECT_PUT. */
struct response_job *intent_job(struct exchange *x, const struct store_object *o, const struct provider *p);
struct sl_str file_intent_body(struct exchange *x, struct sl_arena *a); /* file_intent.c */
struct response_job *intent_end(struct exchange *x,
                                const struct try *t); /* SETTLE, without an answer of 2xx; NULL: it stays */

/* batch_here.c: files that are held here, batches that run here (docs/internals/batches.md) */
bool here_may(const struct exchange *x);  /* ... this one */
enum step here_begin(struct exchange *x); /* RECALL: a new one */
enum step here_found(struct exchange *x); /* RECALL: x->object.row is of one */
enum step here_go_on(struct exchange *x); /* RECALL: there is news */
bool here_waits(const struct exchange *x);
void here_forget(struct exchange *x);        /* waits no more; harmless */
bool here_answers(const struct exchange *x); /* the client has seen a byte of a file */
enum step here_break(struct exchange *x);    /* ... and there is no more of it */
bool here_takes(const struct exchange *x);   /* the upload's bytes */
void here_on_body(struct exchange *x, struct sl_str bytes, bool last);
bool here_fits_plan(struct exchange *x); /* PLAN: false: x->refused says why no candidate may get a line */

/* batch_ledger.c: true: it is in the ledger now, the row may say so */
bool batches_settle_object(struct exchange *x, const struct try *t, struct sl_str body, struct sl_str status);
void batches_begin(struct exchange *x);                               /* an attempt begins */
void batches_on_body(struct exchange *x, struct sl_str bytes);        /* of an answer that is no stream */
bool batches_settle_results(struct exchange *x, const struct try *t); /* the answer came whole */
void batches_settle_unread(struct exchange *x, const struct try *t);  /* it was deleted: nobody will know */

/* named.c: the values of members of that name, wherever in a body they stand; at most max. In the arena where they have escapes. */
size_t named_values(struct sl_str body, const struct sl_str *names, size_t n_names, struct sl_arena *a,
                    struct sl_str *out, size_t max);
bool named_may_be(struct sl_str body, struct sl_str name); /* false: there is none for sure */
void named_skip_blanks(struct sl_str *s);                  /* JSON's, at its begin */

/* gfiles.c: Gemini's files */
enum gateway_error gfiles_authenticate(struct exchange *x);    /* IDENTIFY: there is no key; GE_NONE: x->key is set */
bool gfiles_command(struct exchange *x, uint64_t *out_offset); /* false: x->refused says what is wrong */
enum step gfiles_list(struct exchange *x);
enum step gfiles_answer_list(struct exchange *x, const struct response_job *j);
struct sl_str gfiles_path(struct exchange *x, const struct provider *p);
enum outcome gfiles_verdict(struct exchange *x);
void gfiles_headers(struct exchange *x, struct http_headers *to);
struct response_job *gfiles_job(struct exchange *x, const struct try *t);
size_t gfiles_named(struct sl_str body, struct sl_arena *a, struct sl_str *ids, size_t max);

/* upload_parts.c: OpenAI's uploads in parts */
enum step upload_parts_understand(struct exchange *x);
enum step upload_parts_found(struct exchange *x, const struct response_job *j, bool *out_go);
struct sl_str upload_parts_path(struct exchange *x);
struct response_job *upload_parts_job(struct exchange *x, const struct try *t);

/* objects.c: files and batches */
enum step objects_refuse(struct exchange *x, enum gateway_error e, const char *param, struct sl_str message);
enum step objects_refuse_unknown(struct exchange *x, struct sl_str id);
bool objects_is_id(struct sl_str s);
struct response_job *objects_new_job(struct exchange *x, enum response_job_kind kind);
enum step objects_ask(struct exchange *x, struct response_job *j);        /* EV_STORED comes */
struct sl_str objects_query(struct exchange *x, const char *name);        /* plain; empty: not there */
struct sl_str objects_member(struct sl_str body, const char *name);       /* of a string: its inside */
struct sl_str objects_member_value(struct sl_str body, const char *name); /* as it stands there */
void objects_fill(struct exchange *x, const struct try *t, struct response_job *j, enum store_object_kind kind,
                  struct sl_str id, struct sl_str body, struct store_object *o);
bool objects_named(const struct exchange *x);     /* ADMIT: the body of a request for a model names files */
enum step objects_find_named(struct exchange *x); /* RECALL: object.judged_refs: nothing stands against them */
const struct dialect *objects_dialect(const struct exchange *x);
enum step objects_understand(struct exchange *x); /* READ_BODY: a JSON body is whole */
enum step objects_recall(struct exchange *x);     /* RECALL */
void objects_request(struct exchange *x, const struct provider *p, struct attempt_request *r);
struct response_job *objects_job(struct exchange *x, const struct try *t); /* SETTLE; NULL: nothing to store */
unsigned objects_credential(const struct exchange *x); /* which of a provider's keys makes something new */

/* guess.c: tokens that nobody reports */
struct usage_guess guess_for(struct exchange *x);
/* Of the request of an exchange (x), by the name that was asked for, before there is a plan. */
uint64_t guess_asked(void *x);
/* The reservation by a count instead of an estimate. False: it is counted already, or cannot be. */
bool guess_reservation(struct exchange *x, struct try *t);
/* Into t->guess. with_input: else only what was seen of the output. */
void guess_usage(struct exchange *x, struct try *t, bool with_input);

/* queue.c: waiting for a place */
void queue_init(struct exchange_env *e);
void queue_done(struct exchange_env *e);
bool queue_enter(struct exchange *x);                      /* false: the queue is full */
void queue_leave(struct exchange *x);                      /* harmless when it is not in it */
void queue_pump(struct exchange_env *env);                 /* places may be free: to those who wait, in turn */
bool queue_is_empty(const struct exchange_env *env);       /* nobody waits, in any worker */
enum priority_class queue_class(const struct exchange *x); /* whoever asks is known */

/* pressure.c: the gateway's own load */
void pressure_init(struct exchange_env *e);
void pressure_done(struct exchange_env *e);
void pressure_settings(struct exchange_env *e); /* there is a new epoch */
void pressure_note(struct exchange *x);         /* what x holds has changed, perhaps */
void pressure_forget(struct exchange *x);       /* it holds nothing any more */
/* So many bytes more do not fit beside what others hold. */
bool pressure_refuses(const struct exchange *x, uint64_t more);
enum step pressure_refuse(struct exchange *x);        /* ... with a time to come again that is not everybody's */
bool pressure_refuses_body(const struct exchange *x); /* one that has grown beyond what there is room for */

/* terms.c: what routes may say differently */
void terms_begin(struct exchange *x);
void terms_of_route(struct exchange *x);          /* there is a plan */
bool terms_hold(const struct exchange *x);        /* the client is not shown the first output at once */
bool terms_held_enough(const struct exchange *x); /* ... but this much; true where nothing is held */
int64_t terms_hold_until(const struct exchange *x, const struct try *t); /* t has output */

/* lanes.c: targets' health */
bool lanes_view(const void *arg, uint32_t target_index,
                struct route_target_view *out);               /* a route_view_f; arg: the exchange */
void lanes_too_long(struct exchange *x, const struct try *t); /* from now on only larger targets may be asked */
bool lanes_is_too_small(const struct exchange *x, uint32_t candidate);
bool lanes_choose(struct exchange *x, struct error_facts *out); /* x->at_candidate may be asked; false: all are down */
uint32_t lanes_left(const struct exchange *x);                  /* candidates behind the current one that are up */
void lanes_begin(struct exchange *x, struct try *t);
void lanes_head(struct exchange *x, struct try *t,
                const struct http_response *head); /* the answer's head came: what it says of limits */
/* Which of the provider's credentials a new attempt goes out with: in turn, but none that rests while another does not. */
unsigned lanes_credential(struct exchange *x, const struct route_candidate *c);
/* The same target once more with another of its keys: this one was refused or has to wait. Says so in t. */
bool lanes_other_key(const struct exchange *x, struct try *t);
void lanes_end(struct exchange *x, struct try *t);
bool lanes_may_repeat(const struct try *t); /* takes from the target's budget */
bool lanes_is_up(const struct exchange *x, uint32_t candidate);

/* hedge.c: a second target while the first is silent */
bool hedge_may(const struct exchange *x);    /* this request may be asked twice at once */
int64_t hedge_due(const struct exchange *x); /* when; SL_NEVER */
void hedge_start(struct exchange *x);        /* if it is time */
bool hedge_is_on(const struct exchange *x);
bool hedge_look(struct exchange *x); /* behind EV_HEDGE. True: it has output. One that failed is gone */
/* It becomes the current attempt; the one before was dropped. won: it was of use. */
void hedge_take(struct exchange *x, bool won);
void hedge_end(struct exchange *x);     /* it is not wanted any more; harmless without one */
void hedge_release(struct exchange *x); /* the current attempt, which was one, was freed */

/* patience.c: how long a live attempt is waited for */
enum patience {
    PATIENCE_WAITS = 0,
    PATIENCE_SHOW,     /* a start without output was held for long enough: the client may see it */
    PATIENCE_NO_TOKEN, /* no output came in time, and there is another target */
    PATIENCE_STALLED   /* no more output came in time, and another target can go on */
};
void patience_set(struct exchange *x);               /* x->soft_due_ns, before a wait of TRY or RELAY */
enum patience patience_of(const struct exchange *x); /* what is due now */
/* other.c: operations that are no conversation (op->other) */
bool other_understand(struct exchange *x); /* the body; false: x->refused says what is wrong with it */
struct sl_str other_default_model(struct exchange *x,
                                  struct sl_str body); /* the body, with a model where it may have none */
/* translate_request for them. */
bool other_request(struct exchange *x, const struct route_candidate *c, const struct provider *p);
/* Edits of images are forms that go on as they come, and are other operations only where this candidate has other words for them. */
bool other_takes_edit(struct exchange *x, const struct route_candidate *c, const struct provider *p);
bool other_edit_request(struct exchange *x, const struct route_candidate *c, const struct provider *p);
bool other_is_foreign(const struct exchange *x); /* the live attempt is in another format than the client's */
struct sl_str other_path(const struct exchange *x, const struct provider *p, struct sl_str model,
                         struct sl_arena *a);       /* empty: the operation's own */
bool other_is_sound(const struct exchange *x);      /* the answer is bytes, not JSON */
size_t other_event_bytes(const struct exchange *x); /* the largest event that is taken */
enum outcome other_verdict(struct exchange *x);     /* a whole foreign answer: `held` is replaced when it is the last */
bool other_wants_more(const struct exchange *x);    /* of several calls */
unsigned other_answered(const struct exchange *x);  /* calls of this candidate that were answered */
void other_reserve(struct exchange *x, struct try *t);
void other_note_usage(struct exchange *x, struct try *t);
struct sl_str other_answer_type(const struct exchange *x); /* of a pair's */
/* other_stream.c: streams between two formats, and clients that are told of each call */
/* What of a request's tokens belongs to the live one of several calls; all of them where it is the only one. */
uint64_t other_share(const struct exchange *x, uint64_t tokens);
bool other_may_stream(const struct exchange *x); /* an event stream is an answer to what was asked */
void other_open(struct exchange *x);             /* it begins: x->seen is its state */
void other_close(struct exchange *x);
bool other_reads(const struct exchange *x); /* between the two */
enum relay_feed other_feed(struct exchange *x, struct sl_str bytes, const struct iovec **out_v, int *out_n);
struct sl_str other_rest(const struct exchange *x); /* what other_feed has not taken: give it that again */
bool other_stream_is_whole(struct exchange *x);
bool other_is_shown(const struct exchange *x, bool over); /* TRY: what came is the client's */
bool other_gives_events(const struct exchange *x);        /* the client gets a stream of events */
bool other_is_told(
    const struct exchange *x); /* the client has the answer of an earlier call: only this target goes on */
/* A call is whole and there are more: the client has its answer and the try is closed; the state is, or is to be, RELAY. */
bool other_goes_on(struct exchange *x);
bool other_rests(const struct exchange *x);                                 /* RELAY: between two calls */
enum step other_step(struct exchange *x);                                   /* ... its step */
struct sl_str other_error(struct exchange *x, const struct error_facts *f); /* instead of the end */
bool other_note_stream(const struct exchange *x, struct try *t);            /* other_note_usage of a stream */

/* fan.c: several answers from a target that gives one */
void fan_prepare(struct exchange *x); /* x->neutral says what this candidate is to be asked */
/* The candidate cannot be asked for n answers, and the settings allow to ask it n times: the request is changed, write it again. */
bool fan_begin(struct exchange *x, const struct translation *t, bool written);
bool fan_is_on(const struct exchange *x);        /* for the present candidate */
unsigned fan_answered(const struct exchange *x); /* attempts of this candidate that gave one of the answers */
/* One more whole answer; *out has all of them when it is the last. False: it breaks its format, as relay_translate_answer. */
bool fan_answer(struct exchange *x, struct sl_str body, struct sl_buf *out);
bool fan_wants_more(const struct exchange *x);
/* What the provider is asked for, whatever the client gets. */
static inline bool exchange_asks_stream(const struct exchange *x)
{
    return x->facts.stream && !fan_is_on(x) && !other_is_foreign(x);
}

/* turns.c: a provider's turn that paused goes on */
bool turns_want_more(const struct exchange *x);
unsigned turns_answered(const struct exchange *x); /* attempts of this candidate that gave a turn */
/* A whole answer, with the turns before it; *out is empty when another one is to be asked for. As relay_translate_answer. */
bool turns_answer(struct exchange *x, struct sl_str body, struct sl_buf *out);
void turns_append(struct exchange *x);  /* to the body that was written for the candidate */
bool turns_listens(struct exchange *x); /* a stream begins: what it pauses with is to be kept */
bool turns_paused(const struct exchange *x);
bool turns_stream(struct exchange *x); /* a stream is whole: true: it has paused, and TRY is to go on with it */

/* reasoning.c */
/* A refusal that one more try at the same target without earlier reasoning may heal: says so in t, and the request is without it. */
bool reasoning_again(struct exchange *x, struct try *t);
struct sl_str reasoning_note(struct exchange *x, struct sl_str dropped); /* what the client is told, in front of that */

/* media.c */
void media_ask(struct exchange *x,
               const struct media_wishes *wishes); /* they are to be fetched, or x->refused says why not */
/* A client of the provider's own format names an image by URL, and this server takes none: the request is written anew. */
bool media_is_needed(struct exchange *x, const struct provider *p);
bool media_is_asked(const struct exchange *x); /* TRY must leave to MEDIA */
void media_unask(struct exchange *x);          /* not now */
void media_drop(struct exchange *x);           /* ends what runs; harmless without any */

/* credential.c: tokens that must be fetched (docs/internals/credentials.md) */
enum credential_now {
    CREDENTIAL_READY = 0, /* x->authorization is set where the provider takes a token */
    CREDENTIAL_WAITS,     /* EV_CREDENTIAL comes */
    CREDENTIAL_FAILED     /* the try has its outcome */
};
enum credential_now credential_ready(struct exchange *x, struct try *t);
/* For calls that are no exchange's. False: not now; it is being fetched, or was refused. */
bool credential_for(struct exchange_env *env, struct snapshot *snap, const struct snapshot_provider *at,
                    struct sl_arena *a, struct sl_str *out_authorization);
bool credential_came(struct exchange *x);   /* waited for: there is news, ask again */
void credential_forget(struct exchange *x); /* x waits no more; harmless when it does not */
/* The provider did not take the token: the same target at once, with a new one. Once in an exchange. */
bool credential_again(struct exchange *x, const struct try *t);
void credential_end_all(struct exchange_env *env); /* ends the fetches of this worker */

/* rescue.c: going on with another provider in the middle of a stream */
enum rescue_next {
    RESCUE_OVER = 0, /* nobody goes on: the client is told */
    RESCUE_NEXT,     /* the next target */
    RESCUE_SAME      /* the same, asked otherwise */
};
void rescue_listen(struct exchange *x);                /* a relay was opened: keeps account of what is told */
bool rescue_can(struct exchange *x, enum outcome o);   /* the stream broke: can somebody else go on? */
bool rescue_begin(struct exchange *x, enum outcome o); /* closes the try; true: to TRY. False: it cannot be taken up */
bool rescue_turn(
    struct exchange *x); /* closes the try of a stream that paused, keeps the client's writer; true: to TRY */
void rescue_asks(struct exchange *x, struct translation *t);       /* t->req becomes what asks to go on */
void rescue_open(struct exchange *x);                              /* the answer's head came */
bool rescue_is_joined(const struct exchange *x);                   /* its first words are the client's */
struct sl_str rescue_seam(struct exchange *x);                     /* what goes in front of them; empty: nothing */
enum rescue_next rescue_after(struct exchange *x, enum outcome o); /* a target that was to go on failed */
enum outcome rescue_broke(const struct exchange *x);
struct sl_str rescue_error(struct exchange *x, const struct error_facts *f);
struct sl_str rescue_asked(const struct exchange *x); /* plain; what the live attempt goes on from; empty: nothing */
void rescue_drop(struct exchange *x);                 /* at the end of the exchange; harmless without one */

/* step_relay.c */
/* Whoever has gone is no hindrance to a response that runs on without him. */
static inline bool relay_is_full(const struct exchange *x)
{
    return !x->stream->gone && http_stream_room(x->stream) == 0;
}
enum step relay_fail(struct exchange *x, const struct error_facts *f); /* in-band: the client has seen a byte */
extern const struct attempt_owner exchange_attempt_owner;
void relay_send_head(struct exchange *x, int64_t content_length);
enum outcome relay_verdict(struct exchange *x);                /* the transport says whole: does the format? */
enum outcome relay_outcome(struct exchange *x, struct try *t); /* of an attempt that is over by itself, of a 2xx */
void relay_note_usage(struct exchange *x, struct try *t);
void relay_release(struct exchange *x);
struct sl_str relay_end_text(const struct exchange *x); /* the terminal event, if the provider sent one */

/* session.c: WebSockets; docs/internals/realtime.md */
bool session_identify(struct exchange *x, struct error_facts *out); /* IDENTIFY: false: why it cannot be */
/* TRY: the candidate's dialect, or x->refused says why it cannot be asked. */
bool session_request(struct exchange *x, const struct route_candidate *c);
void session_ask(struct exchange *x, struct try *t, struct attempt_request *r, struct http_headers *h);
void session_on_bytes(struct exchange *x, struct sl_str bytes); /* of the client */
void session_release(struct exchange *x);                       /* with the attempt; harmless without a session */
void session_done(struct exchange *x);                          /* at the end; harmless without one */
/* session_open.c: where the client has its 101 before a provider is known */
enum step session_read(struct exchange *x); /* READ_BODY: its first message */
bool session_is_upgraded(const struct exchange *x);
void session_refuse(struct exchange *x);                    /* RESPOND: x->refusal, or what is held, as an event */
bool session_gives_up(struct exchange *x);                  /* TRY: the client gets the provider's own error */
bool session_open_first(struct exchange *x, struct try *t); /* the open record of the first response */
void session_try_over(struct exchange *x, struct try *t);   /* ... its close record, where the try gave nothing */
extern const struct attempt_owner session_attempt_owner;
struct access_session;                                         /* telemetry/access.h */
const struct access_session *session_told(struct exchange *x); /* NULL: there was none */
size_t session_held(const struct exchange *x); /* bytes of messages that have not come whole; 0 without one */

/* session_secret.c: ephemeral keys */
enum step secret_understand(struct exchange *x); /* READ_BODY: one is made */
/* IDENTIFY: GE_NONE: x->key and x->secret are set where the head has one. */
enum gateway_error secret_authenticate(struct exchange *x);

/* Where the client gets the answer of the live attempt. */
static inline enum exchange_state exchange_shown_in(const struct exchange *x)
{
    return x->op->session ? XS_SESSION : XS_RELAY;
}

/* session_turn.c: what a session's responses cost */
struct session_turn;
struct realtime_event;
/* The client asks for a response: its open record. False: *out says why it may not. */
struct session_wish;
bool session_turn_ask(struct exchange *x, const struct realtime_event *e, const struct session_wish *w,
                      struct error_facts *out);
void session_turn_see(struct exchange *x, const struct realtime_event *e, size_t bytes); /* a message of the provider */
void session_turns_cut(struct exchange *x, enum outcome o);                              /* whatever has not ended */
unsigned session_turns_live(const struct exchange *x);

/* try_ledger.c: open record; usage, price, close record, counters; once per try */
/* What a provider's report says. reasoning_outside: its vendor counts reasoning beside the completion. */
struct usage usage_reported(const struct token_counts *c, bool reasoning_outside);
void try_close(struct exchange *x, struct try *t);
int64_t try_cost_now(struct exchange *x, struct try *t); /* of all attempts, were t over now; picodollars */
bool try_append_open(struct exchange *x,
                     struct try *t); /* false, and budget_until_ns > 0: the budget has no room for it */

/* budget.c: what tenants may spend (docs/internals/budgets.md) */
/* What may be spent at wall_ns is: *out is where. False: it would be too much, x->budget_until_ns is set. */
bool budget_reserve(struct exchange *x, int64_t wall_ns, const struct reservation *r, struct spend_cell **out);
/* The same of t, whose input is counted where the budget is nearly used up, or has no room for the estimate. */
bool budget_reserve_try(struct exchange *x, struct try *t);
void budget_count(struct exchange *x, int64_t wall_ns, const struct reservation *r, struct spend_cell **out);
/* In front of the close record. Harmless where nothing was reserved. */
void budget_settle(struct spend_cell **c, int64_t wall_ns, const struct reservation *r, int64_t cost_p);
/* Something that was not reserved, or by somebody else, did cost so much. Any thread. */
void budget_correct(const struct exchange_env *env, struct sl_str tenant, int64_t opened_ns, int64_t reserved_p,
                    int64_t cost_p);
/* As that, of nothing reserved; the same attempt again counts once (spend_settle_once). */
void budget_correct_once(const struct exchange_env *env, struct sl_str tenant, struct sl_id attempt, int64_t opened_ns,
                         int64_t cost_p);
bool budget_has_room(struct exchange *x); /* for what nobody can estimate; as budget_reserve, of nothing */
struct error_facts budget_refusal(const struct exchange *x); /* ... then */

/* record.c */
void exchange_record(struct exchange *x);
int64_t exchange_cost(const struct exchange *x);                   /* of all closed tries */
void exchange_headers(struct exchange *x, struct http_headers *h); /* x-sluice-* and server-timing */

step_f step_identify, step_read_body, step_admit, step_queue, step_recall, step_plan, step_try, step_media, step_pause,
    step_relay, step_session, step_respond, step_settle, step_done;

#endif
