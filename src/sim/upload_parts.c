/* OpenAI's uploads in parts: openai.md 15. Parts are kept up to SIM_FILE_KEPT bytes, together too; of larger ones the file's content is made up. */
#include "base/mem.h"
#include "sim/ask.h"
#include "sim/sim_int.h"

#define UPLOADS_MAX 64u /* the newest */
#define PARTS_MAX 128u
#define PART_BYTES_MAX (64u << 20)
#define UPLOAD_BYTES_MAX (8ull << 30)
#define ID_BYTES 40u

struct part {
    char id[ID_BYTES];
    uint64_t bytes;
    struct sl_buf content;
    bool whole;
};

struct upload {
    char id[ID_BYTES]; /* "": free */
    char name[128], type[64], purpose[32];
    const char *status;
    uint64_t bytes;
    int64_t made_s;
    struct part parts[PARTS_MAX];
    size_t n;
};

struct sim_parts {
    struct upload v[UPLOADS_MAX];
    uint64_t n;
};

static const struct sim_format sim_upload_format = {.name = "upload", .vendor = VENDOR_OPENAI};

static void forget(struct upload *u)
{
    for (size_t i = 0; i < u->n; i++)
        sl_buf_done(&u->parts[i].content);
    u->n = 0;
}

void sim_parts_free(struct sim_parts *s)
{
    for (size_t i = 0; s != NULL && i < UPLOADS_MAX; i++)
        forget(&s->v[i]);
    sl_free(s);
}

/* "/uploads/ID/VERB": what stands behind "/uploads". */
static bool rest_of(const struct sim_call *c, struct sl_str *out)
{
    struct sl_str path = c->r->path;
    if (sl_str_starts(path, SL_STR("/v1/")))
        path = sl_str_from(path, 3);
    if (!sl_str_starts(path, SL_STR("/uploads")) || (path.n > 8 && path.p[8] != '/'))
        return false;
    *out = sl_str_from(path, path.n > 8 ? 9 : 8);
    return true;
}

bool sim_parts_is_part(const struct sim_call *c)
{
    struct sl_str rest;
    return rest_of(c, &rest) && sl_str_ends(rest, SL_STR("/parts"));
}

static struct upload *find(struct sim_call *c)
{
    struct sl_str rest, id;
    if (!rest_of(c, &rest) || c->sim->parts == NULL)
        return NULL;
    id = sl_str_cut(&rest, '/');
    for (size_t i = 0; id.n > 0 && i < UPLOADS_MAX; i++)
        if (sl_str_eq(sl_str_c(c->sim->parts->v[i].id), id))
            return &c->sim->parts->v[i];
    return NULL;
}

static void refuse_unknown(struct sim_call *c)
{
    sim_refuse(
        c, &(struct sim_error){.status = 404, .type = "invalid_request_error", .message = "No such Upload object."});
}

static void answer(struct sim_call *c, const struct upload *u, struct sl_str file)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    sl_buf_addf(
        b, "{\"id\":\"%s\",\"object\":\"upload\",\"bytes\":%llu,\"created_at\":%lld,\"expires_at\":%lld,\"filename\":",
        u->id, (unsigned long long)u->bytes, (long long)u->made_s, (long long)u->made_s + 3600);
    sl_buf_add_json(b, sl_str_c(u->name));
    sl_buf_adds(b, SL_STR(",\"purpose\":"));
    sl_buf_add_json(b, sl_str_c(u->purpose));
    sl_buf_addf(b, ",\"status\":\"%s\",\"file\":" SL_STR_FMT "}", u->status,
                SL_STR_ARG(file.n > 0 ? file : SL_STR("null")));
    sim_faults_choose(c);
    if (!sim_fault_bytes(c, sl_buf_str(b), SIM_JSON))
        sim_answer(c, 200, SIM_JSON, sl_buf_str(b));
}

static void create(struct sim_call *c, yyjson_val *root)
{
    static const char *const needed[] = {"filename", "purpose", "mime_type", "bytes"};
    uint64_t bytes = yyjson_get_uint(yyjson_obj_get(root, "bytes"));
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (yyjson_obj_get(root, needed[i]) == NULL) {
            sim_say_no(c, "'%s' is a required property", needed[i]);
            return;
        }
    }
    if (bytes == 0 || bytes > UPLOAD_BYTES_MAX) {
        sim_say_no(c, "Invalid value for 'bytes'");
        return;
    }
    if (c->sim->parts == NULL)
        c->sim->parts = SL_NEW(struct sim_parts);
    struct upload *u = &c->sim->parts->v[c->sim->parts->n++ % UPLOADS_MAX];
    forget(u);
    u->status = "pending";
    u->bytes = bytes;
    u->made_s = sl_loop_wall(c->sim->loop) / SL_SEC;
    sim_keep(u->name, sizeof u->name, sim_str(yyjson_obj_get(root, "filename")));
    sim_keep(u->type, sizeof u->type, sim_str(yyjson_obj_get(root, "mime_type")));
    sim_keep(u->purpose, sizeof u->purpose, sim_str(yyjson_obj_get(root, "purpose")));
    sim_make_id(c, u->id, "upload_", 24);
    answer(c, u, SL_STR_NONE);
}

void sim_parts_add(struct sim_call *c, uint64_t bytes, const struct sl_buf *content, bool whole)
{
    struct upload *u = find(c);
    c->format = &sim_upload_format;
    if (u == NULL) {
        refuse_unknown(c);
        return;
    }
    if (u->status[0] != 'p' || u->n == PARTS_MAX || bytes > PART_BYTES_MAX) {
        sim_say_no(c, "%s", u->status[0] != 'p' ? "Upload is not pending." : "The part is too large.");
        return;
    }
    struct part *p = &u->parts[u->n++];
    *p = (struct part){.bytes = bytes, .whole = whole};
    sl_buf_init(&p->content, SIM_FILE_KEPT);
    sl_buf_adds(&p->content, sl_buf_str(content));
    sim_make_id(c, p->id, "part_", 24);
    sim_answer(c, 200, SIM_JSON,
               sl_arena_printf(c->s->arena,
                               "{\"id\":\"%s\",\"object\":\"upload.part\",\"created_at\":%lld,\"upload_id\":\"%s\"}",
                               p->id, (long long)(sl_loop_wall(c->sim->loop) / SL_SEC), u->id));
}

static const struct part *part_of(const struct upload *u, struct sl_str id)
{
    for (size_t i = 0; i < u->n; i++)
        if (sl_str_eq(sl_str_c(u->parts[i].id), id))
            return &u->parts[i];
    return NULL;
}

static void complete(struct sim_call *c, struct upload *u, yyjson_val *root)
{
    yyjson_val *ids = yyjson_obj_get(root, "part_ids");
    struct sl_buf all;
    uint64_t bytes = 0;
    bool whole = true, known = yyjson_is_arr(ids);
    sl_buf_init(&all, SIM_FILE_KEPT);
    for (size_t i = 0; known && i < yyjson_arr_size(ids); i++) {
        const struct part *p = part_of(u, sim_str(yyjson_arr_get(ids, i)));
        known = p != NULL;
        if (!known)
            break;
        bytes += p->bytes;
        whole = whole && p->whole && sl_buf_adds(&all, sl_buf_str(&p->content)) == SL_OK;
    }
    if (!known || u->status[0] != 'p') {
        sim_say_no(c, "%s", !known ? "A part was not found." : "Upload is not pending.");
    } else if (bytes != u->bytes) {
        sim_say_no(c, "The parts have %llu bytes, the upload has %llu.", (unsigned long long)bytes,
                   (unsigned long long)u->bytes);
    } else {
        u->status = "completed";
        answer(c, u, sim_file_make(c, sl_str_c(u->name), sl_str_c(u->purpose), bytes, whole ? &all : NULL));
        forget(u);
    }
    sl_buf_done(&all);
}

bool sim_parts_serve(struct sim_call *c, struct sl_str raw)
{
    struct sl_str rest;
    if (!rest_of(c, &rest) || c->r->method != HTTP_POST)
        return false;
    c->format = &sim_upload_format;
    sl_str_cut(&rest, '/');
    struct upload *u = find(c);
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    if (u == NULL && rest.n > 0) {
        refuse_unknown(c);
    } else if (rest.n == 0) {
        create(c, yyjson_doc_get_root(doc));
    } else if (sl_str_eq(rest, SL_STR("complete"))) {
        complete(c, u, yyjson_doc_get_root(doc));
    } else if (sl_str_eq(rest, SL_STR("cancel")) && u->status[0] == 'p') {
        u->status = "cancelled";
        answer(c, u, SL_STR_NONE);
    } else {
        sim_say_no(c, "Upload is not pending.");
    }
    yyjson_doc_free(doc);
    return true;
}
