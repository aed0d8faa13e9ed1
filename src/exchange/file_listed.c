/* Whether a file of a provider's list is one whose answer was lost (file_intent.c); pure. docs/internals/files.md. */
#include "base/clock.h"
#include "dialect/json_tree.h"
#include "exchange/batch_int.h"

#define CLOCKS_NS (5 * SL_SEC) /* the provider's may go differently */

bool file_intent_is(struct sl_str body)
{
    return body.n > 0 && body.p[0] == '{';
}

static int64_t number_of(const struct json_tree *t, const struct json_node *of, const char *name)
{
    uint64_t n = 0;
    return json_u64_of(t, json_get(t, of, sl_str_c(name)), &n) && n < INT64_MAX ? (int64_t)n : -1;
}

bool file_intent_read(struct sl_str body, struct sl_arena *a, struct file_intent *out)
{
    struct json_tree t;
    if (!json_tree_read(&t, body, a))
        return false;
    const struct json_node *root = json_root(&t), *anthropic = json_get(&t, root, SL_STR("anthropic"));
    *out = (struct file_intent){
        .filename = json_plain_of(&t, json_get(&t, root, SL_STR("filename")), a),
        .bytes = number_of(&t, root, "bytes"),
        .or_bytes = number_of(&t, root, "or"),
        .due_s = number_of(&t, root, "due"),
        .anthropic = anthropic != NULL && sl_str_eq(json_raw_of(&t, anthropic), SL_STR("true")),
    };
    return true;
}

/* Seconds, or "2026-11-22T01:02:03Z"; 0: neither. */
static int64_t time_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    static const struct {
        unsigned at, n, least, most;
    } parts[] = {{0, 4, 1970, 9999}, {5, 2, 1, 12}, {8, 2, 1, 31}, {11, 2, 0, 23}, {14, 2, 0, 59}, {17, 2, 0, 60}};
    uint64_t s = 0, n[6];
    struct sl_str text = json_plain_of(t, v, a);
    if (json_u64_of(t, v, &s))
        return s < INT64_MAX ? (int64_t)s : 0;
    for (size_t i = 0; i < 6; i++)
        if (text.n < 19 || !sl_str_to_u64(sl_str_of(text.p + parts[i].at, parts[i].n), &n[i]) ||
            n[i] < parts[i].least || n[i] > parts[i].most)
            return 0;
    const struct sl_civil c = {.year = (int64_t)n[0],
                               .month = (unsigned)n[1],
                               .day = (unsigned)n[2],
                               .hour = (unsigned)n[3],
                               .minute = (unsigned)n[4],
                               .second = (unsigned)n[5]};
    return sl_civil_to_s(&c);
}

struct sl_str file_listed(struct sl_str list, size_t *at, const struct file_intent *want, int64_t from_ns,
                          struct sl_str *out_id, struct sl_arena *a)
{
    struct json_tree t;
    size_t n = 0;
    bool known = want->bytes > 0 && want->filename.n > 0;
    if ((!known && !want->any_size) || !json_tree_read(&t, list, a))
        return SL_STR_NONE;
    const struct json_node *data = json_get(&t, json_root(&t), SL_STR("data"));
    for (JSON_EACH(&t, data, it)) {
        if (n++ < *at)
            continue;
        *at = n;
        int64_t bytes = number_of(&t, it, want->anthropic ? "size_bytes" : "bytes");
        int64_t made_s = time_of(&t, json_get(&t, it, SL_STR("created_at")), a);
        *out_id = json_plain_of(&t, json_get(&t, it, SL_STR("id")), a);
        bool sized = want->any_size || bytes == want->bytes || bytes == want->or_bytes;
        bool named = (want->any_size && want->filename.n == 0) ||
                     sl_str_eq(json_plain_of(&t, json_get(&t, it, SL_STR("filename")), a), want->filename);
        if (out_id->n > 0 && sized && named && made_s >= (from_ns - CLOCKS_NS) / SL_SEC &&
            made_s <= want->due_s + CLOCKS_NS / SL_SEC)
            return json_raw_of(&t, it);
    }
    return SL_STR_NONE;
}

bool file_list_is_whole(struct sl_str list, int64_t from_ns, struct sl_arena *a)
{
    struct json_tree t;
    int64_t oldest_s = INT64_MAX;
    if (!json_tree_read(&t, list, a))
        return false;
    if (json_kind_of(json_get(&t, json_root(&t), SL_STR("has_more"))) != JSON_TRUE)
        return true;
    for (JSON_EACH(&t, json_get(&t, json_root(&t), SL_STR("data")), it))
        oldest_s = time_of(&t, json_get(&t, it, SL_STR("created_at")), a);
    return oldest_s < (from_ns - CLOCKS_NS) / SL_SEC;
}
