/* Files: openai.md 15, anthropic.md 7. An upload is read as it comes: counted and summed (CRC-32), kept only up to SIM_FILE_KEPT bytes.
 * The content of a larger one is made up when it is asked for: as many bytes, each its place modulo 251. */
#include "base/mem.h"
#include "http/multipart.h"
#include "sim/sim_int.h"

#define FILES_MAX 256u /* the newest */
#define FILE_ID 40u
#define PIECE 65536u

struct sim_file {
    char id[FILE_ID]; /* "": free */
    char name[128], purpose[32], type[64];
    uint64_t bytes;
    uint32_t crc;
    int64_t created;
    struct sl_buf kept;
    bool whole; /* kept has all of it */
};

struct sim_files {
    struct sim_file v[FILES_MAX];
    uint64_t n;
};

struct sim_upload {
    struct multipart form;
    struct sim_file file;
    bool in_file, in_purpose, bad, has_file;
    bool part; /* of an upload in parts */
    uint64_t received;
};

static const struct sim_format sim_file_format = {.name = "file", .vendor = VENDOR_OPENAI};

void sim_files_prepare(struct sim *s)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ ((c & 1) != 0 ? 0xedb88320u : 0);
        s->crc[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            s->crc[k][i] = s->crc[k - 1][i] >> 8 ^ s->crc[0][s->crc[k - 1][i] & 0xff];
}

/* IEEE 802.3, of what gave crc and s behind it. */
uint32_t sim_crc_more(const struct sim *sim, uint32_t crc, struct sl_str s)
{
    const uint32_t(*t)[256] = sim->crc;
    size_t i = 0;
    crc = ~crc;
    for (; i + 8 <= s.n; i += 8) {
        uint32_t a, b;
        memcpy(&a, s.p + i, 4); /* little-endian, as the machines we run on */
        memcpy(&b, s.p + i + 4, 4);
        a ^= crc;
        crc = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^ t[3][b & 0xff] ^
              t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    for (; i < s.n; i++)
        crc = crc >> 8 ^ t[0][(crc ^ (unsigned char)s.p[i]) & 0xff];
    return ~crc;
}

void sim_files_free(struct sim_files *s)
{
    for (size_t i = 0; s != NULL && i < FILES_MAX; i++)
        sl_buf_done(&s->v[i].kept);
    sl_free(s);
}

static struct sl_str path_of(const struct sim_call *c)
{
    struct sl_str path = c->r->path;
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    return path;
}

static bool is_anthropic(const struct sim_call *c)
{
    return http_headers_find_name(&c->r->headers, SL_STR("anthropic-version")) != NULL;
}

/* ---- taking one ---- */

static void drop_upload(void *arg)
{
    struct sim_upload *u = arg;
    multipart_done(&u->form);
    sl_buf_done(&u->file.kept);
}

bool sim_upload_begin(struct sim_call *c)
{
    struct sl_str boundary;
    bool part = sim_parts_is_part(c);
    if (c->r->method != HTTP_POST || (!part && !sl_str_eq(path_of(c), SL_STR("/files"))))
        return false;
    struct sim_upload *u = SL_ARENA_NEW(c->s->arena, struct sim_upload);
    u->bad = !multipart_boundary(http_headers_get(&c->r->headers, HN_CONTENT_TYPE), &boundary);
    multipart_init(&u->form, u->bad ? SL_STR("x") : boundary, NULL);
    sl_buf_init(&u->file.kept, SIM_FILE_KEPT);
    u->file.whole = true;
    u->part = part;
    sl_arena_on_drop(c->s->arena, drop_upload, u);
    c->upload = u;
    return true;
}

static void begin_part(struct sim_upload *u)
{
    const struct multipart_part *p = &u->form.part;
    u->in_file = p->has_filename && (!u->part || sl_str_eq(p->name, SL_STR("data")));
    u->in_purpose = sl_str_eq(p->name, SL_STR("purpose"));
    if (!u->in_file)
        return;
    u->has_file = true;
    sim_keep(u->file.name, sizeof u->file.name, p->filename);
    sim_keep(u->file.type, sizeof u->file.type, p->type);
}

static void take_bytes(const struct sim *s, struct sim_upload *u, struct sl_str data)
{
    struct sim_file *f = &u->file;
    if (u->in_purpose)
        sim_keep(f->purpose, sizeof f->purpose, data);
    if (!u->in_file)
        return;
    f->bytes += data.n;
    f->crc = sim_crc_more(s, f->crc, data);
    if (!f->whole)
        return;
    f->whole = sl_buf_adds(&f->kept, data) == SL_OK;
    if (!f->whole) {
        sl_buf_done(&f->kept);
        sl_buf_init(&f->kept, SIM_FILE_KEPT);
    }
}

static struct sim_file *add_file(struct sim_call *c, const struct sim_file *from)
{
    struct sim *s = c->sim;
    if (s->files == NULL)
        s->files = SL_NEW(struct sim_files);
    struct sim_file *f = &s->files->v[s->files->n++ % FILES_MAX];
    sl_buf_done(&f->kept);
    *f = *from;
    sl_buf_init(&f->kept, SIM_FILE_KEPT);
    sl_buf_adds(&f->kept, sl_buf_str(&from->kept));
    sim_make_id(c, f->id, is_anthropic(c) ? "file_" : "file-", 24);
    f->created = sl_loop_wall(s->loop) / SL_SEC;
    return f;
}

struct sl_str sim_file_add(struct sim_call *c, const char *name, struct sl_str content)
{
    struct sim_file f = {.bytes = content.n, .crc = sim_crc_more(c->sim, 0, content), .whole = true};
    sim_keep(f.name, sizeof f.name, sl_str_c(name));
    sim_keep(f.purpose, sizeof f.purpose, SL_STR("batch_output"));
    sl_buf_init(&f.kept, SIM_FILE_KEPT);
    sl_buf_adds(&f.kept, content);
    struct sim_file *made = add_file(c, &f);
    sl_buf_done(&f.kept);
    return sl_str_c(made->id);
}

static void write_file(const struct sim_call *c, struct sl_buf *b, const struct sim_file *f);

struct sl_str sim_file_make(struct sim_call *c, struct sl_str name, struct sl_str purpose, uint64_t bytes,
                            const struct sl_buf *content)
{
    struct sim_file f = {.bytes = bytes, .whole = content != NULL};
    struct sl_buf b;
    sim_keep(f.name, sizeof f.name, name);
    sim_keep(f.purpose, sizeof f.purpose, purpose);
    sl_buf_init(&f.kept, SIM_FILE_KEPT);
    if (content != NULL) {
        f.crc = sim_crc_more(c->sim, 0, sl_buf_str(content));
        sl_buf_adds(&f.kept, sl_buf_str(content));
    }
    sl_buf_init(&b, SIM_ANSWER_MAX);
    write_file(c, &b, add_file(c, &f));
    struct sl_str out = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    sl_buf_done(&f.kept);
    return out;
}

static void write_file(const struct sim_call *c, struct sl_buf *b, const struct sim_file *f)
{
    sl_buf_adds(b, SL_STR("{\"id\":"));
    sl_buf_add_json(b, sl_str_c(f->id));
    sl_buf_adds(b, SL_STR(",\"filename\":"));
    sl_buf_add_json(b, sl_str_c(f->name));
    if (is_anthropic(c)) {
        sl_buf_adds(
            b,
            SL_STR(",\"type\":\"file\",\"downloadable\":true,\"created_at\":\"2026-11-21T00:00:00Z\",\"mime_type\":"));
        sl_buf_add_json(b, f->type[0] != 0 ? sl_str_c(f->type) : SL_STR("application/octet-stream"));
        sl_buf_addf(b, ",\"size_bytes\":%llu}", (unsigned long long)f->bytes);
        return;
    }
    sl_buf_adds(b, SL_STR(",\"object\":\"file\",\"purpose\":"));
    sl_buf_add_json(b, sl_str_c(f->purpose));
    sl_buf_addf(b, ",\"bytes\":%llu,\"created_at\":%lld,\"status\":\"processed\",\"status_details\":\"crc32 %08x\"}",
                (unsigned long long)f->bytes, (long long)f->created, f->crc);
}

static void answer_file(struct sim_call *c, const struct sim_file *f)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    write_file(c, b, f);
    if (!sim_fault_bytes(c, sl_buf_str(b), SIM_JSON))
        sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void finish_upload(struct sim_call *c)
{
    struct sim_upload *u = c->upload;
    c->format = &sim_file_format;
    const struct sim_error *e = sim_key_error(c, SL_STR_NONE);
    if (e != NULL) {
        sim_refuse(c, e);
    } else if (u->bad || !multipart_is_whole(&u->form) || !u->has_file) {
        sim_say_no(c, "%s",
                   u->has_file ? "Could not parse multipart form"
                   : u->part   ? "'data' is a required property"
                               : "'file' is a required property");
    } else if (u->part) {
        sim_parts_add(c, u->file.bytes, &u->file.kept, u->file.whole);
    } else if (!is_anthropic(c) && u->file.purpose[0] == 0) {
        sim_say_no(c, "'purpose' is a required property");
    } else {
        sim_faults_choose(c);
        if (!sim_fault_instead(c))
            answer_file(c, add_file(c, &u->file));
    }
}

void sim_upload_feed(struct sim_call *c, struct sl_str bytes, bool last)
{
    struct sim_upload *u = c->upload;
    struct sl_str data;
    enum multipart_event e;
    u->received += bytes.n;
    c->sim->uploaded += bytes.n;
    while (!u->bad && (e = multipart_next(&u->form, &bytes, &data)) != MULTIPART_MORE) {
        if (e == MULTIPART_PART)
            begin_part(u);
        else if (e == MULTIPART_DATA)
            take_bytes(c->sim, u, data);
        else if (e == MULTIPART_BAD)
            u->bad = true;
    }
    if (last)
        finish_upload(c);
}

/* ---- asked for ---- */

struct sl_str sim_file_content(struct sim *s, struct sl_str id)
{
    for (size_t i = 0; s->files != NULL && i < FILES_MAX; i++)
        if (id.n > 0 && sl_str_eq(sl_str_c(s->files->v[i].id), id) && s->files->v[i].whole)
            return sl_buf_str(&s->files->v[i].kept);
    return SL_STR_NONE;
}

static struct sim_file *find(struct sim *s, struct sl_str id)
{
    for (size_t i = 0; s->files != NULL && id.n > 0 && i < FILES_MAX; i++)
        if (sl_str_eq(sl_str_c(s->files->v[i].id), id))
            return &s->files->v[i];
    return NULL;
}

/* Made up, as long as there is room; the rest when there is room again. */
void sim_file_go(struct sim_call *c)
{
    char piece[PIECE];
    while (c->file_left > 0 && !c->released && http_stream_room(c->s) > 0) {
        size_t n = c->file_left < PIECE ? (size_t)c->file_left : PIECE;
        for (size_t i = 0; i < n; i++)
            piece[i] = (char)((c->file_at + i) % 251);
        c->file_at += n;
        c->file_left -= n;
        sim_send(c, sl_str_of(piece, n), c->file_left == 0);
    }
    if (c->file_left == 0 && !c->released)
        sim_finish(c, true);
}

static void answer_content(struct sim_call *c, const struct sim_file *f)
{
    struct sl_str type = SL_STR("application/octet-stream");
    sim_faults_choose(c);
    if (f->whole) {
        if (!sim_fault_bytes(c, sl_buf_str(&f->kept), type))
            sim_answer(c, 200, type, sl_buf_str(&f->kept));
        return;
    }
    sim_head(c, 200, type, (int64_t)f->bytes, NULL);
    c->file_left = f->bytes;
    sim_file_go(c);
}

static void answer_list(struct sim_call *c)
{
    struct sl_buf b;
    bool any = false;
    sl_buf_init(&b, SIM_ANSWER_MAX);
    sl_buf_adds(&b, SL_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; c->sim->files != NULL && i < FILES_MAX; i++) {
        if (c->sim->files->v[i].id[0] == 0)
            continue;
        sl_buf_adds(&b, any ? SL_STR(",") : SL_STR_NONE);
        any = true;
        write_file(c, &b, &c->sim->files->v[i]);
    }
    sl_buf_adds(&b, SL_STR("],\"has_more\":false}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
}

static void answer_deleted(struct sim_call *c, struct sim_file *f)
{
    struct sl_str id = sl_arena_str(c->s->arena, sl_str_c(f->id));
    f->id[0] = 0;
    sim_answer(
        c, 200, SIM_JSON,
        is_anthropic(c)
            ? sl_arena_printf(c->s->arena, "{\"id\":\"" SL_STR_FMT "\",\"type\":\"file_deleted\"}", SL_STR_ARG(id))
            : sl_arena_printf(c->s->arena, "{\"id\":\"" SL_STR_FMT "\",\"object\":\"file\",\"deleted\":true}",
                              SL_STR_ARG(id)));
}

bool sim_files_serve(struct sim_call *c)
{
    struct sl_str path = path_of(c);
    if (!sl_str_starts(path, SL_STR("/files")) || (path.n > 6 && path.p[6] != '/'))
        return false;
    c->format = &sim_file_format;
    struct sl_str rest = sl_str_from(path, path.n > 6 ? 7 : 6), id = sl_str_cut(&rest, '/');
    if (id.n == 0 && c->r->method == HTTP_GET) {
        answer_list(c);
        return true;
    }
    struct sim_file *f = find(c->sim, id);
    if (f == NULL) {
        struct sl_str message =
            sl_arena_printf(c->s->arena, "No such File object: " SL_STR_FMT, SL_STR_ARG(sl_str_head(id, 100)));
        sim_refuse(c, &(struct sim_error){.status = 404, .type = "invalid_request_error", .message = message.p});
    } else if (rest.p != NULL) {
        answer_content(c, f);
    } else if (c->r->method == HTTP_DELETE) {
        answer_deleted(c, f);
    } else {
        answer_file(c, f);
    }
    return true;
}
