/* MEDIA: a candidate takes the bytes of something that the client named by URL, and not the URL. Entered from TRY with a list of
 * wishes; waits for the fetches, some at a time; leaves to TRY, where the candidate is asked again with the bytes in the request,
 * or is passed over because one could not be fetched. See docs/internals/media.md. */
#include "base/list.h"
#include "dialect/json_tree.h"
#include "dialect/media.h"
#include "exchange/exchange_int.h"
#include "upstream/fetch.h"

#define JOBS_MAX 256u /* whatever the settings say */

struct media_job {
    struct neutral_part *part; /* of x->neutral */
    struct sl_str place;
    struct fetch *fetch; /* own while it runs */
    struct exchange_media *of;
    struct media_job *next;
};

struct exchange_media { /* in the exchange's arena */
    struct exchange *x;
    struct media_job *first, *last, *next; /* next: the first that has not begun */
    unsigned live;
    unsigned count; /* parts that were asked for, ever */
    uint64_t bytes; /* fetched, ever */
    bool waits;     /* wishes are open */
    bool failed;    /* error says how; nothing is fetched for this exchange any more */
    struct error_facts error;
};

static struct exchange_media *media_of(struct exchange *x)
{
    if (x->media == NULL) {
        x->media = SL_ARENA_NEW(x->a, struct exchange_media);
        x->media->x = x;
    }
    return x->media;
}

static void fail(struct exchange_media *m, struct sl_str place, const char *why)
{
    struct exchange *x = m->x;
    if (m->failed)
        return;
    m->failed = true;
    m->error = (struct error_facts){
        .error = GE_MEDIA,
        .param = place,
        .message = sl_arena_printf(x->a, "'" SL_STR_FMT "' could not be fetched: it %s.", SL_STR_ARG(place), why),
    };
}

/* ---- wishes ---- */

/* The request is the exchange's own; writers only read it. */
static struct neutral_part *own_part(struct neutral_part *parts, const struct neutral_part *p)
{
    for (; parts != NULL; parts = parts->next) {
        if (parts == p)
            return parts;
        struct neutral_part *inside = own_part(parts->content, p);
        if (inside != NULL)
            return inside;
    }
    return NULL;
}

static struct neutral_part *find_part(const struct neutral_request *r, const struct neutral_part *p)
{
    for (struct neutral_message *m = r->messages; m != NULL; m = m->next) {
        struct neutral_part *part = own_part(m->parts, p);
        if (part != NULL)
            return part;
    }
    return NULL;
}

static void add_job(struct exchange_media *m, const struct media_wish *w)
{
    struct neutral_part *part = find_part(m->x->neutral, w->part);
    for (const struct media_job *job = m->first; job != NULL; job = job->next)
        if (job->part == part)
            return; /* written twice */
    struct sl_str place = sl_arena_str(m->x->a, w->place);
    const uint32_t most = m->x->snap->set.media.count < JOBS_MAX ? m->x->snap->set.media.count : JOBS_MAX;
    if (part == NULL || ++m->count > most) {
        fail(m, place, "is one of too many");
        return;
    }
    struct media_job *job = SL_ARENA_NEW(m->x->a, struct media_job);
    *job = (struct media_job){.part = part, .place = place, .of = m};
    SL_APPEND(m->first, m->last, job);
    if (m->next == NULL)
        m->next = job;
}

void media_ask(struct exchange *x, const struct media_wishes *wishes)
{
    struct exchange_media *m = media_of(x);
    for (const struct media_wish *w = wishes->first; w != NULL && !m->failed; w = w->next)
        add_job(m, w);
    m->waits = !m->failed;
    if (m->failed)
        x->refused = m->error;
}

bool media_is_asked(const struct exchange *x)
{
    return x->media != NULL && x->media->waits;
}

void media_unask(struct exchange *x)
{
    x->media->waits = false;
}

bool media_is_needed(struct exchange *x, const struct provider *p)
{
    const struct translation kind = {.lacks = p->kind->chat_lacks};
    if (!x->snap->set.media.fetch || x->dialect->codec == NULL || !x->op->generates ||
        !translation_lacks(&kind, SL_STR("image_url.url")) || !translate_read(x))
        return false;
    if (x->media != NULL)
        return true;
    for (const struct neutral_message *m = x->neutral->messages; m != NULL; m = m->next)
        for (const struct neutral_part *part = m->parts; part != NULL; part = part->next)
            if (part->kind == NP_IMAGE && part->media.source == NS_URL)
                return true;
    return false;
}

/* ---- what came ---- */

static bool is_of(struct sl_str mime, const char *family)
{
    return sl_str_starts(mime, sl_str_c(family));
}

/* NULL: the part has its bytes. The bytes decide what it is; what the server says only between texts. */
static const char *take(struct exchange_media *m, struct neutral_part *part, const struct fetch_result *r)
{
    struct sl_arena *a = m->x->a;
    struct neutral_media *to = &part->media;
    struct sl_str rest = r->type, declared = sl_str_trim(sl_str_cut(&rest, ';'));
    struct sl_str head = media_encode(sl_str_head(r->bytes, 48), a), mime = media_sniff(head);
    bool fits = part->kind == NP_IMAGE   ? is_of(mime, "image/")
                : part->kind == NP_AUDIO ? is_of(mime, "audio/")
                : part->kind == NP_VIDEO ? is_of(mime, "video/")
                                         : is_of(mime, "image/") || sl_str_eq(mime, SL_STR("application/pdf"));
    if (fits) {
        *to = (struct neutral_media){.source = NS_BASE64,
                                     .data = media_encode(r->bytes, a),
                                     .mime = mime,
                                     .filename = to->filename,
                                     .detail = to->detail,
                                     .context = to->context};
        return NULL;
    }
    if (part->kind != NP_FILE)
        return part->kind == NP_IMAGE ? "is no PNG, JPEG, GIF or WebP" : "is of no type that is known";
    if (mime.n > 0 || !media_is_text(declared) || !sl_utf8_valid(r->bytes))
        return "is neither a PDF nor text";
    to->source = NS_TEXT;
    to->mime = SL_STR("text/plain");
    to->data = json_escape(r->bytes, a);
    return NULL;
}

static void on_fetched(void *owner, struct fetch *f)
{
    struct media_job *job = owner;
    struct exchange_media *m = job->of;
    const struct fetch_result *r = fetch_result(f);
    m->live--;
    m->bytes += r->bytes.n;
    const char *why = !r->ok                                         ? r->why
                      : m->bytes > m->x->snap->set.media.total_bytes ? "is too much with the others"
                                                                     : NULL;
    if (why == NULL)
        why = take(m, job->part, r);
    fetch_free(f);
    job->fetch = NULL;
    if (why != NULL)
        fail(m, job->place, why);
    tel_add(m->x->env->tel, why == NULL ? TEL_MEDIA_FETCHED : TEL_MEDIA_FAILED, 1);
    exchange_wake(m->x, EV_MEDIA);
}

static void begin_some(struct exchange_media *m)
{
    struct exchange *x = m->x;
    const struct media_policy *p = &x->snap->set.media;
    const struct fetch_rules rules = {
        .total_ns = p->timeout_ns,
        .max_bytes = p->max_bytes,
        .hosts = p->hosts,
        .n_hosts = p->n_hosts,
        .plain_http = p->plain_http,
        .allow_private = p->allow_private,
        .tls = x->snap->media_tls,
        .accept = SL_STR("image/*, application/pdf, audio/*, video/*, text/*;q=0.5, */*;q=0.1"),
    };
    while (!m->failed && m->next != NULL && m->live < p->parallel) {
        struct media_job *job = m->next;
        m->next = job->next;
        m->live++;
        job->fetch =
            fetch_start(x->env->upstream, x->a, json_plain(job->part->media.data, x->a), &rules, on_fetched, job);
    }
}

void media_drop(struct exchange *x)
{
    if (x->media == NULL)
        return;
    for (struct media_job *job = x->media->first; job != NULL; job = job->next) {
        fetch_free(job->fetch);
        job->fetch = NULL;
    }
    x->media->first = x->media->last = x->media->next = NULL;
    x->media->live = 0;
    x->media->waits = false;
}

enum step step_media(struct exchange *x)
{
    struct exchange_media *m = x->media;
    if (exchange_take(x, EV_GONE)) {
        media_drop(x);
        return exchange_client_gone(x);
    }
    x->events = 0;
    if (x->timed_out) {
        media_drop(x);
        return exchange_refuse(x, GE_TIMEOUT);
    }
    begin_some(m);
    if (!m->failed && m->live > 0)
        return STEP_WAIT;
    media_drop(x);
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}
