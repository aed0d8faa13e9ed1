/* Gemini's files: gemini.md 12. What an upload has got is kept in units of 256 KiB when its request breaks; a file belongs to the key that
 * began its upload, and to another key it is the same as none. Only sizes and sums of the bytes are kept.
 *
 * From memory, as gemini.md marks it: the granularity, `query`, and the words of refusals. */
#include "base/base64.h"
#include "base/mem.h"
#include "sim/ask.h"
#include "sim/sim_int.h"
#include "tls/digest.h"

#define GFILES_MAX 256u   /* the newest */
#define SESSIONS_MAX 128u /* the newest */
#define UNIT (256u << 10)
#define HASHED_MAX (1u << 20) /* larger ones have no sha256Hash */
#define FILE_MAX (2ull << 30)
#define ID_BYTES 40u
#define ACTIVE_AFTER_NS (300 * SL_MS) /* videos are looked at first */

struct gfile {
    char id[ID_BYTES]; /* "": free */
    char display[128], type[64], key[64], sha[100];
    uint64_t bytes;
    uint32_t crc;
    int64_t made_ns;
};

enum session_state {
    SESSION_ACTIVE = 0,
    SESSION_FINAL,
    SESSION_CANCELLED
};

struct session {
    char id[ID_BYTES]; /* "": free */
    struct gfile file; /* as it will be; bytes and crc: of what came */
    uint64_t declared;
    uint64_t kept;     /* of bytes: whole units */
    uint32_t kept_crc; /* ... and their sum */
    struct sl_buf hashed;
    enum session_state state;
};

struct sim_gfiles {
    struct gfile v[GFILES_MAX];
    uint64_t n;
    struct session s[SESSIONS_MAX];
    uint64_t n_sessions;
};

struct sim_gsend {
    struct session *s; /* NULL: no such upload, or it takes no bytes: `refused` */
    const char *refused;
};

static const struct sim_format sim_gfile_format = {.name = "google-file", .vendor = VENDOR_GOOGLE};

static struct sim_gfiles *all(struct sim *s)
{
    if (s->gfiles == NULL)
        s->gfiles = SL_NEW(struct sim_gfiles);
    return s->gfiles;
}

void sim_gfiles_free(struct sim_gfiles *s)
{
    for (size_t i = 0; s != NULL && i < SESSIONS_MAX; i++)
        sl_buf_done(&s->s[i].hashed);
    sl_free(s);
}

static bool commands(const struct sim_call *c, const char *word)
{
    struct sl_str words = sim_header(c, "x-goog-upload-command");
    while (words.p != NULL)
        if (sl_str_eq_nocase(sl_str_trim(sl_str_cut(&words, ',')), sl_str_c(word)))
            return true;
    return false;
}

static struct sl_str query_of(const struct sim_call *c, const char *name)
{
    struct sl_str query = c->r->query;
    while (query.p != NULL) {
        struct sl_str part = sl_str_cut(&query, '&'), key = sl_str_cut(&part, '=');
        if (sl_str_eq(key, sl_str_c(name)))
            return part;
    }
    return SL_STR_NONE;
}

static struct sl_str key_of(const struct sim_call *c)
{
    struct sl_str key = http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY);
    return key.n > 0 ? key : query_of(c, "key");
}

/* ---- answers ---- */

static void tell(struct sim_call *c, int status, struct sl_str body, const struct session *s, struct sl_str url)
{
    static const char *const states[] = {"active", "final", "cancelled"};
    struct sl_arena *a = c->s->arena;
    struct http_header room[40];
    struct http_headers h = {.v = room, .n = 0, .cap = 40};
    c->head_sent = true;
    c->status = status;
    http_headers_add_id(&h, a, HN_CONTENT_TYPE, SL_STR("application/json; charset=UTF-8"));
    sim_vendor_headers(c, status, &h);
    http_headers_add(&h, a, SL_STR("x-sluice-simulated"), SL_STR("true"));
    http_headers_add(&h, a, SL_STR("x-guploader-uploadid"), s != NULL ? sl_str_c(s->id) : SL_STR("none"));
    if (s != NULL) {
        http_headers_add(&h, a, SL_STR("x-goog-upload-status"), sl_str_c(states[s->state]));
        http_headers_add(&h, a, SL_STR("x-goog-upload-size-received"),
                         sl_arena_printf(a, "%llu", (unsigned long long)s->file.bytes));
        http_headers_add(&h, a, SL_STR("x-goog-upload-chunk-granularity"), SL_STR("262144"));
        http_headers_add(&h, a, SL_STR("x-sim-crc32"), sl_arena_printf(a, "%08x", s->file.crc));
    }
    if (url.n > 0) {
        http_headers_add(&h, a, SL_STR("x-goog-upload-url"), url);
        http_headers_add(&h, a, SL_STR("x-goog-upload-control-url"), url);
    }
    const struct http_response r = {.status = status, .headers = h, .content_length = (int64_t)body.n};
    http_stream_send_head(c->s, &r, false);
    sim_send(c, body, true);
    sim_finish(c, true);
}

static bool no(struct sim_call *c, int status, const char *kind, const struct session *s, const char *before,
               struct sl_str what, const char *after)
{
    struct sl_str message =
        sl_arena_printf(c->s->arena, "%s" SL_STR_FMT "%s", before, SL_STR_ARG(sl_str_head(what, 100)), after);
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    sl_buf_addf(b, "{\"error\":{\"code\":%d,\"message\":", status);
    sl_buf_add_json(b, message);
    sl_buf_addf(b, ",\"status\":\"%s\"}}", kind);
    tell(c, status, sl_buf_str(b), s, SL_STR_NONE);
    return false;
}

static void add_time(struct sl_buf *b, const char *name, int64_t wall_ns)
{
    struct sl_civil d = sl_civil_of(wall_ns / SL_SEC);
    sl_buf_addf(b, ",\"%s\":\"%04u-%02u-%02uT%02u:%02u:%02u.%06uZ\"", name, (unsigned)d.year, d.month, d.day, d.hour,
                d.minute, d.second, (unsigned)(wall_ns % SL_SEC / 1000));
}

static bool is_active(const struct sim_call *c, const struct gfile *f)
{
    return !sl_str_starts(sl_str_c(f->type), SL_STR("video/")) ||
           sl_loop_wall(c->sim->loop) - f->made_ns >= ACTIVE_AFTER_NS;
}

static struct sl_str uri_of(const struct sim_call *c, const struct gfile *f)
{
    return sl_arena_printf(c->s->arena, "%s://" SL_STR_FMT "/v1beta/files/%s", c->s->tls ? "https" : "http",
                           SL_STR_ARG(c->r->authority), f->id);
}

static void write_file(struct sim_call *c, struct sl_buf *b, const struct gfile *f)
{
    sl_buf_addf(b, "{\n  \"name\": \"files/%s\"", f->id);
    if (f->display[0] != 0) {
        sl_buf_adds(b, SL_STR(",\"displayName\":"));
        sl_buf_add_json(b, sl_str_c(f->display));
    }
    sl_buf_adds(b, SL_STR(",\"mimeType\":"));
    sl_buf_add_json(b, sl_str_c(f->type));
    sl_buf_addf(b, ",\"sizeBytes\":\"%llu\"", (unsigned long long)f->bytes);
    add_time(b, "createTime", f->made_ns);
    add_time(b, "updateTime", f->made_ns);
    add_time(b, "expirationTime", f->made_ns + 48 * 3600 * SL_SEC);
    if (f->sha[0] != 0)
        sl_buf_addf(b, ",\"sha256Hash\":\"%s\"", f->sha);
    sl_buf_adds(b, SL_STR(",\"uri\":"));
    sl_buf_add_json(b, uri_of(c, f));
    sl_buf_addf(b, ",\"state\":\"%s\",\"source\":\"UPLOADED\"\n}", is_active(c, f) ? "ACTIVE" : "PROCESSING");
}

/* ---- uploads ---- */

static struct gfile *find(struct sim_call *c, struct sl_str id);

static struct session *session_of(struct sim_call *c)
{
    struct sl_str id = query_of(c, "upload_id");
    struct sim_gfiles *g = all(c->sim);
    for (size_t i = 0; id.n > 0 && i < SESSIONS_MAX; i++)
        if (sl_str_eq(sl_str_c(g->s[i].id), id))
            return &g->s[i];
    return NULL;
}

/* One that the client has chosen: "files/notes-2". */
static bool name_is_fine(struct sl_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && (ch != '-' || i == 0 || i + 1 == name.n))
            return false;
    }
    return name.n < ID_BYTES;
}

static void start(struct sim_call *c, struct sl_str raw)
{
    struct sl_str type = sim_header(c, "x-goog-upload-header-content-type"), length;
    uint64_t declared = UINT64_MAX;
    length = sim_header(c, "x-goog-upload-header-content-length");
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    yyjson_val *file = yyjson_obj_get(yyjson_doc_get_root(doc), "file");
    struct sl_str name = sim_str(yyjson_obj_get(file, "name"));
    if (sl_str_starts(name, SL_STR("files/")))
        name = sl_str_from(name, 6);
    if (!sl_str_eq_nocase(sim_header(c, "x-goog-upload-protocol"), SL_STR("resumable"))) {
        no(c, 400, "INVALID_ARGUMENT", NULL, "Upload protocol not supported: ", sim_header(c, "x-goog-upload-protocol"),
           "");
    } else if (raw.n > 0 && !yyjson_is_obj(yyjson_doc_get_root(doc))) {
        no(c, 400, "INVALID_ARGUMENT", NULL, "Invalid JSON payload received.", SL_STR_NONE, "");
    } else if (length.n > 0 && (!sl_str_to_u64(length, &declared) || declared > FILE_MAX)) {
        no(c, 400, "INVALID_ARGUMENT", NULL, "The file is too large: ", length, "");
    } else if (!name_is_fine(name)) {
        no(c, 400, "INVALID_ARGUMENT", NULL, "Invalid file name: ", name, "");
    } else if (find(c, name) != NULL) {
        no(c, 409, "ALREADY_EXISTS", NULL, "File ", name, " already exists.");
    } else {
        struct sim_gfiles *g = all(c->sim);
        struct session *s = &g->s[g->n_sessions++ % SESSIONS_MAX];
        sl_buf_done(&s->hashed);
        *s = (struct session){.declared = declared};
        sl_buf_init(&s->hashed, HASHED_MAX);
        sim_make_id(c, s->id, "ADPycd", 24);
        yyjson_val *display = yyjson_obj_get(file, "displayName");
        if (display == NULL)
            display = yyjson_obj_get(file, "display_name");
        sim_keep(s->file.display, sizeof s->file.display, sim_str(display));
        sim_keep(s->file.id, sizeof s->file.id, name);
        sim_keep(s->file.type, sizeof s->file.type, type.n > 0 ? type : SL_STR("application/octet-stream"));
        sim_keep(s->file.key, sizeof s->file.key, key_of(c));
        /* The link of the vendor has the key in it where that came in the query. */
        struct sl_str url = sl_arena_printf(
            c->s->arena,
            "%s://" SL_STR_FMT "/upload/v1beta/files?key=" SL_STR_FMT "&upload_id=%s&upload_protocol=resumable",
            c->s->tls ? "https" : "http", SL_STR_ARG(c->r->authority), SL_STR_ARG(key_of(c)), s->id);
        sim_faults_choose(c);
        if (!sim_fault_instead(c))
            tell(c, 200, SL_STR_NONE, s, url);
    }
    yyjson_doc_free(doc);
}

static void make_file(struct sim_call *c, struct session *s)
{
    struct sim_gfiles *g = all(c->sim);
    struct gfile *f = &g->v[g->n++ % GFILES_MAX];
    if (!s->hashed.over && s->hashed.n == s->file.bytes) {
        unsigned char sum[TLS_SHA256_BYTES];
        char hex[2 * TLS_SHA256_BYTES];
        tls_sha256(s->hashed.p, s->hashed.n, sum);
        sl_hex_digits(sum, sizeof sum, hex);
        s->file.sha[sl_base64_encode(sl_str_of(hex, sizeof hex), s->file.sha)] = 0;
    }
    if (s->file.id[0] == 0)
        sim_make_id(c, s->file.id, "", 12);
    for (char *p = s->file.id; *p != 0; p++)
        *p = sl_lower(*p);
    s->file.made_ns = sl_loop_wall(c->sim->loop);
    s->state = SESSION_FINAL;
    *f = s->file;
}

static void answer_session(struct sim_call *c, struct session *s)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    if (s->state == SESSION_FINAL) {
        sl_buf_adds(b, SL_STR("{\n  \"file\": "));
        write_file(c, b, &s->file);
        sl_buf_adds(b, SL_STR("\n}\n"));
    }
    tell(c, 200, sl_buf_str(b), s, SL_STR_NONE);
}

/* What stands against bytes, or an end, now; NULL: nothing. */
static const char *flaw_of(struct sim_call *c, const struct session *s)
{
    uint64_t offset = UINT64_MAX;
    if (s->state != SESSION_ACTIVE)
        return "The upload has already been finalized or cancelled.";
    if (commands(c, "upload") &&
        (!sl_str_to_u64(sim_header(c, "x-goog-upload-offset"), &offset) || offset != s->file.bytes))
        return "The offset does not match what was received.";
    if (c->r->content_length > 0 && s->declared != UINT64_MAX &&
        s->file.bytes + (uint64_t)c->r->content_length > s->declared)
        return "More bytes than were declared.";
    if (c->r->content_length > 0 && !commands(c, "finalize") && c->r->content_length % UNIT != 0)
        return "All chunks but the last must be multiples of 262144 bytes.";
    return NULL;
}

static bool is_upload(const struct sim_call *c)
{
    return (c->r->method == HTTP_POST || c->r->method == HTTP_PUT) && sl_str_starts(c->r->path, SL_STR("/upload/v1")) &&
           sl_str_ends(c->r->path, SL_STR("/files"));
}

bool sim_gsend_begin(struct sim_call *c)
{
    if (!is_upload(c) || query_of(c, "upload_id").n == 0)
        return false;
    struct sim_gsend *g = SL_ARENA_NEW(c->s->arena, struct sim_gsend);
    c->gsend = g;
    c->vendor = VENDOR_GOOGLE;
    c->format = &sim_gfile_format;
    g->s = session_of(c);
    g->refused = g->s == NULL             ? "No such upload."
                 : !commands(c, "upload") ? "No bytes go with this command."
                                          : flaw_of(c, g->s);
    return true;
}

static void take(struct sim_call *c, struct session *s, struct sl_str bytes)
{
    c->sim->uploaded += bytes.n;
    sl_buf_adds(&s->hashed, bytes);
    while (bytes.n > 0) {
        size_t n = UNIT - (size_t)(s->file.bytes % UNIT);
        n = n < bytes.n ? n : bytes.n;
        s->file.crc = sim_crc_more(c->sim, s->file.crc, sl_str_head(bytes, n));
        s->file.bytes += n;
        bytes = sl_str_from(bytes, n);
        if (s->file.bytes % UNIT == 0) {
            s->kept = s->file.bytes;
            s->kept_crc = s->file.crc;
        }
    }
}

static void end(struct sim_call *c, struct session *s)
{
    if (commands(c, "finalize") && s->declared != UINT64_MAX && s->file.bytes != s->declared) {
        no(c, 400, "INVALID_ARGUMENT", s, "Fewer bytes than were declared.", SL_STR_NONE, "");
        return;
    }
    sim_faults_choose(c);
    if (sim_fault_instead(c))
        return;
    if (commands(c, "finalize"))
        make_file(c, s);
    answer_session(c, s);
}

void sim_gsend_feed(struct sim_call *c, struct sl_str bytes, bool last)
{
    struct sim_gsend *g = c->gsend;
    if (g->refused == NULL)
        take(c, g->s, bytes);
    if (!last)
        return;
    if (g->refused != NULL)
        no(c, g->s == NULL ? 404 : 400, g->s == NULL ? "NOT_FOUND" : "INVALID_ARGUMENT", g->s, "", sl_str_c(g->refused),
           "");
    else
        end(c, g->s);
}

/* In the middle: whole units are kept. */
void sim_gsend_gone(struct sim_call *c)
{
    struct session *s = c->gsend->s;
    if (c->gsend->refused != NULL || s == NULL || s->state != SESSION_ACTIVE)
        return;
    s->file.bytes = s->kept;
    s->file.crc = s->kept_crc;
    if (s->hashed.n > s->kept)
        s->hashed.n = (size_t)s->kept;
}

static void command(struct sim_call *c)
{
    struct session *s = session_of(c);
    const char *flaw;
    if (s == NULL) {
        no(c, 404, "NOT_FOUND", NULL, "No such upload.", SL_STR_NONE, "");
    } else if (commands(c, "query")) {
        answer_session(c, s);
    } else if (commands(c, "cancel") && s->state == SESSION_ACTIVE) {
        s->state = SESSION_CANCELLED;
        answer_session(c, s);
    } else if ((flaw = flaw_of(c, s)) != NULL) {
        no(c, 400, "INVALID_ARGUMENT", s, "", sl_str_c(flaw), "");
    } else {
        end(c, s);
    }
}

/* ---- files ---- */

static struct gfile *find(struct sim_call *c, struct sl_str id)
{
    struct sim_gfiles *g = all(c->sim);
    for (size_t i = 0; id.n > 0 && i < GFILES_MAX; i++)
        if (sl_str_eq(sl_str_c(g->v[i].id), id) && sl_str_eq(sl_str_c(g->v[i].key), sl_str_head(key_of(c), 63)))
            return &g->v[i];
    return NULL;
}

static bool refuse_unknown(struct sim_call *c, struct sl_str id)
{
    return no(c, 403, "PERMISSION_DENIED", NULL, "You do not have permission to access the File ", id,
              " or it may not exist.");
}

bool sim_gfile_check(struct sim_call *c, struct sl_str uri)
{
    ptrdiff_t at = sl_str_find_str(uri, SL_STR("/files/"));
    if (at < 0 || c->r->authority.n == 0 || sl_str_find_str(uri, c->r->authority) < 0)
        return true;
    struct sl_str id = sl_str_from(uri, (size_t)at + 7);
    const struct gfile *f = find(c, id);
    if (f == NULL)
        return refuse_unknown(c, id);
    return is_active(c, f) || no(c, 400, "FAILED_PRECONDITION", NULL, "The File ", id,
                                 " is not in an ACTIVE state and usage is not allowed.");
}

static void list(struct sim_call *c)
{
    struct sim_gfiles *g = all(c->sim);
    struct sl_buf b;
    bool any = false;
    sl_buf_init(&b, SIM_ANSWER_MAX);
    sl_buf_addc(&b, '{');
    for (size_t i = 0; i < GFILES_MAX; i++) {
        if (g->v[i].id[0] == 0 || !sl_str_eq(sl_str_c(g->v[i].key), sl_str_head(key_of(c), 63)))
            continue;
        sl_buf_adds(&b, any ? SL_STR(",") : SL_STR("\"files\":["));
        any = true;
        write_file(c, &b, &g->v[i]);
    }
    sl_buf_adds(&b, any ? SL_STR("]}") : SL_STR("}"));
    tell(c, 200, sl_buf_str(&b), NULL, SL_STR_NONE);
    sl_buf_done(&b);
}

static void serve_file(struct sim_call *c, struct sl_str id)
{
    bool content = sl_str_ends(id, SL_STR(":download"));
    if (content)
        id = sl_str_head(id, id.n - 9);
    struct gfile *f = find(c, id);
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    if (f == NULL) {
        refuse_unknown(c, id);
    } else if (content) {
        no(c, 400, "INVALID_ARGUMENT", NULL, "File ", id, " cannot be downloaded: only generated files can be.");
    } else if (c->r->method == HTTP_DELETE) {
        f->id[0] = 0;
        tell(c, 200, SL_STR("{}\n"), NULL, SL_STR_NONE);
    } else {
        write_file(c, b, f);
        tell(c, 200, sl_buf_str(b), NULL, SL_STR_NONE);
    }
}

bool sim_gfiles_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str path = sl_str_from(c->r->path, c->r->path.n > 0), version;
    bool upload = is_upload(c), get = c->r->method == HTTP_GET || c->r->method == HTTP_DELETE;
    if (c->r->path.n > 0)
        path = sl_str_from(c->r->path, 1);
    version = sl_str_cut(&path, '/');
    bool google = sl_str_starts(version, SL_STR("v1beta")) || http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY).n > 0;
    bool files = get && google && path.p != NULL && sl_str_starts(path, SL_STR("files")) &&
                 (path.n == 5 || path.p[5] == '/');
    if (!upload && !files)
        return false;
    c->vendor = VENDOR_GOOGLE;
    c->format = &sim_gfile_format;
    if (upload && query_of(c, "upload_id").n > 0) {
        command(c);
        return true;
    }
    const struct sim_error *e = sim_key_error(c, raw);
    if (e != NULL)
        sim_refuse(c, e);
    else if (upload)
        start(c, raw);
    else if (path.n <= 6)
        list(c);
    else
        serve_file(c, sl_str_from(path, 6));
    return true;
}
