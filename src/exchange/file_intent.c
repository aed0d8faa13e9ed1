/* Files that are being made at providers: what their row says before the first byte leaves. Whether a file of the provider's list is
 * the one that it tells of: file_listed.c. Ids are the provider's, so a file whose answer was lost can only be told by what the client called it, how
 * many bytes it must have, and when it came: all three, and nobody else's row may say the same. docs/internals/files.md. */
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"
#include "exchange/exchange_int.h"

static struct sl_str write(struct sl_arena *a, struct sl_str name, uint64_t bytes, uint64_t more, bool anthropic,
                           int64_t due_ns)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    sl_buf_adds(&b, SL_STR("{\"filename\":"));
    sl_buf_add_json(&b, name);
    sl_buf_addf(&b, ",\"bytes\":%llu,\"or\":%llu,\"anthropic\":%s,\"due\":%lld}", (unsigned long long)bytes,
                (unsigned long long)(bytes + more), anthropic ? "true" : "false", (long long)(due_ns / SL_SEC));
    struct sl_str body = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return body;
}

struct sl_str file_intent_body(struct exchange *x, struct sl_arena *a)
{
    struct sl_str name = SL_STR_NONE;
    uint64_t bytes = 0, more = 0;
    int64_t due = sl_loop_wall(x->env->loop) + x->snap->set.files.time_ns;
    struct json_tree t;
    if (x->match.op == OP_FILE_CREATE) {
        uploads_file(x, &name, &bytes, &more);
    } else if (json_tree_read(&t, x->object.row->body, x->a)) { /* the upload as it was created: all of it is known */
        name = json_plain_of(&t, json_get(&t, json_root(&t), SL_STR("filename")), x->a);
        (void)json_u64_of(&t, json_get(&t, json_root(&t), SL_STR("bytes")), &bytes);
    }
    return write(a, name, bytes, more, x->dialect->errors == ERRORS_ANTHROPIC, due);
}
