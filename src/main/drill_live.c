/* POST and GET /api/drill: a declared fault on the running gateway's own traffic, where drill.live allows it. On the admin thread. */
#include "base/clock.h"
#include "dialect/json_tree.h"
#include "main/gateway.h"

#define FAILURES 10u /* that clients may see, where the order does not say */

static int refuse(struct sl_buf *out, int status, const char *why)
{
    sl_buf_adds(out, SL_STR("{\"ok\":false,\"error\":"));
    sl_buf_add_json(out, sl_str_c(why));
    sl_buf_adds(out, SL_STR("}\n"));
    return status;
}

static int tell(struct gateway *g, struct sl_buf *out)
{
    struct live_drill_told t;
    live_drill_tell(&g->drill, sl_clock_mono_ns(), &t);
    sl_buf_addf(out, "{\"ok\":true,\"running\":%s", t.was && t.end == LIVE_DRILL_RUNS ? "true" : "false");
    if (t.was) {
        sl_buf_adds(out, SL_STR(",\"target\":"));
        sl_buf_add_json(out, sl_str_c(t.target));
        sl_buf_adds(out, SL_STR(",\"fault\":"));
        sl_buf_add_json(out, sl_str_c(t.fault));
        sl_buf_addf(out,
                    ",\"ended\":\"%s\",\"attempts\":%llu,\"faults\":%llu,\"client_failures\":%llu,\"left_ms\":%lld",
                    live_drill_ends[t.end], (unsigned long long)t.attempts, (unsigned long long)t.faults,
                    (unsigned long long)t.failures, (long long)(t.left_ns / SL_MS));
    }
    sl_buf_adds(out, SL_STR("}\n"));
    return 200;
}

/* Of the configuration as it is now. */
static const char *not_allowed(struct gateway *g, struct sl_str target)
{
    struct sl_str rest = target, provider = sl_str_cut(&rest, '/');
    pthread_mutex_lock(&g->lock);
    struct snapshot *snap = snapshot_ref(g->snapshot);
    pthread_mutex_unlock(&g->lock);
    const struct settings *s = snapshot_settings(snap);
    const char *why = !s->drill.live                           ? "drill.live is not on: this gateway allows no drill"
                      : settings_provider(s, provider) == NULL ? "there is no such provider"
                                                               : NULL;
    snapshot_unref(snap);
    return why;
}

/* Absent: `preset`. */
static bool number(const struct json_tree *t, const char *name, uint64_t preset, uint64_t *out)
{
    const struct json_node *v = json_got(t, json_root(t), sl_str_c(name));
    *out = preset;
    return v == NULL || json_u64_of(t, v, out);
}

static int begin(struct gateway *g, const struct json_tree *t, const struct sl_addr *peer, struct sl_arena *a,
                 struct sl_buf *out)
{
    uint64_t percent, ms, failures;
    char from[SL_ADDR_TEXT];
    const char *why = NULL;
    if (!number(t, "percent", 0, &percent) || !number(t, "for_ms", 0, &ms) ||
        !number(t, "max_failures", FAILURES, &failures) || percent > 100 || failures > UINT32_MAX ||
        ms > LIVE_DRILL_FOR_MAX_NS / SL_MS)
        return refuse(out, 400, "percent is from 1 to 100, for_ms at most 3600000, max_failures a number");
    const struct live_drill_order o = {
        .target = json_plain_of(t, json_got(t, json_root(t), SL_STR("target")), a),
        .fault = json_plain_of(t, json_got(t, json_root(t), SL_STR("fault")), a),
        .percent = (uint32_t)percent,
        .for_ns = (int64_t)ms * SL_MS,
        .failures = (uint32_t)failures,
    };
    why = not_allowed(g, o.target);
    if (why != NULL)
        return refuse(out, 403, why);
    enum sl_err e = live_drill_begin(&g->drill, &o, sl_clock_mono_ns(), &why);
    if (e != SL_OK)
        return refuse(out, e == SL_EEXIST ? 409 : 400, why);
    sl_addr_text(peer, from);
    SL_LOG(SL_LOG_WARN, "drill.began", SL_LS("target", o.target), SL_LS("fault", o.fault), SL_LI("percent", percent),
           SL_LI("for_ms", ms), SL_LI("max_failures", failures), SL_LC("by", from));
    return tell(g, out);
}

int gateway_drill(void *gateway, const struct sl_str *body, const struct sl_addr *peer, struct sl_arena *a,
                  struct sl_buf *out)
{
    struct gateway *g = gateway;
    struct json_tree t;
    if (body == NULL)
        return tell(g, out);
    if (!json_tree_read(&t, *body, a) || json_kind_of(json_root(&t)) != JSON_OBJECT)
        return refuse(out, 400, "the body is no JSON object");
    if (json_kind_of(json_got(&t, json_root(&t), SL_STR("stop"))) == JSON_TRUE) {
        live_drill_stop(&g->drill);
        return tell(g, out);
    }
    return begin(g, &t, peer, a, out);
}
