/* Uploads: forms whose file passes to a provider as it comes. docs/internals/files.md.
 *
 *   client ─► uploads_on_body ─┬─ READ_BODY ... TRY: kept, until the file begins (or all of a small form is here)
 *                              └─ TRY, bytes have left: attempt_body_write; no room: the client is not read until on_room
 *
 * What is kept is dropped when the first of it has left: from then on nothing can be repeated. The form is read in passing: bytes
 * that make it malformed, too large or cut short are not passed on, so that the provider never has a whole request of it. */
#include "exchange/exchange_int.h"
#include "http/multipart.h"

#define KEPT_MAX (256u * 1024) /* in front of the file, and the first of it */

struct exchange_upload {
    struct multipart form;
    uint64_t received;
    uint64_t max;
    struct sl_str part;      /* the name of the part that is the file; empty: it is no form, all of it is the file */
    uint32_t files;          /* parts of that name that are one */
    struct sl_str name;      /* arena: what the first of them is called */
    uint64_t at, boundary_n; /* where in the form its bytes begin */
    bool flowing;            /* bytes have left: they go on as they come */
};

static void drop(void *arg)
{
    struct exchange_upload *u = arg;
    multipart_done(&u->form);
}

static enum step refuse_type(struct exchange *x)
{
    return exchange_refuse_with(
        x,
        &(struct error_facts){
            .error = GE_TYPE_UNSUPPORTED,
            .message = SL_STR("The request must be multipart/form-data, and its content-type must name the boundary."),
        });
}

static enum step go_read(struct exchange *x, struct exchange_upload *u)
{
    if (x->req->content_length > 0 && (uint64_t)x->req->content_length > u->max) {
        tel_refuse(x->env->tel, TEL_WHY_BODY_LIMIT);
        return exchange_refuse(x, GE_BODY_TOO_LARGE);
    }
    x->upload = u;
    x->body_done = !x->req->has_body;
    x->body.max = SIZE_MAX / 4; /* KEPT_MAX, and what one read brings behind it */
    x->total_due_ns = x->began_ns + x->snap->set.files.time_ns;
    exchange_goto(x, XS_READ_BODY);
    return STEP_GO;
}

static enum step begin_raw(struct exchange *x, struct exchange_upload *u)
{
    uint64_t offset = 0, max = x->snap->set.files.max_bytes;
    if (!gfiles_command(x, &offset))
        return exchange_refuse_with(x, &x->refused);
    u->max = max > offset ? max - offset : 0;
    return go_read(x, u);
}

enum step uploads_begin(struct exchange *x)
{
    struct sl_str boundary;
    struct exchange_upload *u = SL_ARENA_NEW(x->a, struct exchange_upload);
    if (!x->req->has_body && !x->op->raw)
        return exchange_refuse(x, GE_BODY_MISSING);
    if (http_headers_get(&x->req->headers, HN_CONTENT_ENCODING).n > 0)
        return exchange_refuse(x, GE_ENCODING_UNSUPPORTED);
    if (x->op->raw)
        return begin_raw(x, u);
    if (!multipart_boundary(http_headers_get(&x->req->headers, HN_CONTENT_TYPE), &boundary))
        return refuse_type(x);
    u->max = x->snap->set.files.max_bytes;
    u->boundary_n = boundary.n;
    u->part = x->match.op == OP_UPLOAD_PART ? SL_STR("data") : SL_STR("file");
    multipart_init(&u->form, boundary, NULL);
    sl_arena_on_drop(x->a, drop, u);
    return go_read(x, u);
}

/* ---- the client's bytes ---- */

static bool has_begun(const struct exchange_upload *u)
{
    return u->part.n > 0 ? u->files > 0 : u->received > 0;
}

static void look(struct exchange *x, struct sl_str bytes)
{
    struct exchange_upload *u = x->upload;
    struct sl_str data;
    enum multipart_event e;
    while ((e = multipart_next(&u->form, &bytes, &data)) != MULTIPART_MORE) {
        if (e == MULTIPART_PART && u->form.part.has_filename && sl_str_eq(u->form.part.name, u->part) &&
            u->files++ == 0) {
            u->name = sl_arena_str(x->a, u->form.part.filename);
            u->at = u->received - bytes.n;
        }
        if (e != MULTIPART_BAD)
            continue;
        x->body_error = GE_BAD_REQUEST;
        return;
    }
}

static void judge(struct exchange *x, struct sl_str bytes, bool last)
{
    struct exchange_upload *u = x->upload;
    u->received += bytes.n;
    if (u->part.n > 0)
        look(x, bytes);
    if (x->body_error != GE_NONE)
        return;
    if (u->received > u->max)
        x->body_error = GE_BODY_TOO_LARGE;
    else if (u->part.n == 0)
        return;
    else if (last && !multipart_is_whole(&u->form))
        x->body_error = GE_BAD_REQUEST;
    else if ((last || x->body.n > KEPT_MAX) && u->files == 0)
        x->body_error = GE_MEMBER_MISSING;
}

/* As long as nothing has left. */
static void keep(struct exchange *x, struct sl_str bytes)
{
    SL_CHECK(sl_chunks_add(&x->body, bytes.p, bytes.n) == SL_OK);
    if (!has_begun(x->upload) && !x->body_done)
        return;
    http_stream_read(x->stream, false);
    exchange_wake(x, EV_BODY);
}

void uploads_on_body(struct exchange *x, struct sl_str bytes, bool last)
{
    struct exchange_upload *u = x->upload;
    if (x->body_done || x->body_error != GE_NONE)
        return;
    judge(x, bytes, last);
    if (x->body_error != GE_NONE) {
        http_stream_read(x->stream, false);
        exchange_wake(x, EV_BODY);
        return;
    }
    if (here_takes(x)) {
        here_on_body(x, bytes, last);
        return;
    }
    x->body_done = last;
    if (!u->flowing) {
        keep(x, bytes);
        return;
    }
    if (x->attempt == NULL || x->over) /* the answer came before the end of the request */
        return;
    attempt_body_write(x->attempt, bytes, last);
    if (attempt_body_room(x->attempt) == 0)
        http_stream_read(x->stream, false);
}

void uploads_late(struct exchange *x)
{
    if (x->body_error == GE_NONE && !x->body_done)
        x->body_error = GE_BODY_SLOW;
    exchange_wake(x, EV_BODY);
}

enum step uploads_read(struct exchange *x)
{
    exchange_take(x, EV_BODY);
    if (x->body_error != GE_NONE)
        return uploads_refuse(x);
    if (!x->body_done && !has_begun(x->upload)) {
        http_stream_read(x->stream, true);
        return STEP_WAIT;
    }
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

bool uploads_failed(const struct exchange *x)
{
    return x->upload != NULL && x->body_error != GE_NONE;
}

enum step uploads_refuse(struct exchange *x)
{
    struct error_facts f = {.error = x->body_error};
    const char *error = x->upload->form.error;
    tel_refuse(x->env->tel, x->body_error == GE_BODY_TOO_LARGE ? TEL_WHY_BODY_LIMIT : TEL_WHY_BODY);
    if (f.error == GE_MEMBER_MISSING) {
        f.param = x->upload->part;
        f.message = sl_arena_printf(x->a, "'" SL_STR_FMT "' is missing: send the file as a part with a filename.",
                                    SL_STR_ARG(f.param));
    } else if (f.error == GE_BAD_REQUEST) {
        f.message = error != NULL ? sl_str_c(error) : SL_STR("The form was cut short: it has no closing boundary.");
    }
    return exchange_refuse_with(x, &f);
}

/* ---- the attempt ---- */

struct sl_str uploads_type(const struct exchange *x)
{
    struct sl_str type = http_headers_get(&x->req->headers, HN_CONTENT_TYPE);
    return type.n == 0 && x->op->raw ? SL_STR("application/octet-stream") : type;
}

void uploads_request(struct exchange *x, struct attempt_request *r)
{
    r->streamed = true;
    r->streamed_length = x->req->content_length >= 0 ? x->req->content_length : HTTP_LENGTH_NONE;
    r->body = NULL;
    r->n_body = 0;
}

void uploads_send(struct exchange *x)
{
    if (x->req->has_body)
        attempt_body_write(x->attempt, sl_chunks_flat(&x->body), x->body_done);
}

/* The first bytes have left, or there is room again. */
void uploads_on_room(void *arg)
{
    struct exchange *x = arg;
    struct exchange_upload *u = x->upload;
    if (u == NULL)
        bodies_on_room(x);
    if (u == NULL || x->body_done)
        return;
    if (!u->flowing)
        sl_chunks_clear(&x->body);
    u->flowing = true;
    if (x->body_error == GE_NONE)
        http_stream_read(x->stream, true);
}

void uploads_file(const struct exchange *x, struct sl_str *out_name, uint64_t *out_bytes, uint64_t *out_more)
{
    const struct exchange_upload *u = x->upload;
    int64_t length = x->req->content_length;
    uint64_t behind = u->at + u->boundary_n + 6; /* CR LF "--" boundary "--", and mostly CR LF */
    *out_name = u->name;
    *out_more = 2;
    *out_bytes = length > 0 && (uint64_t)length > behind + 2 ? (uint64_t)length - behind - 2 : 0;
}

bool uploads_may_repeat(const struct exchange *x)
{
    return x->upload == NULL || !x->upload->flowing;
}
