/* Gemini's files (docs/internals/files.md; gemini.md 12): the resumable protocol as it is, but that the link for the bytes leads here.
 *
 *   start ─► the provider's link ─► a row: id ours, target the provider's ─► x-goog-upload-url: here?upload_id=ID
 *   upload, finalize, query, cancel at that link ─► the row, by id and owner ─► the provider's target, same account
 *   the answer that says "final" has the file: its row is written before the client has the end of it
 *
 * The vendor's SDK for Python and its examples send no key with the bytes: the link is the right to send them. So is ours: its id
 * names the key that began the upload and is signed with the gateway's pepper. Whoever does send a key must be the same tenant.
 *
 *   ID: upload's id _ key's id _ 32 hexadecimal digits of HMAC-SHA-256(pepper, "gemini upload " upload's id " " key's id) */
#include "base/clock.h"
#include "dialect/json_tree.h"
#include "exchange/exchange_int.h"
#include "http/url.h"

#define TARGET_MAX 4096u
#define SECONDS_CHARS 19u /* of "2026-11-22T04:36:12", which a time begins with, however fine it is */
#define MAC_BYTES 16u
#define ID_CHARS (SL_ID_TEXT - 1u)
#define PAGE_PRESET 10u
#define PAGE_MAX 100u
#define LIST_BYTES ((size_t)4 << 20)

static struct sl_str header(const struct http_headers *h, const char *name)
{
    const struct http_header *found = http_headers_find_name(h, sl_str_c(name));
    return found != NULL ? found->value : SL_STR_NONE;
}

/* ---- the link ---- */

static struct sl_str sign(const struct exchange *x, struct sl_str upload, struct sl_str key)
{
    unsigned char mac[TLS_SHA256_BYTES];
    char *text = sl_arena_alloc(x->a, 2 * MAC_BYTES);
    tls_hmac(x->env->pepper,
             sl_arena_printf(x->a, "gemini upload " SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(upload), SL_STR_ARG(key)),
             mac);
    sl_hex_digits(mac, MAC_BYTES, text);
    return sl_str_of(text, 2 * MAC_BYTES);
}

static struct sl_str new_id(struct exchange *x)
{
    char upload[SL_ID_TEXT], key[SL_ID_TEXT];
    sl_id_text(sl_id_make(sl_loop_wall(x->env->loop), &x->env->loop->rand), upload);
    sl_id_text(x->key->id, key);
    struct sl_str mac = sign(x, sl_str_c(upload), sl_str_c(key));
    return sl_arena_printf(x->a, "%s_%s_" SL_STR_FMT, upload, key, SL_STR_ARG(mac));
}

enum gateway_error gfiles_authenticate(struct exchange *x)
{
    struct sl_str id = x->match.model;
    struct sl_id by;
    if (x->env->pepper == NULL || id.n != 2 * ID_CHARS + 2 + 2 * MAC_BYTES || id.p[ID_CHARS] != '_' ||
        id.p[2 * ID_CHARS + 1] != '_')
        return GE_KEY_MISSING;
    struct sl_str upload = sl_str_head(id, ID_CHARS), key = sl_str_of(id.p + ID_CHARS + 1, ID_CHARS);
    struct sl_str mac = sl_str_from(id, 2 * ID_CHARS + 2);
    if (!sl_equal_ct(sign(x, upload, key).p, mac.p, mac.n) || !sl_id_parse(key, &by))
        return GE_KEY_MISSING;
    const struct auth_key *k = key_table_of_id(x->epoch->keys, by, x->wall_ns);
    if (k == NULL)
        return GE_KEY_INVALID;
    x->key_name = k->name;
    x->key = k;
    return GE_NONE;
}

/* Where the provider wants the bytes: path and query, without a key. Empty: its answer says no such thing. */
static struct sl_str target_of(struct exchange *x)
{
    struct sl_str url = header(&x->head->headers, "x-goog-upload-url"), path, query, name, value;
    ptrdiff_t at = sl_str_find_str(url, SL_STR("://"));
    if (at >= 0) {
        url = sl_str_from(url, (size_t)at + 3);
        at = sl_str_find(url, '/');
        url = at >= 0 ? sl_str_from(url, (size_t)at) : SL_STR_NONE;
    }
    if (url.n == 0 || url.p[0] != '/' || url.n > TARGET_MAX || !url_target_is_clean(url))
        return SL_STR_NONE;
    url_target_split(url, &path, &query);
    struct sl_buf b;
    char sep = '?';
    sl_buf_init(&b, 2 * TARGET_MAX);
    sl_buf_adds(&b, path);
    while (url_query_next(&query, &name, &value)) {
        if (sl_str_eq(name, SL_STR("key")))
            continue;
        sl_buf_addf(&b, "%c" SL_STR_FMT "=" SL_STR_FMT, sep, SL_STR_ARG(name), SL_STR_ARG(value));
        sep = '&';
    }
    struct sl_str target = sl_arena_str(x->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return target;
}

enum outcome gfiles_verdict(struct exchange *x)
{
    return x->match.op != OP_GFILE_START || target_of(x).n > 0 ? OUT_OK : OUT_MALFORMED;
}

void gfiles_headers(struct exchange *x, struct http_headers *to)
{
    const struct http_header *proto = http_headers_find(&x->req->headers, HN_X_FORWARDED_PROTO);
    bool tls = x->stream->tls || (proto != NULL && sl_str_eq(proto->value, SL_STR("https")));
    if (x->object.link.n == 0)
        return;
    struct sl_str url = sl_arena_printf(
        x->a, "%s://" SL_STR_FMT SL_STR_FMT "?upload_id=" SL_STR_FMT "&upload_protocol=resumable",
        tls ? "https" : "http", SL_STR_ARG(x->req->authority), SL_STR_ARG(x->req->path), SL_STR_ARG(x->object.link));
    http_headers_add(to, x->a, SL_STR("x-goog-upload-url"), url);
    http_headers_add(to, x->a, SL_STR("x-goog-upload-control-url"), url);
}

/* ---- what is asked ---- */

static bool refuse(struct exchange *x, enum gateway_error e, const char *message)
{
    x->refused = (struct error_facts){.error = e, .message = message != NULL ? sl_str_c(message) : SL_STR_NONE};
    return false;
}

static bool is_command(struct sl_str words, bool start)
{
    static const struct sl_str known[] = {SL_STR_INIT("upload"), SL_STR_INIT("finalize"), SL_STR_INIT("query"),
                                          SL_STR_INIT("cancel")};
    if (start)
        return sl_str_eq_nocase(words, SL_STR("start"));
    if (words.n == 0)
        return false;
    while (words.p != NULL) {
        struct sl_str word = sl_str_trim(sl_str_cut(&words, ','));
        bool is = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is |= sl_str_eq_nocase(word, known[i]);
        if (!is)
            return false;
    }
    return true;
}

static bool read_number(const struct exchange *x, const char *name, uint64_t *out)
{
    struct sl_str text = header(&x->req->headers, name);
    return text.n == 0 || sl_str_to_u64(text, out);
}

bool gfiles_command(struct exchange *x, uint64_t *out_offset)
{
    bool start = x->match.op == OP_GFILE_START;
    uint64_t length = 0;
    if (start && !sl_str_eq_nocase(header(&x->req->headers, "x-goog-upload-protocol"), SL_STR("resumable")))
        return refuse(x, GE_UNSUPPORTED, "Uploads are resumable here: send 'X-Goog-Upload-Protocol: resumable'.");
    if (!is_command(header(&x->req->headers, "x-goog-upload-command"), start))
        return refuse(x, GE_BAD_REQUEST,
                      start ? "An upload begins with 'X-Goog-Upload-Command: start'."
                            : "'X-Goog-Upload-Command' must be upload, finalize, query or cancel.");
    if (!read_number(x, "x-goog-upload-offset", out_offset) ||
        !read_number(x, "x-goog-upload-header-content-length", &length))
        return refuse(x, GE_BAD_REQUEST, "'X-Goog-Upload-Offset' and '-Header-Content-Length' must be whole numbers.");
    if (length > x->snap->set.files.max_bytes || *out_offset > x->snap->set.files.max_bytes)
        return refuse(x, GE_BODY_TOO_LARGE, NULL);
    return true;
}

/* "/v1beta" is "/upload/v1beta" for uploads: in front of the version, behind what a proxy may have in front of it. */
static struct sl_str upload_path(const struct provider *p, struct sl_arena *a)
{
    struct sl_str base = p->base_path;
    size_t at = base.n;
    while (at > 0 && base.p[at - 1] != '/')
        at--;
    at = at > 0 ? at - 1 : 0;
    return sl_arena_printf(a, SL_STR_FMT "/upload" SL_STR_FMT "/files", SL_STR_ARG(sl_str_head(base, at)),
                           SL_STR_ARG(sl_str_from(base, at)));
}

struct sl_str gfiles_path(struct exchange *x, const struct provider *p)
{
    struct sl_arena *a = &x->attempt_arena;
    if (x->match.op == OP_GFILE_START)
        return upload_path(p, a);
    if (x->match.op == OP_GFILE_SEND)
        return x->object.row->body;
    return provider_path(p,
                         sl_arena_printf(a, "/files/" SL_STR_FMT "%s", SL_STR_ARG(x->object.id),
                                         x->match.op == OP_GFILE_CONTENT ? ":download?alt=media" : ""),
                         SL_STR_NONE, a);
}

/* ---- lists ---- */

enum step gfiles_list(struct exchange *x)
{
    struct sl_str size = objects_query(x, "pageSize"), token = objects_query(x, "pageToken");
    x->object.limit = PAGE_PRESET;
    if (size.n > 0 && !sl_str_to_u64(size, &x->object.limit))
        return objects_refuse(x, GE_MEMBER_VALUE, "pageSize", SL_STR("'pageSize' must be a number."));
    if (x->object.limit == 0)
        x->object.limit = PAGE_PRESET;
    if (x->object.limit > PAGE_MAX)
        x->object.limit = PAGE_MAX;
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PAGE);
    j->page = (struct store_object_page){
        .kind = STORE_OBJECT_GEMINI_FILE, .after = sl_arena_str(&j->a, token), .limit = x->object.limit + 1};
    return objects_ask(x, j);
}

/* The provider has deleted it by then. Times of one form: their letters are in order. */
static bool is_over(struct sl_str file, struct sl_str now)
{
    struct sl_str until = objects_member(file, "expirationTime");
    return until.n >= now.n && memcmp(until.p, now.p, now.n) < 0;
}

enum step gfiles_answer_list(struct exchange *x, const struct response_job *j)
{
    struct sl_buf b;
    char now[SL_TIME_TEXT];
    bool any = false;
    size_t n = j->n_objects > x->object.limit ? (size_t)x->object.limit : j->n_objects;
    if (j->found == RF_NONE)
        return objects_refuse(x, GE_MEMBER_VALUE, "pageToken", SL_STR("'pageToken' is none of the list."));
    if (j->found != RF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    sl_time_text(sl_loop_wall(x->env->loop), now);
    sl_buf_init(&b, LIST_BYTES);
    sl_buf_addc(&b, '{');
    for (size_t i = 0; i < n; i++) {
        if (is_over(j->objects[i].body, sl_str_of(now, SECONDS_CHARS)))
            continue;
        sl_buf_adds(&b, any ? SL_STR(",") : SL_STR("\"files\":["));
        sl_buf_adds(&b, j->objects[i].body);
        any = true;
    }
    sl_buf_adds(&b, any ? SL_STR("]") : SL_STR_NONE);
    if (j->n_objects > n) {
        sl_buf_adds(&b, any ? SL_STR(",\"nextPageToken\":") : SL_STR("\"nextPageToken\":"));
        sl_buf_add_json(&b, j->objects[n - 1].id);
    }
    sl_buf_addc(&b, '}');
    x->own_body = sl_arena_str(x->a, sl_buf_str(&b));
    bool over = b.over;
    sl_buf_done(&b);
    if (over)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

/* ---- files that requests name ---- */

/* "https://.../v1beta/files/ID", "files/ID". */
static struct sl_str id_of(struct sl_str uri, struct sl_arena *a)
{
    static const struct sl_str mark = SL_STR_INIT("files/");
    ptrdiff_t at;
    bool found = false;
    size_t n = 0;
    char *plain = sl_arena_alloc(a, uri.n + 1);
    if (!url_decode(uri, plain, &n))
        return SL_STR_NONE;
    uri = sl_str_of(plain, n);
    while ((at = sl_str_find_str(uri, mark)) >= 0) {
        found = true;
        uri = sl_str_from(uri, (size_t)at + mark.n);
    }
    for (n = 0; found && n < uri.n && objects_is_id(sl_str_of(uri.p + n, 1)); n++) {
    }
    return found ? sl_str_head(uri, n) : SL_STR_NONE;
}

size_t gfiles_named(struct sl_str body, struct sl_arena *a, struct sl_str *ids, size_t max)
{
    static const struct sl_str names[] = {SL_STR_INIT("fileUri"), SL_STR_INIT("file_uri")};
    size_t n = named_values(body, names, 2, a, ids, max), n_ids = 0;
    for (size_t i = 0; i < n; i++) {
        struct sl_str id = id_of(ids[i], a);
        if (objects_is_id(id))
            ids[n_ids++] = id;
    }
    return n == max ? max : n_ids;
}

/* ---- SETTLE ---- */

static struct response_job *put(struct exchange *x, const struct try *t, enum store_object_kind kind, struct sl_str id,
                                struct sl_str body)
{
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PUT);
    objects_fill(x, t, j, kind, id, body, &j->o);
    return j;
}

static struct response_job *drop(struct exchange *x, enum store_object_kind kind)
{
    struct response_job *j = objects_new_job(x, RJ_OBJECT_DROP);
    j->o.kind = kind;
    j->id = sl_arena_str(&j->a, x->object.id);
    return j;
}

static struct response_job *put_file(struct exchange *x, const struct try *t, struct sl_str file)
{
    struct sl_str name = objects_member(file, "name"), prefix = SL_STR("files/");
    struct sl_str id = sl_str_starts(name, prefix) ? sl_str_from(name, prefix.n) : SL_STR_NONE;
    struct json_info info;
    if (!objects_is_id(id) || json_scan(file, NULL, 0, NULL, &info) != JSON_OK)
        return NULL;
    return put(x, t, STORE_OBJECT_GEMINI_FILE, id, file);
}

static struct response_job *after_bytes(struct exchange *x, const struct try *t)
{
    struct sl_str status = header(&x->head->headers, "x-goog-upload-status");
    if (sl_str_eq_nocase(status, SL_STR("cancelled")))
        return drop(x, STORE_OBJECT_GEMINI_UPLOAD);
    if (!sl_str_eq_nocase(status, SL_STR("final")))
        return NULL;
    struct response_job *j = put_file(x, t, objects_member_value(sl_chunks_flat(&x->held), "file"));
    if (j != NULL)
        j->o.sole = true;
    return j;
}

struct response_job *gfiles_job(struct exchange *x, const struct try *t)
{
    switch (x->match.op) {
    case OP_GFILE_START:
        x->object.link = new_id(x);
        return put(x, t, STORE_OBJECT_GEMINI_UPLOAD, x->object.link, target_of(x));
    case OP_GFILE_SEND:
        return after_bytes(x, t);
    case OP_GFILE_GET:
        return put_file(x, t, sl_chunks_flat(&x->held));
    case OP_GFILE_DELETE:
        return drop(x, STORE_OBJECT_GEMINI_FILE);
    default:
        return NULL;
    }
}
