/* OpenAI's uploads in parts (openai.md 15): one is begun, gets parts, is completed to a file or cancelled. All of it goes to the account
 * that began it, as it came; rows say whose the upload, its parts and its file are. docs/internals/files.md. */
#include "base/die.h"
#include "dialect/json_tree.h"
#include "exchange/exchange_int.h"

#define PARTS_MAX 8192u /* 8 GB in pieces of 1 MB */

static enum step refuse_parts(struct exchange *x, enum gateway_error e, const char *message)
{
    return objects_refuse(x, e, "part_ids", sl_str_c(message));
}

/* Refused before anything is begun. */
static enum step look_at_size(struct exchange *x, const struct json_tree *t)
{
    uint64_t bytes = 0, max = x->snap->set.files.max_bytes;
    if (json_u64_of(t, json_got(t, json_root(t), SL_STR("bytes")), &bytes) && bytes > max)
        return objects_refuse(
            x, GE_MEMBER_VALUE, "bytes",
            sl_arena_printf(x->a, "At most %llu bytes are taken here (files.max_bytes).", (unsigned long long)max));
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

/* The parts that complete it: each must be this tenant's. */
enum step upload_parts_understand(struct exchange *x)
{
    struct json_tree t;
    if (!json_tree_read(&t, x->body_text, x->a))
        return exchange_refuse(x, GE_BODY_INVALID);
    if (x->match.op == OP_UPLOAD_CREATE)
        return look_at_size(x, &t);
    const struct json_node *list = json_got(&t, json_root(&t), SL_STR("part_ids"));
    if (json_kind_of(list) != JSON_ARRAY)
        return refuse_parts(x, list == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, "'part_ids' must be a list of ids.");
    if (list->children == 0 || list->children > PARTS_MAX)
        return refuse_parts(x, GE_MEMBER_VALUE, "'part_ids' must have 1 to 8192 ids.");
    x->object.parts = sl_arena_alloc(x->a, list->children * sizeof *x->object.parts);
    for (JSON_EACH(&t, list, v)) {
        struct sl_str id = json_plain_of(&t, v, x->a);
        if (json_kind_of(v) != JSON_STRING)
            return refuse_parts(x, GE_MEMBER_TYPE, "'part_ids' must be a list of ids.");
        if (!objects_is_id(id))
            return refuse_parts(x, GE_OBJECT_UNKNOWN, "A part that the request names was not found.");
        x->object.parts[x->object.n_parts++] = id;
    }
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

static enum step ask_parts(struct exchange *x)
{
    struct response_job *j = objects_new_job(x, RJ_OBJECT_REFS);
    struct sl_str *items = sl_arena_alloc(&j->a, x->object.n_parts * sizeof *items);
    for (size_t i = 0; i < x->object.n_parts; i++)
        items[i] = sl_arena_str(&j->a, x->object.parts[i]);
    j->o.kind = STORE_OBJECT_UPLOAD_PART;
    j->items = items;
    j->n_items = x->object.n_parts;
    return objects_ask(x, j);
}

enum step upload_parts_found(struct exchange *x, const struct response_job *j, bool *out_go)
{
    if (j->kind == RJ_OBJECT_FIND) {
        if (j->found != RF_OK)
            return objects_refuse_unknown(x, x->object.id);
        x->object.row = &j->o;
        return ask_parts(x);
    }
    if (j->found != RF_OK) /* somebody else's, or of uploads at several places */
        return refuse_parts(x, GE_OBJECT_UNKNOWN, "A part that the request names was not found.");
    *out_go = true;
    return STEP_GO;
}

struct sl_str upload_parts_path(struct exchange *x)
{
    static const char *const verbs[OP_COUNT] = {
        [OP_UPLOAD_PART] = "/parts", [OP_UPLOAD_COMPLETE] = "/complete", [OP_UPLOAD_CANCEL] = "/cancel"};
    const char *verb = verbs[x->match.op];
    if (verb == NULL)
        return SL_STR("/uploads");
    return sl_arena_printf(&x->attempt_arena, "/uploads/" SL_STR_FMT "%s", SL_STR_ARG(x->object.id), verb);
}

struct response_job *upload_parts_job(struct exchange *x, const struct try *t)
{
    struct sl_str body = sl_chunks_flat(&x->held), id = objects_member(body, "id");
    struct json_info info;
    if (!objects_is_id(id) || json_scan(body, NULL, 0, NULL, &info) != JSON_OK)
        return NULL;
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PUT);
    bool part = x->match.op == OP_UPLOAD_PART;
    objects_fill(x, t, j, part ? STORE_OBJECT_UPLOAD_PART : STORE_OBJECT_UPLOAD, id, body, &j->o);
    j->intent = sl_arena_str(&j->a, x->object.intent);
    if (x->object.intent.n > 0)
        sl_die_at("file_taken");
    struct sl_str file = objects_member_value(body, "file"), file_id = objects_member(file, "id");
    if (x->match.op == OP_UPLOAD_COMPLETE && objects_is_id(file_id)) {
        j->objects = SL_ARENA_NEW(&j->a, struct store_object);
        j->n_objects = 1;
        objects_fill(x, t, j, STORE_OBJECT_FILE, file_id, file, &j->objects[0]);
    }
    return j;
}
