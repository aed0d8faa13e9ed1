/* Forms that are kept whole: see form.h. */
#include "dialect/form.h"

#include "dialect/pieces.h"
#include "http/multipart.h"

#define VALUE_MAX 1024u /* bytes of a field that is looked at */

enum form_field {
    FF_MODEL = 0,
    FF_STREAM,
    FF_N,
    FF_SIZE,
    FF_QUALITY,
    FF_COUNT
};
static const struct sl_str names[FF_COUNT] = {SL_STR_INIT("model"), SL_STR_INIT("stream"), SL_STR_INIT("n"),
                                              SL_STR_INIT("size"), SL_STR_INIT("quality")};

struct field {
    bool said;
    struct sl_str value; /* view of the body */
};

struct reading {
    struct sl_str body;
    struct sl_arena *a;
    struct request_facts *f;
    struct form_facts *out;
    struct request_refusal *refusal;
    struct field fields[FF_COUNT];
    int now;       /* the field whose value comes; -1: none that is looked at */
    bool is_file;  /* the part whose value comes */
    bool has_file; /* the one that the operation is about */
};

static bool refuse(struct reading *r, enum gateway_error e, struct sl_str param, const char *format_of_param)
{
    r->refusal->error = (struct error_facts){.error = e, .param = param};
    r->refusal->error.message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(param), format_of_param);
    return false;
}

static struct sl_str file_name(enum operation op)
{
    return op == OP_IMAGE_EDIT || op == OP_IMAGE_VARIATION ? SL_STR("image") : SL_STR("file");
}

/* "image", and "image[]" where there are several. */
static bool is_main_file(enum operation op, struct sl_str name)
{
    struct sl_str want = file_name(op);
    if (sl_str_ends(name, SL_STR("[]")))
        name.n -= 2;
    return sl_str_eq(name, want);
}

static bool begin_part(struct reading *r, const struct multipart *m)
{
    r->now = -1;
    r->is_file = m->part.has_filename;
    if (r->is_file) {
        r->out->files++;
        r->has_file |= is_main_file(r->f->op, m->part.name);
        return true;
    }
    for (int i = 0; i < FF_COUNT; i++) {
        if (!sl_str_eq(m->part.name, names[i]))
            continue;
        if (r->fields[i].said) /* who reads the first and who the last would not agree */
            return refuse(r, GE_MEMBER_REPEATED, names[i], "occurs twice");
        r->fields[i] = (struct field){.said = true};
        r->now = i;
    }
    return true;
}

/* The body is fed in one piece, so a value is one slice of it, or several that follow each other. */
static bool take_data(struct reading *r, struct sl_str data)
{
    if (r->is_file) {
        r->out->file_bytes += data.n;
        return true;
    }
    r->f->payload_bytes += data.n;
    if (r->now < 0)
        return true;
    struct sl_str *v = &r->fields[r->now].value;
    *v = v->n == 0 ? data : sl_str_of(v->p, v->n + data.n);
    return v->n <= VALUE_MAX || refuse(r, GE_MEMBER_TOO_LONG, names[r->now], "is too long");
}

static bool read_parts(struct reading *r, struct multipart *m)
{
    struct sl_str in = r->body, data;
    for (;;) {
        switch (multipart_next(m, &in, &data)) {
        case MULTIPART_PART:
            if (!begin_part(r, m))
                return false;
            break;
        case MULTIPART_DATA:
            if (!take_data(r, data))
                return false;
            break;
        case MULTIPART_BAD:
            r->refusal->error = (struct error_facts){.error = GE_BAD_REQUEST, .message = sl_str_c(m->error)};
            return false;
        case MULTIPART_MORE:
            if (multipart_is_whole(m))
                return true;
            r->refusal->error = (struct error_facts){
                .error = GE_BAD_REQUEST,
                .message = SL_STR("The form was cut short: it has no closing boundary."),
            };
            return false;
        case MULTIPART_PART_END:
        case MULTIPART_END:
            break;
        }
    }
}

static bool is_text(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return sl_utf8_valid(s);
}

static bool read_model(struct reading *r)
{
    const struct field *m = &r->fields[FF_MODEL];
    if (!m->said)
        return refuse(r, GE_MEMBER_MISSING, names[FF_MODEL], "is missing: name the model to use");
    if (m->value.n == 0)
        return refuse(r, GE_MEMBER_VALUE, names[FF_MODEL], "must not be empty");
    if (m->value.n > MODEL_NAME_MAX)
        return refuse(r, GE_MEMBER_TOO_LONG, names[FF_MODEL], "is too long");
    if (!is_text(m->value))
        return refuse(r, GE_MEMBER_VALUE, names[FF_MODEL], "must be text without control characters");
    r->f->model = m->value;
    r->out->model_from = (size_t)(m->value.p - r->body.p);
    r->out->model_to = r->out->model_from + m->value.n;
    return true;
}

/* We act on it: what we see and what the provider sees must be one thing. */
static bool read_stream(struct reading *r)
{
    const struct field *s = &r->fields[FF_STREAM];
    bool yes = sl_str_eq_nocase(s->value, SL_STR("true")), no = sl_str_eq_nocase(s->value, SL_STR("false"));
    if (s->said && !yes && !no)
        return refuse(r, GE_MEMBER_TYPE, names[FF_STREAM], "must be true or false");
    r->f->stream = yes && operation_row(r->f->op)->streams;
    return true;
}

bool form_read(enum operation op, struct sl_str content_type, struct sl_str body, struct sl_arena *a,
               struct request_facts *f, struct form_facts *out, struct request_refusal *out_refusal)
{
    struct reading r = {.body = body, .a = a, .f = f, .out = out, .refusal = out_refusal, .now = -1};
    struct sl_str boundary;
    struct multipart m;
    uint64_t n = 0;
    *f = (struct request_facts){.op = op, .n = 1, .body_bytes = body.n};
    *out = (struct form_facts){.files = 0};
    *out_refusal = (struct request_refusal){.at = 0};
    if (!multipart_boundary(content_type, &boundary)) {
        out_refusal->error = (struct error_facts){
            .error = GE_TYPE_UNSUPPORTED,
            .message = SL_STR("The request must be multipart/form-data, and its content-type must name the boundary."),
        };
        return false;
    }
    multipart_init(&m, boundary, NULL);
    bool ok = read_parts(&r, &m);
    multipart_done(&m);
    if (!ok || !read_model(&r) || !read_stream(&r))
        return false;
    if (!r.has_file)
        return refuse(&r, GE_MEMBER_MISSING, file_name(op), "is missing: send the file as a part with a filename");
    if (r.fields[FF_N].said && sl_str_to_u64(r.fields[FF_N].value, &n) && n > 0)
        f->n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    out->size = r.fields[FF_SIZE].value;
    out->quality = r.fields[FF_QUALITY].value;
    return true;
}

void form_encode(const struct request_facts *f, const struct form_facts *form, struct sl_str body, struct sl_str model,
                 struct sl_arena *a, struct body_pieces *out)
{
    struct iovec *v = sl_arena_alloc(a, 3 * sizeof *v);
    *out = (struct body_pieces){.v = v};
    if (model.n == 0 || sl_str_eq(model, f->model)) {
        piece_add(v, out, body);
        return;
    }
    piece_add(v, out, sl_str_head(body, form->model_from));
    piece_add(v, out, model);
    piece_add(v, out, sl_str_from(body, form->model_to));
}
