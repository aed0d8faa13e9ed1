/* Batches and files that are being made at providers. A create is sent once, and nobody can ask again what became of it: so a row says that it is
 * on its way before the first byte leaves, and goes with the row of the batch, or when the provider has refused it. What stays is
 * looked for in the provider's own list (batch_desk.c): docs/internals/files.md. */
#include "base/log.h"
#include "exchange/exchange_int.h"

bool intent_is_due(const struct exchange *x)
{
    enum operation op = x->match.op;
    bool creates = op == OP_BATCH_CREATE || op == OP_MESSAGE_BATCH_CREATE || op == OP_FILE_CREATE ||
                   op == OP_UPLOAD_COMPLETE;
    return creates && x->object.intent.n == 0;
}

struct response_job *intent_job(struct exchange *x, const struct store_object *o, const struct provider *p)
{
    bool file = x->match.op == OP_FILE_CREATE || x->match.op == OP_UPLOAD_COMPLETE;
    char id[SL_ID_TEXT];
    struct response_job *j = objects_new_job(x, RJ_OBJECT_PUT);
    sl_id_text(x->id, id);
    x->object.intent = sl_arena_str(x->a, sl_str_c(id));
    j->synced = true;
    j->o = (struct store_object){
        .kind = STORE_OBJECT_INTENT,
        .id = sl_arena_str(&j->a, sl_str_c(id)),
        .key = x->key->id,
        .tenant = sl_arena_str(&j->a, x->key->tenant),
        .provider = sl_arena_str(&j->a, p->name),
        .made_ns = sl_loop_wall(x->env->loop),
    };
    if (file) {
        x->object.row = o;
        j->o.body = file_intent_body(x, &j->a);
    } else if (o != NULL) {
        j->o.body = sl_arena_str(&j->a, o->id);
    }
    if (o != NULL)
        memcpy(j->o.credential, o->credential, sizeof o->credential);
    else if (p->n_credentials > 0)
        stored_digest(x, p, objects_credential(x) % p->n_credentials, j->o.credential);
    return j;
}

struct response_job *intent_end(struct exchange *x, const struct try *t)
{
    bool cut = x->upload != NULL && !x->body_done; /* the provider never had a whole request */
    bool declined = t == NULL || !t->result.sent || cut || (t->status >= 400 && t->status < 500);
    if (!declined) {
        SL_LOG(SL_LOG_WARN,
               x->op->object == OBJECT_FILE || x->op->object == OBJECT_UPLOAD ? "files.unclear" : "batches.unclear",
               SL_LS("provider", t->candidate->provider), SL_LS("intent", x->object.intent));
        return NULL;
    }
    struct response_job *j = objects_new_job(x, RJ_OBJECT_DROP);
    j->o.kind = STORE_OBJECT_INTENT;
    j->id = sl_arena_str(&j->a, x->object.intent);
    return j;
}
